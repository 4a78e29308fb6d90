import MeshProtocol
import SystemIO
import TestSupport
import Testing

@testable import DataPlane

/// When a request becomes a tunnel, and when it does not (RFC 9110 §7.8).
@Suite struct UpgradeTests {
  private static func offering(_ upgrade: String, head: String = "GET / HTTP/1.1", more: String = "") -> String {
    "\(head)\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: \(upgrade)\r\n\(more)\r\n"
  }

  private static func allowing(_ tokens: String...) -> ListenerPolicy {
    var policy = ListenerPolicy()
    policy.upgrades = UpgradeTokens()
    for token in tokens { precondition(policy.upgrades.add(token) == nil) }
    return policy
  }

  @Test func theOfferGoesToTheServiceAndItsAgreementToTheCaller() throws {
    let server = try Switch.service()
    let proxy = try ProxyHarness(server)
    let caller = try proxy.connect()
    try caller.send(Switch.request)
    let head = try caller.read { $0.hasSuffix("\r\n\r\n") }.text
    #expect(head.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
    #expect(RawAnswer.field("upgrade", in: head) == "websocket" && RawAnswer.field("connection", in: head) == "upgrade")
    #expect(RawAnswer.field("x-accept", in: head) == "1" && RawAnswer.field("keep-alive", in: head) == nil)
    let request = try #require(server.requests.first)
    #expect(RawAnswer.field("upgrade", in: request) == "websocket" && RawAnswer.field("connection", in: request) == "upgrade")
    #expect(RawAnswer.field("x-key", in: request) == "1" && RawAnswer.field("l5d-dst-service", in: request) == "/svc/web")

    let facts = try proxy.collect(ticket: 1)
    #expect(facts.requests.map(\.responseClass) == [.success] && facts.requests.map(\.count) == [1])
    #expect(facts.attempts.map(\.responseClass) == [.success] && facts.attempts.map(\.count) == [1])
    #expect(facts.gauges.tunnels == 1 && facts.gauges.requestsInFlight == 0)
    #expect(facts.gauges.downstreamConnections == 1 && facts.gauges.upstreamActive == 1)
  }

  /// What the listener does not allow, or what is no offer, is no business of the service's.
  @Test(arguments: [
    ("h2c", "GET / HTTP/1.1", "HTTP2-Settings: AAMAAABkAAQAAP__\r\n"),  // item 30
    ("chat", "GET / HTTP/1.1", ""),
    ("websocket/13", "GET / HTTP/1.1", ""),
    ("websocket", "GET / HTTP/1.0", ""),
    ("websocket", "POST / HTTP/1.1", "Content-Length: 5\r\n"),
    ("websocket", "POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n"),
  ])
  func otherOffersAreIgnored(_ token: String, _ line: String, _ fields: String) throws {
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(server)
    let caller = try proxy.connect()
    try caller.send(Self.offering(token, head: line, more: fields))
    if line.hasPrefix("POST") {
      try wait { try proxy.gauges().requestsInFlight == 1 }
      try caller.send(fields.hasPrefix("Content") ? "hello" : "0\r\n\r\n")
    }
    #expect(try caller.readAnswer().status == 200)
    let request = try #require(server.requests.first)
    #expect(RawAnswer.field("upgrade", in: request) == nil && RawAnswer.field("connection", in: request) == nil)
    #expect(RawAnswer.field("http2-settings", in: request) == nil)
  }

  @Test func withoutTheConnectionOptionItIsNoOffer() throws {
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(server)
    #expect(try proxy.get("web", fields: "Upgrade: websocket\r\n").status == 200)
    #expect(RawAnswer.field("upgrade", in: try #require(server.requests.first)) == nil)
  }

  /// Of several protocols the allowed ones go on, as they stand and in their order.
  @Test func severalProtocols() throws {
    let server = try Switch.service(answer: Switch.answer.replacing("websocket", with: "CHAT/2"))
    let proxy = try ProxyHarness(server, policy: Self.allowing("websocket", "chat/2"))
    let caller = try proxy.tunnel(Self.offering("h2c, Chat/2,", more: "Upgrade: other, WebSocket\r\n"))
    #expect(RawAnswer.field("upgrade", in: try #require(server.requests.first)) == "Chat/2, WebSocket")
    try caller.send("hello")
    #expect(try caller.expect("hello"))
  }

  /// A service may switch only to what was offered, and must say to what.
  @Test(arguments: ["chat", "websocket, chat", "h2c", "", nil] as [String?])
  func aSwitchThatWasNotOfferedIs502(_ token: String?) throws {
    let field = token.map { "Upgrade: \($0)\r\n" } ?? ""
    let server = try Switch.service(answer: Switch.answer.replacing("Upgrade: websocket\r\n", with: field))
    let proxy = try ProxyHarness(server, policy: Self.allowing("websocket", "chat"))
    let answer = try proxy.send(Switch.request)
    #expect(answer.status == 502 && answer.field("heddle-error") == "upstream-protocol", "\(answer)")
    #expect(answer.field("upgrade") == nil)
  }

  @Test func aSwitchThatNobodyAskedForIs502() throws {
    let server = try Switch.service()
    let proxy = try ProxyHarness(server)
    let answer = try proxy.get("web")
    #expect(answer.status == 502 && answer.field("heddle-error") == "upstream-protocol")
  }

