import HTTP2
import SystemIO
import TestSupport
import Testing

@testable import DataPlane

/// Tunnels between HTTP/1.1 and HTTP/2 (RFC 8441): who asks for one, who agrees, and what everybody else is told.
@Suite struct ExtendedConnectTests {
  /// A request of HTTP/1.1 with the key of RFC 6455 §1.3.
  private static let upgrade =
    "GET /chat HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
  private static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

  @Test func theHandshakeIsTheStandards() {
    #expect(WebSocketHandshake(key: Array("dGhlIHNhbXBsZSBub25jZQ==".utf8)).accept == Array(Self.accept.utf8))
    #expect(WebSocketHandshake.key(0, 0) == Array("AAAAAAAAAAAAAAAAAAAAAA==".utf8))
  }

  // MARK: From HTTP/2

  @Test func toAServiceOfHTTP1() throws {
    let server = try Handshake.service()
    let proxy = try ProxyHarness(server)
    let caller = try proxy.caller()
    caller.run { caller.session.peerTakesExtendedConnect }
    let stream = caller.openTunnel(fields: [("sec-websocket-version", "13"), ("cookie", "a=1")])
    caller.say("early ", on: stream)
    #expect(caller.expect("early ", on: stream) && caller.status[stream] == "200")
    #expect(caller.heads[stream]?["sec-websocket-accept"] == nil && caller.heads[stream]?["upgrade"] == nil)
    let request = try #require(server.requests.first)
    #expect(request.hasPrefix("GET /chat HTTP/1.1\r\n") && RawAnswer.field("host", in: request) == "web")
    #expect(RawAnswer.field("upgrade", in: request) == "websocket" && RawAnswer.field("connection", in: request) == "upgrade")
    #expect(RawAnswer.field("sec-websocket-version", in: request) == "13" && RawAnswer.field("cookie", in: request) == "a=1")
    #expect(RawAnswer.field("sec-websocket-key", in: request)?.utf8.count == 24)
    #expect(request.hasSuffix("\r\n\r\n"), "nothing goes before the service has agreed")
    caller.say("more", on: stream)
    #expect(caller.expect("early more", on: stream))
    let facts = try proxy.collect(ticket: 1)
    #expect(facts.requests.map(\.responseClass) == [.success] && facts.attempts.map(\.responseClass) == [.success])
    #expect(facts.gauges.tunnels == 1 && facts.gauges.requestsInFlight == 0 && facts.gauges.downstreamConnections == 1)
    caller.say("", on: stream, ends: true)
    caller.finish(stream)
    #expect(caller.closed[stream] == .noError)
    let next = caller.openTunnel()
    caller.waitForHead(next)
    #expect(caller.status[next] == "200", "the connection goes on")
    let keys = server.requests.compactMap { RawAnswer.field("sec-websocket-key", in: $0) }
    #expect(Set(keys).count == 2, "\(keys)")
  }

  @Test func toAServiceOfHTTP2() throws {
    let service = try HTTP2Service.echo()
    let proxy = try ProxyHarness.toHTTP2(service.port)
    let caller = try proxy.caller()
    let streams = (0..<5).map { caller.openTunnel(fields: [("x-number", "\($0)")]) }
    for (number, stream) in streams.enumerated() {
      caller.say("hello \(number)", on: stream)
      #expect(caller.expect("hello \(number)", on: stream) && caller.status[stream] == "200")
      let seen = caller.heads[stream]?["x-seen"] ?? ""
      #expect(seen.hasPrefix(":method=CONNECT :protocol=websocket :scheme=http :path=/chat :authority=web "), "\(seen)")
      #expect(seen.contains("x-number=\(number)") && !seen.contains("sec-websocket-key") && !seen.contains(" upgrade="))
    }
    #expect(service.connections == 1)
    #expect(try proxy.gauges().tunnels == 5)
    for stream in streams {
      caller.say("!", on: stream, ends: true)
      caller.finish(stream)
      #expect(caller.closed[stream] == .noError && caller.text(stream).hasSuffix("!"))
    }
    try wait { try proxy.gauges().tunnels == 0 }
    let plain = caller.ask()
    caller.finish(plain)
    #expect(caller.text(plain) == "plain" && service.connections == 1, "the connections go on")
  }

