import JSONFormat
import MeshProtocol
import Serving
import SystemIO

extension API {
  static let serviceRoutes: [Route] = [
    Route(
      "GET", "/v1/namespaces/{ns}/services", id: "listServices", "Lists the registered services.", Route.Parameter.list,
      answer: "ServiceList"
    ) { (call) throws(Problem) in try call.listServices() },
    Route(
      "GET", "/v1/namespaces/{ns}/services/{name}", id: "getService", "Shows a service with its endpoints.",
      Route.Parameter.read,
      answer: "Service"
    ) { (call) throws(Problem) in try call.getService() },
    Route(
      "PUT", "/v1/namespaces/{ns}/services/{name}", id: "putService",
      "Makes a service or replaces its own fields and static endpoints; leased endpoints stay.", Route.Parameter.write,
      bodies: Route.Body.json("ServiceBody"), answer: "Service"
    ) { (call) async throws(Problem) in try await call.putService() },
    Route(
      "DELETE", "/v1/namespaces/{ns}/services/{name}", id: "deleteService", "Deletes a service with all its endpoints.",
      Route.Parameter.write, answer: "Written"
    ) { (call) async throws(Problem) in try await call.deleteService() },
  ]
}

/// A service as requests write it.
struct ServiceBody: Sendable {
  let fields: ServiceFields
  /// nil: the static endpoints stay as they are.
  let endpoints: [Endpoint]?

  static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> ServiceBody {
    var fields = Fields(json, at: pointer, &findings)
    let own = ServiceFields.read(&fields, &findings)
    var endpoints: [Endpoint]?
    if let items = fields.array("endpoints", atMost: Service.mostEndpoints, &findings) {
      endpoints = readEndpoints(items, at: fields.place("endpoints"), &findings)
    }
    fields.finish(
      answered: ["name", "revision", "changed_in", "endpoints_version", "endpoint_count", "warnings"], &findings)
    return ServiceBody(fields: own, endpoints: endpoints)
  }

  /// Leased endpoints, which an answer also lists, are skipped: they belong to who registered them.
  private static func readEndpoints(_ items: [JSON], at pointer: Pointer, _ findings: inout Findings) -> [Endpoint] {
    var endpoints: [Endpoint] = []
    var seen: Set<String> = []
    for (i, item) in items.enumerated() {
      guard let endpoint = Endpoint.read(item, address: nil, at: pointer / i, leased: true, &findings) else { continue }
      if !seen.insert(endpoint.address).inserted {
        findings.add(pointer / i / "address", "a second endpoint of this address")
      }
      if endpoint.ttl == nil { endpoints.append(endpoint) }
    }
    return endpoints
  }
}

extension Call {
  fileprivate func listServices() throws(Problem) -> HTTPResponse {
    let (token, limit) = (try token(), try limit())
    let state = try present(namespace())
    let names = Set(state.services.keys).union(state.serviceFields.keys)
    let page = Page(names.filter { $0 > token?.after ?? "" }.sorted(), limit: limit, revision: state.revision) { $0 }
    let head: [JSON.Member] = [.init(name: "revision", value: JSON(state.revision))]
    let tag = "\(state.revision)-\(state.endpointsVersion)"
    return try answer(tag: tag, .object(head + page.members("services") { .object(state.serviceSummary($0)) }))
  }

  fileprivate func getService() throws(Problem) -> HTTPResponse {
    let name = try name("name")
    let state = try present(namespace())
    guard state.hasService(name) else { throw .notFound("There is no service \(name).") }
    let value = JSON.object(
      controller.shownService(name, state) + [.init(name: "revision", value: JSON(state.revision))])
    // Leases count down and turn suspect without any version: such an answer is never "not modified".
    if state.services[name]?.endpoints.values.contains(where: { $0.ttl != nil }) == true {
      return .json(200, value, tag: state.serviceTag(name))
    }
    return try answer(tag: state.serviceTag(name), value)
  }

  fileprivate func putService() async throws(Problem) -> HTTPResponse {
    let (namespace, name) = (try namespace(), try name("name"))
    var findings = Findings()
    let body = ServiceBody.read(try json(), at: .root, &findings)
    try findings.check()
    let controller = controller
    return try await write(namespace: namespace, isNew: { !$0.hasService(name) }) { (edit) throws(Problem) in
      let isNew = !edit.state.hasService(name)
      try edit.putService(name, body)
      return .init(status: isNew ? 201 : 200, location: isNew ? "/v1/namespaces/\(namespace)/services/\(name)" : nil) {
        state in
        controller.shownService(name, state)
      }
    }
  }

  fileprivate func deleteService() async throws(Problem) -> HTTPResponse {
    let name = try name("name")
    return try await write(namespace: try namespace()) { (edit) throws(Problem) in
      try edit.removeService(name)
      return .init()
    }
  }
}

extension Edit {
  mutating func putService(_ name: String, _ body: ServiceBody) throws(Problem) {
    if body.fields.isEmpty { remove(.service, name) } else { put(.service, name, .service(body.fields)) }
    if state.services[name] == nil { touchService(name) }
    if let endpoints = body.endpoints { try replaceStatic(endpoints, in: name) }
  }

  mutating func removeService(_ name: String) throws(Problem) {
    guard state.hasService(name) else { throw .notFound("There is no service \(name).") }
    remove(.service, name)
    dropService(name)
  }
}

// MARK: showing

extension NamespaceState {
  /// Endpoints change without a revision, so both are in the tag.
  func serviceTag(_ name: String) -> String { "\(revision)-\(services[name]?.version ?? 0)" }

  fileprivate func serviceSummary(_ name: String) -> [JSON.Member] {
    [.init(name: "name", value: .string(name))] + fields(name).members + [
      .init(name: "endpoint_count", value: JSON(services[name]?.endpoints.count ?? 0)),
      .init(name: "endpoints_version", value: JSON(services[name]?.version ?? 0)),
    ]
  }
}

extension Controller {
  func shownService(_ name: String, _ state: NamespaceState) -> [JSON.Member] {
    let service = state.services[name]
    let endpoints = (service?.endpoints.values.sorted { $0.address < $1.address } ?? []).map {
      shownEndpoint($0, of: name, state)
    }
    return [.init(name: "name", value: .string(name))] + state.fields(name).members + [
      .init(name: "endpoints", value: .array(endpoints.map(JSON.object))),
      .init(name: "endpoints_version", value: JSON(service?.version ?? 0)),
    ]
  }

  func shownEndpoint(_ endpoint: Endpoint, of service: String, _ state: NamespaceState) -> [JSON.Member] {
    let key = LeaseKey(namespace: state.name, service: service, address: endpoint.address)
    guard endpoint.ttl != nil, let lease = lease(key) else {
      return endpoint.members + [.init(name: "state", value: .string(endpoint.ttl == nil ? "static" : "leased"))]
    }
    let left = max(Duration.zero, lease.deadline - clocks.monotonic())
    return endpoint.members + [
      .init(name: "state", value: .string(lease.isSuspect ? "suspect" : "leased")),
      .init(name: "expires_in", value: .string(left.configured)),
    ]
  }
}