  @Test(arguments: [
    ForwardingTests.hello, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 5\r\n\r\nhello",
  ])
  func aServiceThatDoesNotSwitchAnswersAsUsual(_ refusal: String) throws {
    let server = try ScriptedServer.answering(refusal)
    let proxy = try ProxyHarness(server)
    let caller = try proxy.connect()
    for _ in 0..<3 {
      try caller.send(Switch.request)
      let answer = try caller.readAnswer()
      #expect(answer.body == "hello" && answer.field("upgrade") == nil && answer.field("connection") == nil)
    }
    #expect(server.connections == 1 && server.requests.count == 3)
    #expect(try proxy.gauges().tunnels == 0)
  }

  @Test func aBodyThatIsCompleteGoesBefore() throws {
    let server = try Switch.service()
    let proxy = try ProxyHarness(server)
    let caller = try proxy.tunnel(
      Self.offering("websocket", head: "POST / HTTP/1.1", more: "Content-Length: 5\r\n") + "first" + "second")
    #expect(try #require(server.requests.first).hasSuffix("\r\n\r\nfirst"))
    #expect(try caller.expect("second"))
  }

  /// Bytes behind the heads belong to the tunnel, whoever sends them first.
  @Test func bytesThatComeWithTheHeads() throws {
    let server = try Switch.service(answer: Switch.answer + "from the service")
    let proxy = try ProxyHarness(server)
    let caller = try proxy.connect()
    try caller.send(Switch.request + "from the caller")
    let text = try caller.read { $0.hasSuffix("from the caller") }.text
    #expect(text.hasSuffix("\r\n\r\nfrom the servicefrom the caller"), "\(text)")
    #expect(try #require(server.requests.first).hasSuffix("\r\n\r\n"), "nothing goes before the service has agreed")
  }

  @Test func everySplitOfTheAnswer() throws {
    let whole = Array((Switch.answer + "hello").utf8)
    let server = try ScriptedServer { connection, server, number in
      _ = try server.readRequest(connection)
      try connection.send(Array(whole[..<number]))
      for _ in 0..<3 { pause() }
      try connection.send(Array(whole[number...]))
      try Switch.echo(connection, server)
    }
    let proxy = try ProxyHarness(server)
    for _ in 0...whole.count {
      let caller = try proxy.connect()
      try caller.send(Switch.request)
      let text = try caller.read { $0.hasSuffix("hello") }.text
      #expect(text.hasPrefix("HTTP/1.1 101 ") && text.hasSuffix("\r\n\r\nhello"), "\(text)")
      try caller.send("x")
      #expect(try caller.expect("x"))
    }
  }

  @Test func tunnelsAreBounded() throws {
    let server = try Switch.service()
    var limits = ProxyLimits.patient
    limits.tunnels = 2
    let proxy = try ProxyHarness(server, limits: limits)
    var open = [try proxy.tunnel(), try proxy.tunnel()]
    let refused = try proxy.send(Switch.request)
    #expect(refused.status == 503 && refused.field("heddle-error") == "overload" && refused.field("retry-after") == "1")
    #expect(server.connections == 2, "it was refused before it was sent")
    open.removeLast()
    try wait { try proxy.gauges().tunnels == 1 }
    open.append(try proxy.tunnel())
    try open[1].send("hello")
    #expect(try open[1].expect("hello"))
  }

  /// Requests that may become tunnels hold their places; those that do not give them back.
  @Test func placesAreHeldWhileTheServiceThinks() throws {
    let server = try ScriptedServer { connection, server, _ in
      while try !server.readRequest(connection).isEmpty {
        for _ in 0..<10_000 where !server.isReleased { pause() }
        try connection.send(ForwardingTests.hello)
      }
    }
    var limits = ProxyLimits.patient
    limits.tunnels = 1
    let proxy = try ProxyHarness(server, limits: limits)
    let first = try proxy.connect()
    try first.send(Switch.request)
    try wait { server.requests.count == 1 }
    #expect(try proxy.send(Switch.request).status == 503)
    server.release()
    #expect(try first.readAnswer().status == 200)
    for _ in 0..<3 { #expect(try proxy.send(Switch.request).status == 200) }
  }

  // MARK: HTTP/2

  /// It knows no such switch (RFC 9113 §8.6), on neither side.
  @Test func aServiceReachedByHTTP2SeesNoOffer() throws {
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let back = try ProxyHarness(server)
    let front = try ProxyHarness(dtab: "/svc => /#/registry")
    let endpoint = Endpoint(address: .loopback(port: back.port), text: "127.0.0.1:\(back.port)")
    front.answerWants(
      EndpointSet(
        name: try Path(parsing: "/#/registry/web"), version: 1, state: .bound, endpoints: [endpoint],
        serviceProtocol: .http2))
    let answer = try front.send(Switch.request)
    #expect(answer.status == 200 && answer.body == "hello")
    let request = try #require(server.requests.first)
    #expect(RawAnswer.field("upgrade", in: request) == nil && RawAnswer.field("connection", in: request) == nil)
    #expect(RawAnswer.field("x-key", in: request) == "1")
  }

  @Test func aSwitchIsNoAnswerToACallerOfHTTP2() throws {
    let proxy = try ProxyHarness(try Switch.service())
    let caller = try proxy.caller()
    let stream = caller.ask()
    caller.finish(stream)
    #expect(caller.status[stream] == "502" && caller.heads[stream]?["heddle-error"] == "upstream-protocol")
  }

  @Test func aCallerThatLeavesBeforeTheSwitchCancelsIt() throws {
    let server = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      if try connection.readToEnd().isEmpty { server.release() }
    }
    let proxy = try ProxyHarness(server)
    var caller: RawConnection? = try proxy.connect()
    try caller?.send(Switch.request)
    try wait { server.requests.count == 1 }
    caller = nil
    try wait { server.isReleased }
    try proxy.waitUntilIdle()
  }
}
