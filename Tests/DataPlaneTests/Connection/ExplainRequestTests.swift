import MeshProtocol
import Testing

@testable import DataPlane

/// `heddle-explain`: why did it go there?
@Suite struct ExplainRequestTests {
  @Test func theAnswerTellsTheWay() throws {
    let server = try ScriptedServer.saying("one")
    let proxy = try ProxyHarness(dtab: "/b => /$/inet/127.0.0.1/\(server.port) ; /svc/web => /a | /b")
    let answer = try proxy.get("web", fields: "heddle-explain: yes\r\n")
    #expect(answer.body == "one")
    let way = try #require(answer.field("heddle-explain"))
    for step in [
      "/svc/web; ", "file 1 /svc/web => /a | /b", "file 0 /b => /$/inet/127.0.0.1/\(server.port)",
      "127.0.0.1:\(server.port) (", "1 of 1 ready",
    ] { #expect(way.contains(step), "\(step) in \(way)") }
    #expect(RawAnswer.field("heddle-explain", in: try #require(server.requests.first)) == nil)
    #expect(try proxy.get("web").field("heddle-explain") == nil)
  }

  @Test func branchesAndTheRequestsOwnRulesAreNamed() throws {
    let server = try ScriptedServer.saying("one")
    let target = "/$/inet/127.0.0.1/\(server.port)"
    var binding = BindingPolicy()
    binding.overrides.systemNames = [try Prefix(parsing: "/$/inet")]
    let proxy = try ProxyHarness(
      dtab: "/b => \(target) ; /svc/web => 1 * \(target) & 3 * \(target)", binding: binding)
    let split = try #require(try proxy.get("web", fields: "heddle-explain: 1\r\n").field("heddle-explain"))
    #expect(split.contains("branch 25.0 %25") || split.contains("branch 75.0 %25"), "\(split)")
    let own = try proxy.get("web", fields: "heddle-explain: 1\r\nl5d-dtab: /svc/web => /b\r\n")
    #expect(try #require(own.field("heddle-explain")).contains("request 0 /svc/web => /b"))
  }

  @Test func onlySendsNothing() throws {
    let server = try ScriptedServer.saying("one")
    let proxy = try ProxyHarness(dtab: "/svc => /#/registry")
    proxy.answerWants(
      EndpointSet(
        name: try Path(parsing: "/#/registry/web"), version: 1, state: .bound,
        endpoints: [Endpoint(address: .loopback(port: server.port), text: "127.0.0.1:\(server.port)")]))
    let connection = try proxy.connect()
    try connection.send("POST / HTTP/1.1\r\nHost: web\r\nheddle-explain: only\r\nContent-Length: 3\r\n\r\nabc")
    let answer = try connection.readAnswer()
    #expect(answer.status == 200 && answer.field("content-type") == "application/json")
    #expect(answer.body.contains(#""name":"/svc/web""#) && answer.body.contains(#""pick":"/#/registry/web""#))
    #expect(answer.body.contains(#""address":"127.0.0.1:\#(server.port)","weight":1.0,"state":"ready""#), "\(answer.body)")
    #expect(server.requests.isEmpty)
    // The connection goes on.
    try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    #expect(try connection.readAnswer().body == "one")
  }

  @Test func onlySaysWhyThereIsNoWay() throws {
    let proxy = try ProxyHarness(dtab: "/svc/web => /a")
    let answer = try proxy.get("web", fields: "heddle-explain: only\r\n")
    #expect(answer.status == 200 && answer.body.contains("no rule matches"), "\(answer.body)")
  }

  @Test func turnedOffItIsNothing() throws {
    let server = try ScriptedServer.saying("one")
    var policy = ListenerPolicy()
    policy.explains = false
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)", policy: policy)
    let answer = try proxy.get("web", fields: "heddle-explain: only\r\n")
    #expect(answer.body == "one" && answer.field("heddle-explain") == nil)
  }
}
