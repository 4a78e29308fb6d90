import JSONFormat
import Serving

extension API {
  static let proxyRoutes: [Route] = [
    Route(
      "GET", "/v1/proxies", id: "listProxies", "The proxies that are or were connected.",
      [.query("namespace", ["type": "string"], "Of this namespace only.")]
        + Route.Parameter.list.filter { $0.place == .query },
      answer: "ProxyList"
    ) { (call) throws(Problem) in
      let (token, limit) = (try call.token(), try call.limit())
      let all = call.api.mesh.proxies.list(namespace: call.text("namespace")).sorted { $0.id < $1.id }
      let page = Page(all.filter { $0.id > token?.after ?? "" }, limit: limit, revision: 0, key: \.id)
      return .json(200, .object(page.members("proxies", \.json)))
    },
    Route("GET", "/v1/proxies/{id}", id: "getProxy", "Shows a proxy.", answer: "Proxy") { (call) throws(Problem) in
      let id = try call.name("id")
      guard let proxy = call.api.mesh.proxies.list(namespace: nil).first(where: { $0.id == id }) else {
        throw .notFound("There is no proxy \(id).")
      }
      return .json(200, proxy.json)
    },
    Route(
      "DELETE", "/v1/proxies/{id}", id: "forgetProxy",
      "Forgets a proxy that will not come back; nobody waits for it any more.",
      answer: "Empty"
    ) { (call) throws(Problem) in
      let id = try call.name("id")
      guard call.api.mesh.proxies.forget(id) else { throw .notFound("There is no proxy \(id).") }
      return .json(200, .object([]))
    },
  ]
}

extension ProxyStatus {
  var json: JSON {
    var members: [JSON.Member] = [
      .init(name: "id", value: .string(id)), .init(name: "node", value: .string(node)),
      .init(name: "namespace", value: .string(namespace)), .init(name: "state", value: .string(state.rawValue)),
      .init(name: "address", value: .string(address)), .init(name: "zone", value: .string(zone)),
      .init(
        name: "labels",
        value: .object(labels.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: .string($0.value)) })),
      .init(name: "version", value: .string(version)),
      .init(name: "capabilities", value: .array(capabilities.map(JSON.string))),
      .init(name: "revision_held", value: JSON(revisionHeld)),
      .init(name: "revision_acknowledged", value: JSON(revisionAcknowledged)),
      .init(name: "last_seen", value: .string(lastSeen.rfc3339)),
    ]
    if let identity { members.append(.init(name: "identity", value: .string(identity))) }
    if let connectedSince { members.append(.init(name: "connected_since", value: .string(connectedSince.rfc3339))) }
    if let lastError { members.append(.init(name: "last_error", value: .string(lastError))) }
    if !warnings.isEmpty { members.append(.init(name: "warnings", value: .array(warnings.map(JSON.string)))) }
    return .object(members)
  }
}
