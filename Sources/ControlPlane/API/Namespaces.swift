import JSONFormat
import Serving

extension API {
  static let namespaceRoutes: [Route] = [
    Route(
      "GET", "/v1/namespaces", id: "listNamespaces", "Lists the namespaces.", Route.Parameter.list,
      answer: "NamespaceList"
    ) {
      (call) throws(Problem) in try call.listNamespaces()
    },
    Route(
      "GET", "/v1/namespaces/{ns}", id: "getNamespace", "Shows a namespace.", Route.Parameter.read, answer: "Namespace"
    ) {
      (call) throws(Problem) in
      let state = try call.present(call.namespace())
      return try call.answer(tag: String(state.revision), .object(state.members(call.api)))
    },
    Route(
      "PUT", "/v1/namespaces/{ns}", id: "putNamespace", "Makes a namespace; one that exists stays as it is.",
      Route.Parameter.write,
      bodies: Route.Body.json("Empty"), answer: "Namespace"
    ) { (call) async throws(Problem) in try await call.putNamespace() },
    Route(
      "DELETE", "/v1/namespaces/{ns}", id: "deleteNamespace", "Deletes a namespace with everything in it.",
      Route.Parameter.write,
      answer: "Written"
    ) { (call) async throws(Problem) in
      try await call.write(namespace: call.namespace()) { (edit) in
        edit.removeNamespace()
        return .init()
      }
    },
  ]
}

extension Call {
  /// Namespaces have no common revision; the tag is made of all of them.
  fileprivate func listNamespaces() throws(Problem) -> HTTPResponse {
    let token = try token()
    let all = controller.namespaces
    let page = Page(all.filter { $0.name > token?.after ?? "" }, limit: try limit(), revision: 0, key: \.name)
    let tag = Facts.hex(all.map { "\($0.name)=\($0.revision)" }.joined(separator: ",").digest)
    return try answer(tag: tag, .object(page.members("namespaces") { .object($0.members(api)) }))
  }

  fileprivate func putNamespace() async throws(Problem) -> HTTPResponse {
    var findings = Findings()
    let fields = Fields(try optionalJSON(), at: .root, &findings)
    fields.finish(
      answered: ["name", "revision", "rules", "splits", "services", "connected_proxies", "warnings"], &findings)
    try findings.check()
    let (name, api) = (try namespace(), api)
    return try await write(namespace: name, creates: true, isNew: { !$0.isPresent }) { (edit) in
      .init(status: edit.base.isPresent ? 200 : 201, location: edit.base.isPresent ? nil : "/v1/namespaces/\(name)") {
        state in
        state.members(api).filter { $0.name != "revision" }
      }
    }
  }
}

extension NamespaceState {
  fileprivate func members(_ api: API) -> [JSON.Member] {
    [
      .init(name: "name", value: .string(name)), .init(name: "revision", value: JSON(revision)),
      .init(name: "rules", value: JSON(rules.count)), .init(name: "splits", value: JSON(splits.count)),
      .init(name: "services", value: JSON(services.count)),
      .init(name: "connected_proxies", value: JSON(api.mesh.proxies.connectedCount(namespace: name))),
    ]
  }
}
