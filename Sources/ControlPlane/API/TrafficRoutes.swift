import JSONFormat
import MeshProtocol
import Serving
import Traffic

// HTTP routes as resources. (`Route` is what the API itself is made of.)

extension API {
  static let trafficRoutes: [Route] = [
    Route(
      "GET", "/v1/namespaces/{ns}/routes", id: "listRoutes", "Lists the HTTP routes by name.", Route.Parameter.list,
      answer: "RouteList"
    ) {
      (call) throws(Problem) in try call.listRoutes()
    },
    Route(
      "GET", "/v1/namespaces/{ns}/routes/{name}", id: "getRoute", "Shows an HTTP route.", Route.Parameter.read,
      answer: "Route"
    ) {
      (call) throws(Problem) in try call.getDocument(.route, "name")
    },
    Route(
      "PUT", "/v1/namespaces/{ns}/routes/{name}", id: "putRoute", "Makes or replaces an HTTP route.",
      Route.Parameter.write, bodies: Route.Body.json("RouteBody"), answer: "Route"
    ) { (call) async throws(Problem) in try await call.putRoute() },
    Route(
      "DELETE", "/v1/namespaces/{ns}/routes/{name}", id: "deleteRoute",
      "Deletes an HTTP route; less specific ones and the listener's other identifiers take over.",
      Route.Parameter.write, answer: "Written"
    ) { (call) async throws(Problem) in try await call.deleteDocument(.route, "name") },
  ]
}

extension Call {
  fileprivate func listRoutes() throws(Problem) -> HTTPResponse {
    let (token, limit) = (try token(), try limit())
    let state = try pinned(token)
    let all = state.routes.values.filter { $0.key.name > token?.after ?? "" }.sorted { $0.key.name < $1.key.name }
    let page = Page(all, limit: limit, revision: state.revision, key: \.key.name)
    let head: [JSON.Member] = [.init(name: "revision", value: JSON(state.revision))]
    return try answer(tag: String(state.revision), .object(head + page.members("routes", \.shown)))
  }

  fileprivate func putRoute() async throws(Problem) -> HTTPResponse {
    let (namespace, name) = (try namespace(), try name("name"))
    let key = DocumentKey(kind: .route, name: name)
    var findings = Findings()
    let read = HTTPRoute.read(try json(), at: .root, &findings)
    try findings.check()
    guard let route = read else { throw .malformed("The body is no route.") }
    return try await write(namespace: namespace, isNew: { $0[key] == nil }) { (edit) throws(Problem) in
      let isNew = edit.state[key] == nil
      edit.putRoute(name, route)
      let location = isNew ? "/v1/namespaces/\(namespace)/routes/\(name)" : nil
      return .init(status: isNew ? 201 : 200, location: location, places: [key: .root]) { $0.shown(key) }
    }
  }
}

extension Edit {
  /// Puts a route; its age is that of the first of its name.
  mutating func putRoute(_ name: String, _ route: HTTPRoute) {
    var route = route
    route.created = (state.route(name) ?? base.route(name))?.created ?? nextRevision
    put(.route, name, .route(route))
  }

  /// What is worth a look in a route that is fine by itself.
  mutating func warn(ofRoute key: DocumentKey, _ route: HTTPRoute) {
    warnIfShadowed(key, route)
    guard let target = route.target else { return }
    let delegation = Interpreter.delegate(target, rules: state.index)
    if delegation.concreteNames.isEmpty {
      add(
        Warning(
          code: "unknown_target",
          detail: "route \(key.name) leads to \(target), and no rule or split leads that to a service", key: key))
    }
    warnOfUnknownServices(key, .leaf(target))
  }

  /// Another route that matches exactly the same takes all of it when it is older.
  private mutating func warnIfShadowed(_ key: DocumentKey, _ route: HTTPRoute) {
    let shapes = RouteShape.all(of: route)
    let winners = shapes.compactMap { state.routeShapes.winner($0) }.filter { $0 != key.name }
    guard let first = winners.first else { return }
    let extent = winners.count == shapes.count ? "is never reached" : "is not reached by all it matches"
    add(
      Warning(
        code: "shadowed_route", detail: "route \(key.name) \(extent): route \(first) matches the same and is older",
        key: key))
  }
}