  /// What the listener does not allow cannot be ignored: there is nothing else that the request could mean.
  @Test func otherProtocolsAreNotImplemented() throws {
    let server = try Handshake.service()
    let proxy = try ProxyHarness(server)
    let caller = try proxy.caller()
    for name in ["connect-udp", "h2c", "websocket/13"] {
      let stream = caller.openTunnel(name)
      caller.finish(stream)
      #expect(caller.status[stream] == "501" && caller.heads[stream]?["heddle-error"] == "bad-request")
    }
    let several = caller.openTunnel("websocket, chat")
    caller.finish(several)
    #expect(caller.status[several] == "400")
    let sized = caller.openTunnel(fields: [("content-length", "5")])
    caller.say("hello", on: sized, ends: true)
    caller.finish(sized)
    #expect(caller.status[sized] == "400" && server.connections == 0)
  }

  @Test func whatIsListedMayBeAskedFor() throws {
    var policy = ListenerPolicy()
    policy.upgrades = UpgradeTokens()
    #expect(policy.upgrades.add("chat/2") == nil)
    let server = try Switch.service(answer: Switch.answer.replacing("websocket", with: "chat/2"))
    let proxy = try ProxyHarness(server, policy: policy)
    let caller = try proxy.caller()
    let stream = caller.openTunnel("Chat/2")
    caller.say("hello", on: stream)
    #expect(caller.expect("hello", on: stream))
    #expect(RawAnswer.field("sec-websocket-key", in: try #require(server.requests.first)) == nil)
  }

  /// Item 70.
  @Test func whereNothingIsListedTheStreamIsReset() throws {
    var policy = ListenerPolicy()
    policy.upgrades = UpgradeTokens()
    let proxy = try ProxyHarness(try ScriptedServer.answering(ForwardingTests.hello), policy: policy)
    let caller = try proxy.caller()
    let stream = caller.openTunnel()
    caller.finish(stream)
    #expect(caller.closed[stream] == .protocolError && !caller.session.peerTakesExtendedConnect)
    let plain = caller.ask()
    caller.finish(plain)
    #expect(caller.text(plain) == "hello")
  }

