import HTTP2
import TestSupport
import Testing

@testable import DataPlane

/// CONNECT, where it is configured (RFC 9110 §9.3.6): the host names a service by the rules, as for any request.
@Suite struct ConnectTests {
  private static let request = "CONNECT web:443 HTTP/1.1\r\nHost: web:443\r\n\r\n"

  private static var policy: ListenerPolicy {
    var policy = ListenerPolicy()
    policy.allowsConnect = true
    return policy
  }

  @Test func bytesGoToAnEndpointOfTheName() throws {
    let server = try ScriptedServer { connection, server, _ in try Switch.echo(connection, server) }
    let proxy = try ProxyHarness(server, policy: Self.policy)
    let caller = try proxy.connect()
    try caller.send(Self.request + "early")
    let text = try caller.read { $0.hasSuffix("early") }.text
    #expect(text == "HTTP/1.1 200 OK\r\n\r\nearly")
    try caller.send("more")
    #expect(try caller.expect("more"))
    let facts = try proxy.collect(ticket: 1)
    #expect(facts.requests.map(\.service) == ["/svc/web"] && facts.requests.map(\.responseClass) == [.success])
    #expect(facts.gauges.tunnels == 1 && facts.gauges.requestsInFlight == 0)
    caller.endWriting()
    #expect(try caller.readToOrderlyEnd().isEmpty)
    try proxy.waitUntilIdle()
  }

  /// A server that speaks first is heard.
  @Test func theServiceMaySpeakFirst() throws {
    let server = try ScriptedServer { connection, server, _ in
      try connection.send("220 ready\r\n")
      try Switch.echo(connection, server)
    }
    let proxy = try ProxyHarness(server, policy: Self.policy)
    let caller = try proxy.connect()
    try caller.send(Self.request)
    #expect(try caller.read { $0.hasSuffix("ready\r\n") }.text == "HTTP/1.1 200 OK\r\n\r\n220 ready\r\n")
  }

  /// What follows a refused CONNECT is no request: it was meant for somebody else.
  @Test(arguments: [
    (Self.request, 502, "connect-failed"), ("CONNECT nobody:1 HTTP/1.1\r\nHost: nobody:1\r\n\r\n", 502, "no-route"),
    ("CONNECT web:1 HTTP/1.1\r\nHost: web:1\r\nContent-Length: 4\r\n\r\nbody", 400, "bad-request"),
  ])
  func aRefusalEndsTheConnection(_ request: String, _ status: Int, _ error: String) throws {
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/1", policy: Self.policy)
    let caller = try proxy.connect()
    try caller.send(request + "GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    let answer = try #require(RawAnswer(complete: try caller.readToEnd()))
    #expect(answer.status == status && answer.field("heddle-error") == error && answer.field("connection") == "close", "\(answer)")
    #expect(try proxy.gauges().tunnels == 0)
  }

  // MARK: HTTP/2 (RFC 9113 §8.5)

  @Test func aStreamGoesToAnEndpointOfTheName() throws {
    let server = try ScriptedServer { connection, server, _ in
      try connection.send("220 ready\r\n")
      try Switch.echo(connection, server)
    }
    let proxy = try ProxyHarness(server, policy: Self.policy)
    let caller = try proxy.caller()
    let stream = caller.connect("web:443")
    caller.say("hello", on: stream)
    #expect(caller.expect("220 ready\r\nhello", on: stream) && caller.status[stream] == "200")
    caller.say("", on: stream, ends: true)
    caller.finish(stream)
    #expect(caller.closed[stream] == .noError)
    #expect(try proxy.collect(ticket: 1).requests.map(\.service) == ["/svc/web"])
    try wait { try proxy.gauges().tunnels == 0 }
  }

  @Test func aConnectionThatBreaksIsToldAsSuch() throws {
    let server = try ScriptedServer { connection, _, _ in
      _ = try connection.readSome()
      connection.reset()
    }
    let proxy = try ProxyHarness(server, policy: Self.policy)
    let caller = try proxy.caller()
    let stream = caller.connect("web:443")
    caller.waitForHead(stream)
    caller.say("x", on: stream)
    caller.finish(stream)
    #expect(caller.closed[stream] == .connectError)
  }

  @Test func aRefusalEndsTheStreamAlone() throws {
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/1", policy: Self.policy)
    let caller = try proxy.caller()
    for (authority, error) in [("web:443", "connect-failed"), ("nobody:1", "no-route")] {
      let stream = caller.connect(authority)
      caller.finish(stream)
      #expect(caller.status[stream] == "502" && caller.heads[stream]?["heddle-error"] == error)
    }
    let other = try ProxyHarness(try Switch.service())
    let closed = try other.caller()
    let stream = closed.connect("web:443")
    closed.finish(stream)
    #expect(closed.status[stream] == "405")
    #expect(try other.gauges().tunnels == 0)
  }

  @Test func tunnelsAreBounded() throws {
    let server = try ScriptedServer { connection, server, _ in try Switch.echo(connection, server) }
    var limits = ProxyLimits.patient
    limits.tunnels = 1
    let proxy = try ProxyHarness(server, limits: limits, policy: Self.policy)
    let open = try proxy.tunnel(Self.request)
    let refused = try proxy.send(Self.request)
    #expect(refused.status == 503 && refused.field("heddle-error") == "overload")
    try open.send("x")
    #expect(try open.expect("x"))
  }
}
