import MeshProtocol
import Testing

@Suite struct RouteWireTests {
  private func resource(_ route: HTTPRoute) -> [UInt8] {
    var resource = Heddle_Mesh_V1_Resource()
    resource.key.kind = .route
    resource.key.name = "r"
    resource.revision = 9
    resource.route = .init(route.wire.encodedBytes())
    return resource.encodedBytes()
  }

  private func read(_ bytes: [UInt8]) throws -> HTTPRoute? {
    if case .route(let route) = try ConfigurationResource(decoding: bytes).body { return route }
    return nil
  }

  @Test func routesComeBackAsTheyWere() throws {
    let match = HTTPMatch(
      path: .regex("/a+"), method: "GET",
      headers: [FieldMatch(name: "a", value: .exact("")), FieldMatch(name: "b", value: .present)],
      query: [FieldMatch(name: "c", value: .regex(".*"))])
    let edits = HeaderEdits(
      set: [HeaderLine(name: "x", value: "")], add: [HeaderLine(name: "y", value: "z")], remove: ["w"])
    let to = try Path(parsing: "/svc/x")
    let actions: [HTTPRoute.Action] = [
      .forward(to, Rewrite()), .forward(to, Rewrite(host: "h:1", path: .full("/p"))),
      .redirect(Redirect(scheme: "https", host: "h", port: 8, path: .full("/p"), status: 308)),
      .redirect(Redirect(port: 8)), .respond(DirectResponse(status: 200, body: "b", contentType: "c")),
      .respond(DirectResponse(status: 204)),
    ]
    for action in actions {
      var route = HTTPRoute(
        hosts: [.exact("h"), .wildcard("i.j")], matches: [match, HTTPMatch()], action: action, responseHeaders: edits,
        created: 7)
      if route.target != nil { route.requestHeaders = edits }
      #expect(try read(resource(route)) == route)
    }
    let prefixed = HTTPRoute(
      matches: [HTTPMatch(path: .prefix("/a")), HTTPMatch(path: .prefix("/"))],
      action: .forward(to, Rewrite(path: .prefix(""))))
    #expect(try read(resource(prefixed)) == prefixed)
  }

  @Test func whatIsNoRouteIsRefusedByName() {
    var wire = Heddle_Mesh_V1_Resource()
    wire.key.kind = .route
    wire.key.name = "r"
    wire.route = .init(Heddle_Mesh_V1_Route().encodedBytes())
    let empty = #expect(throws: ResourceFault.self) { _ = try read(wire.encodedBytes()) }
    #expect(empty?.identity?.description == "route r")
    wire.route = .init([0xff, 0xff])
    #expect(throws: ResourceFault.self) { _ = try read(wire.encodedBytes()) }
    let bad = HTTPRoute(hosts: [.exact("a b")], action: .respond(DirectResponse(status: 1)))
    #expect(throws: ResourceFault.self) { _ = try read(resource(bad)) }
  }
}
