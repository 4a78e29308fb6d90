import MeshProtocol
import Testing
import Traffic

@testable import DataPlane

/// Unions with branches that lead nowhere: their share fails, visibly, and no other branch gets it by chance (item 77).
@Suite struct UnboundBranchTests {
  private func path(_ text: String) throws -> Path { try Path(parsing: text) }

  /// A proxy for which `/#/registry/good` is a service that answers, `empty` has no endpoints, and nothing else exists.
  private func proxy(_ dtab: String) throws -> (proxy: ProxyHarness, server: ScriptedServer) {
    let server = try ScriptedServer.saying("good")
    let proxy = try ProxyHarness(dtab: dtab)
    let endpoint = Endpoint(address: .loopback(port: server.port), text: "127.0.0.1:\(server.port)")
    for (name, state, endpoints) in [
      ("/#/registry/good", NameState.bound, [endpoint]), ("/#/registry/empty", .bound, []), ("/#/registry/unknown", .negative, []),
    ] where dtab.contains(name) {
      proxy.answerWants(EndpointSet(name: try path(name), version: 1, state: state, endpoints: endpoints))
    }
    return (proxy, server)
  }

  /// What 400 requests get: answers of the service, and 503s.
  private func ask(_ proxy: ProxyHarness) throws -> (good: Int, refused: Int) {
    var (good, refused) = (0, 0)
    let connection = try proxy.connect()
    for _ in 0..<400 {
      try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
      let answer = try connection.readAnswer()
      if answer.status == 200 {
        #expect(answer.body == "good")
        good += 1
      } else {
        #expect(answer.status == 503 && answer.field("heddle-error") == "no-endpoints" && answer.field("l5d-err") != nil, "\(answer)")
        refused += 1
      }
    }
    return (good, refused)
  }

  @Test func theShareOfAnUnknownBackendFails() throws {
    // A quarter is bound, less than the half from which the others would take the rest.
    let mesh = try proxy("/svc/web => 1 * /#/registry/good & 3 * /#/registry/unknown")
    let (good, refused) = try ask(mesh.proxy)
    #expect((96...104).contains(good) && good + refused == 400)
    #expect(mesh.server.requests.count == good)
  }

  @Test func theShareOfABackendWithoutEndpointsFails() throws {
    let mesh = try proxy("/svc/web => 3 * /#/registry/good & 1 * /#/registry/empty")
    let (good, refused) = try ask(mesh.proxy)
    #expect((296...304).contains(good) && good + refused == 400)
  }

  @Test func aSplitThatSaysSoFailsEvenASmallShare() throws {
    let mesh = try proxy("/svc/a => /#/registry/good ; /svc/b => /#/registry/unknown")
    let dentry = try #require(
      try Dtab(parsing: "/svc/web => 3 * /#/registry/good & 1 * /#/registry/unknown").dentries.first)
    let split = RuleEntry(
      origin: .split(name: "web", revision: 1), order: RuleOrder(splitOn: dentry.prefix), dentry: dentry,
      branches: ["good", "unknown"], onUnbound: .fail)
    try run(split, mesh.proxy)
    let (good, refused) = try ask(mesh.proxy)
    #expect((296...304).contains(good) && good + refused == 400)
  }

  @Test func aSplitWithOneBackendOfWeightZeroFailsEveryRequest() throws {
    let mesh = try proxy("/svc/a => /#/registry/good")
    let good = NameTree.leaf(try path("/#/registry/good"))
    let dentry = Dentry(
      prefix: try Prefix(parsing: "/svc/web"), destination: .union([Weighted(weight: try #require(Weight(0)), tree: good)]))
    try run(
      RuleEntry(
        origin: .split(name: "web", revision: 1), order: RuleOrder(splitOn: dentry.prefix), dentry: dentry, branches: ["good"]),
      mesh.proxy)
    let (answered, refused) = try ask(mesh.proxy)
    #expect(answered == 0 && refused == 400)
  }

  private func run(_ split: RuleEntry, _ proxy: ProxyHarness) throws {
    proxy.worker.send(.run(RoutingTable(generation: 2, rules: RuleIndex([split]))))
    try proxy.wait { $0.contains { if case .running(_, 2) = $0 { true } else { false } } }
  }

  @Test func theOthersTakeASmallShareUnlessTheSplitForbidsIt() throws {
    let mesh = try proxy("/svc/web => 3 * /#/registry/good & 1 * /#/registry/unknown")
    let (good, refused) = try ask(mesh.proxy)
    #expect(good == 400 && refused == 0)
  }

  @Test(arguments: ["0 * /#/registry/good & 0 * /#/registry/empty", "/$/nil", "$"])
  func weightsThatSumToNothingAndNoBackendsFailEveryRequest(_ destination: String) throws {
    let mesh = try proxy("/svc/web => \(destination)")
    let (good, refused) = try ask(mesh.proxy)
    #expect(good == 0 && refused == 400)
    #expect(mesh.server.requests.count == 0)
  }
}