  /// A success that is no switch would tell the caller of a tunnel that there is not.
  @Test(
    arguments: [
      (ForwardingTests.hello, "502", "upstream-protocol"),
      ("HTTP/1.1 204 No Content\r\n\r\n", "502", "upstream-protocol"),
      (Switch.answer, "502", "upstream-protocol"),  // no Sec-WebSocket-Accept
      (Handshake.answer(to: "", accept: accept), "502", "upstream-protocol"),  // another's
      ("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\nmore", "426", nil),
      ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "403", nil),
    ] as [(String, String, String?)])
  func aServiceThatDoesNotAgree(_ answer: String, _ status: String, _ error: String?) throws {
    let proxy = try ProxyHarness(try ScriptedServer.answering(answer))
    let caller = try proxy.caller()
    let stream = caller.openTunnel()
    caller.finish(stream)
    #expect(caller.status[stream] == status && caller.heads[stream]?["heddle-error"] == error)
    #expect(try proxy.gauges().tunnels == 0)
  }

  @Test func nobodyThere() throws {
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/1")
    let caller = try proxy.caller()
    let refused = caller.openTunnel()
    let unknown = caller.openTunnel(authority: "nobody", fields: [("content-type", "application/grpc")])
    caller.finish(refused, unknown)
    #expect(caller.status[refused] == "502" && caller.heads[refused]?["heddle-error"] == "connect-failed")
    #expect(caller.status[unknown] == "502" && caller.heads[unknown]?["heddle-error"] == "no-route")
  }

  @Test func tunnelsAreBounded() throws {
    var limits = ProxyLimits.patient
    limits.tunnels = 1
    let proxy = try ProxyHarness(try Handshake.service(), limits: limits)
    let caller = try proxy.caller()
    let open = caller.openTunnel()
    caller.waitForHead(open)
    let refused = caller.openTunnel()
    caller.finish(refused)
    #expect(caller.status[refused] == "503" && caller.heads[refused]?["heddle-error"] == "overload")
    caller.session.reset(open, .cancel)
    caller.run { caller.isOver(open) }
    try wait { try proxy.gauges().tunnels == 0 }
    let next = caller.openTunnel()
    caller.say("x", on: next)
    #expect(caller.expect("x", on: next))
  }

  // MARK: To HTTP/2

  @Test func anUpgradeToAServiceOfHTTP2() throws {
    let service = try HTTP2Service.echo()
    let proxy = try ProxyHarness.toHTTP2(service.port)
    let caller = try proxy.connect()
    try caller.send(Self.upgrade + "early")
    let text = try caller.read { $0.hasSuffix("early") }.text
    #expect(text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"), "\(text)")
    #expect(RawAnswer.field("sec-websocket-accept", in: text) == Self.accept && RawAnswer.field("upgrade", in: text) == "websocket")
    #expect(RawAnswer.field("x-seen", in: text)?.contains("sec-websocket-key") == false)
    caller.endWriting()
    #expect(try caller.readToOrderlyEnd().isEmpty)
    try wait { try proxy.gauges().tunnels == 0 }
    #expect(try proxy.gauges().upstreamIdle == 1, "the service's connection goes on")
  }

  /// The offer is one that HTTP/1.1 lets a server ignore, where it cannot be said in HTTP/2.
  @Test(arguments: [
    (upgrade, false), (upgrade.replacing("Upgrade: websocket", with: "Upgrade: websocket, chat"), true),
    (upgrade.replacing("Sec-WebSocket-Key", with: "X-Key"), true), (upgrade.replacing("GET", with: "OPTIONS"), true),
  ]) func anOfferThatTheServiceCannotTakeIsDropped(_ request: String, takes: Bool) throws {
    var policy = ListenerPolicy()
    #expect(policy.upgrades.add("chat") == nil)
    let service = try HTTP2Service.echo(takes: takes)
    let proxy = try ProxyHarness.toHTTP2(service.port, policy: policy)
    for _ in 0..<2 {
      let answer = try proxy.send(request)
      #expect(answer.status == 200 && answer.body.contains("plain"), "\(answer)")
    }
    #expect(service.connections == 1)
  }

  @Test func aServiceOfHTTP2ThatTakesNoTunnels() throws {
    let service = try HTTP2Service.echo(takes: false)
    let proxy = try ProxyHarness.toHTTP2(service.port)
    let caller = try proxy.caller()
    for _ in 0..<2 {
      let stream = caller.openTunnel()
      caller.finish(stream)
      #expect(caller.status[stream] == "502" && caller.heads[stream]?["heddle-error"] == "upstream-protocol")
    }
  }

  @Test(arguments: [false, true]) func anEndpointThatNeverSaysWhatItTakes(byHTTP2: Bool) throws {
    let silent = try ScriptedServer { connection, server, _ in _ = try connection.readToEnd() }
    var limits = ProxyLimits.patient
    (limits.ping, limits.poolIdle) = (.milliseconds(50), .milliseconds(50))
    let proxy = try ProxyHarness.toHTTP2(silent.port, limits: limits)
    if byHTTP2 {
      let caller = try proxy.caller()
      let stream = caller.openTunnel()
      caller.finish(stream)
      #expect(caller.status[stream] == "502" && caller.heads[stream]?["heddle-error"] == "upstream-reset")
    } else {
      let answer = try proxy.send(Self.upgrade)
      #expect(answer.status == 502 && answer.field("heddle-error") == "upstream-reset")
    }
    try wait { try proxy.gauges().upstreamActive == 0 }
  }

  @Test func aRefusalOfHTTP2IsTheCallers() throws {
    var settings = HTTP2Settings()
    settings.takesExtendedConnect = true
    let service = try HTTP2Service(
      settings: settings,
      atHead: { call in
        call.session.submitResponse(call.stream, [":status": "403", "x": "1"], endStream: false)
        call.session.send(call.stream, Array("no".utf8), endStream: true)
        return .goOn
      })
    let proxy = try ProxyHarness.toHTTP2(service.port)
    let older = try proxy.send(Self.upgrade)
    #expect(older.status == 403 && older.body.contains("no") && older.field("x") == "1", "\(older)")
    let caller = try proxy.caller()
    let stream = caller.openTunnel()
    caller.finish(stream)
    #expect(caller.status[stream] == "403" && caller.text(stream) == "no")
    try wait { try proxy.gauges().upstreamActive == 0 }
  }

  /// The second proxy is what the first takes for a service of HTTP/2.
  @Test(arguments: [false, true]) func throughTwoProxies(byHTTP2: Bool) throws {
    let back = try ProxyHarness(try Handshake.service())
    let front = try ProxyHarness.toHTTP2(back.port)
    let tunnels: Int
    if byHTTP2 {
      let caller = try front.caller()
      let stream = caller.openTunnel()
      caller.say("hello", on: stream)
      #expect(caller.expect("hello", on: stream))
      tunnels = try withExtendedLifetime(caller) { try back.gauges().tunnels }
    } else {
      let caller = try front.connect()
      try caller.send(Self.upgrade)
      #expect(RawAnswer.field("sec-websocket-accept", in: try caller.readHead()) == Self.accept)
      try caller.send("hello")
      #expect(try caller.expect("hello"))
      tunnels = try withExtendedLifetime(caller) { try back.gauges().tunnels }
    }
    #expect(tunnels == 1)
  }
}
