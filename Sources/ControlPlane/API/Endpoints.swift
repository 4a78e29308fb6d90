import JSONFormat
import Serving
import SystemIO

extension API {
  static let endpointRoutes: [Route] = [
    Route(
      "PUT", "/v1/namespaces/{ns}/services/{name}/endpoints/{address}", id: "putEndpoint",
      "Registers an endpoint or renews its lease; makes the service. Moves no revision.", [.create],
      bodies: Route.Body.json("EndpointBody"), answer: "Endpoint"
    ) { (call) async throws(Problem) in try await call.putEndpoint() },
    Route(
      "DELETE", "/v1/namespaces/{ns}/services/{name}/endpoints/{address}", id: "deleteEndpoint",
      "Takes an endpoint away.",
      answer: "Written"
    ) { (call) async throws(Problem) in try await call.deleteEndpoint() },
  ]
}

extension Call {
  private func address() throws(Problem) -> String {
    var findings = Findings()
    let address = Endpoint.canonical(path["address"] ?? "", at: .root / "address", &findings)
    guard let address else {
      throw .malformed("The address in the path \(findings.faults.first?.detail ?? "is none").")
    }
    return address
  }

  fileprivate func putEndpoint() async throws(Problem) -> HTTPResponse {
    let (namespace, name, address) = (try namespace(), try name("name"), try address())
    var findings = Findings()
    let read = Endpoint.read(try optionalJSON(), address: address, at: .root, leased: true, &findings)
    try findings.check()
    guard let read else { throw .malformed("The body is no endpoint.") }
    let inherited = controller.state(namespace)?.fields(name).ttl
    if controller.renew(read.leased(for: read.ttl ?? inherited), in: name, of: namespace),
      let state = controller.state(namespace)
    {
      return answer(read.leased(for: read.ttl ?? inherited), name, state, status: 200)
    }
    return try await register(read, namespace, name)
  }

  private func register(_ endpoint: Endpoint, _ namespace: String, _ name: String) async throws(Problem) -> HTTPResponse
  {
    let controller = controller
    var order = WriteOrder(namespace: namespace, who: who) { (edit: inout Edit) throws(Problem) in
      let leased = endpoint.leased(for: endpoint.ttl ?? edit.state.fields(name).ttl)
      let isNew = edit.state.services[name]?.endpoints[endpoint.address] == nil
      try edit.register(leased, in: name)
      return .init(status: isNew ? 201 : 200) { state in controller.endpointMembers(leased, name, state) }
    }
    order.creates = try flag("create")
    let answer = try await controller.write(order).get()
    let tag = controller.state(namespace)?.serviceTag(name)
    return .json(answer.status, .object(answer.members), tag: tag)
  }

  private func answer(_ endpoint: Endpoint, _ service: String, _ state: NamespaceState, status: Int) -> HTTPResponse {
    .json(status, .object(controller.endpointMembers(endpoint, service, state)), tag: state.serviceTag(service))
  }

  fileprivate func deleteEndpoint() async throws(Problem) -> HTTPResponse {
    let (namespace, name, address) = (try namespace(), try name("name"), try address())
    let order = WriteOrder(namespace: namespace, who: who) { (edit: inout Edit) throws(Problem) in
      guard edit.unregister(address, from: name) else { throw .notFound("Service \(name) has no endpoint \(address).") }
      return .init { state in [.init(name: "endpoints_version", value: JSON(state.services[name]?.version ?? 0))] }
    }
    let answer = try await controller.write(order).get()
    return .json(200, .object(answer.members), tag: controller.state(namespace)?.serviceTag(name))
  }
}

extension Controller {
  fileprivate func endpointMembers(_ endpoint: Endpoint, _ service: String, _ state: NamespaceState) -> [JSON.Member] {
    [.init(name: "service", value: .string(service))] + shownEndpoint(endpoint, of: service, state) + [
      .init(name: "endpoints_version", value: JSON(state.services[service]?.version ?? 0))
    ]
  }
}
