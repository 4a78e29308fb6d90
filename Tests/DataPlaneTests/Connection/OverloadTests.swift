import MeshProtocol
import SystemIO
import Testing
import Traffic

@testable import DataPlane

/// More requests than can be served: what waits is bounded, the rest is told so at once, and nobody else is held up.
@Suite struct OverloadTests {
  private static let request = "GET / HTTP/1.1\r\nHost: web\r\n\r\n"

  /// Pipelined requests behind one that takes its time stay with the caller, and other callers are served meanwhile.
  @Test func oneRequestOfACallerIsUnderWayAtATime() throws {  // item 26
    let server = try ScriptedServer { connection, server, _ in
      while true {
        let request = try server.readRequest(connection)
        if request.isEmpty { return }
        if request.hasPrefix("GET /0 ") { for _ in 0..<10_000 where !server.isReleased { pause() } }
        try connection.send(ForwardingTests.hello)
      }
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let greedy = try proxy.connect()
    let count = 100
    try greedy.send((0..<count).map { "GET /\($0) HTTP/1.1\r\nHost: web\r\n\r\n" }.joined())
    try wait { server.requests.count == 1 }
    for _ in 0..<20 { #expect(try proxy.get("web", path: "/other").status == 200) }
    #expect(server.requests.filter { !$0.hasPrefix("GET /other ") }.count == 1)
    #expect(try proxy.gauges().requestsInFlight == 1)
    server.release()
    _ = try greedy.read { $0.components(after: "\r\n\r\n").count == count }
    let order = server.requests.filter { !$0.hasPrefix("GET /other ") }.map { $0.prefix { $0 != "H" } }
    #expect(order == (0..<count).map { "GET /\($0) " })
  }

  /// A concrete name that nobody answers for: so many requests may wait, the next is refused at once and may come again.
  @Test func waitersForANameAreBounded() throws {  // item 87
    var limits = ProxyLimits.patient
    limits.pendingPerName = 4
    let proxy = try ProxyHarness(dtab: "/svc => /#/registry", limits: limits)
    let waiting = try (0..<4).map { _ in try proxy.connect() }
    for caller in waiting { try caller.send(Self.request) }
    try wait { try proxy.gauges().requestsPending == 4 }
    let refused = try proxy.get("web")
    #expect(refused.status == 503 && refused.field("heddle-error") == "overload")
    #expect(refused.field("l5d-retryable") == "true" && refused.field("retry-after") == "1")
    #expect(try proxy.gauges().requestsPending == 4)

    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let endpoint = Endpoint(address: .loopback(port: server.port), text: "127.0.0.1:\(server.port)")
    let name = try Path(parsing: "/#/registry/web")
    proxy.worker.send(.endpoints(EndpointSet(name: name, version: 1, state: .bound, endpoints: [endpoint])))
    for caller in waiting { #expect(try caller.readAnswer().status == 200) }
  }

  @Test func requestsUnderWayForANameAreBounded() throws {  // item 87
    let server = try ScriptedServer { connection, server, _ in
      while try !server.readRequest(connection).isEmpty {
        for _ in 0..<10_000 where !server.isReleased { pause() }
        try connection.send(ForwardingTests.hello)
      }
    }
    var limits = ProxyLimits.patient
    limits.inFlightPerName = 3
    let target = "/$/inet/127.0.0.1/\(server.port)"
    let proxy = try ProxyHarness(dtab: "/svc/web => \(target) ; /svc/other => /$/nil", limits: limits)
    let busy = try (0..<3).map { _ in try proxy.connect() }
    for caller in busy { try caller.send(Self.request) }
    try wait { server.requests.count == 3 }
    let refused = try proxy.get("web")
    #expect(refused.status == 503 && refused.field("heddle-error") == "overload")
    #expect(try proxy.get("other").field("heddle-error") != "overload", "another name has room of its own")
    server.release()
    for caller in busy { #expect(try caller.readAnswer().status == 200) }
    #expect(try proxy.get("web").status == 200)
  }

  /// An endpoint that answers no connect, as one behind a firewall that drops: each request ends at the connect timeout.
  @Test func aSilentEndpointCostsTheConnectTimeoutAndNoMore() throws {  // item 87
    let full = Holding(try Socket.listen(on: .loopback(port: 0), backlog: 0))
    let port = full.socket.localAddress()?.port ?? 0
    // The queue of a listener that nobody accepts from takes one connection more than its backlog; the next one hangs.
    let filling = try (0..<2).map { _ in try Holding(Socket.connect(to: .loopback(port: port))) }
    var limits = ProxyLimits.patient
    limits.connect = .milliseconds(100)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(port)", limits: limits)
    for _ in 0..<3 {
      let answer = try proxy.get("web")
      #expect(["connect-failed", "no-endpoints"].contains(answer.field("heddle-error")), "\(answer)")
      #expect([502, 503].contains(answer.status) && answer.field("l5d-retryable") == "true")
    }
    try wait { try proxy.gauges().upstreamActive == 0 && proxy.gauges().requestsInFlight == 0 }
    _ = filling.count
  }
}
