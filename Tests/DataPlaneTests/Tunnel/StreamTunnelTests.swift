import HTTP2
import Synchronization
import SystemIO
import TestSupport
import Testing

@testable import DataPlane

/// What goes through tunnels that are streams, and how they end (RFC 8441 §5: an end is END_STREAM, a reset RST_STREAM).
@Suite struct StreamTunnelTests {
  private static let size = 8 << 20

  private func open(_ proxy: ProxyHarness, _ caller: HTTP2Client) throws -> Int32 {
    let stream = caller.openTunnel()
    caller.waitForHead(stream)
    try #require(caller.status[stream] == "200")
    return stream
  }

  // MARK: Flow

  /// A service that does not read stalls its caller's stream, and no other.
  @Test func aServiceThatDoesNotReadIsWaitedFor() throws {
    let server = try Handshake.service { connection, server in
      try server.awaitRelease()
      try connection.send("\(try connection.count(upTo: Self.size)) bytes")
      _ = try connection.readToEnd()
    }
    let proxy = try ProxyHarness(server)
    let caller = try proxy.caller()
    let stream = try open(proxy, caller)
    caller.session.send(stream, [UInt8](repeating: 0x61, count: Self.size))
    var (left, rounds) = (Int.max, 0)
    caller.run {  // until no more is taken for some time
      rounds = caller.session.queuedBytes(stream) < left ? 0 : rounds + 1
      left = caller.session.queuedBytes(stream)
      return rounds > 200
    }
    #expect(left > 0, "all was taken for somebody who does not read")
    let other = caller.request("GET", "/other", authority: "nobody")
    caller.finish(other)
    #expect(caller.status[other] == "502", "other streams go on")
    server.release()
    #expect(caller.expect("\(Self.size) bytes", on: stream))
  }

  /// So does a caller that gives no credit.
  @Test(arguments: [false, true]) func aCallerThatDoesNotReadIsWaitedFor(serviceSpeaksHTTP2: Bool) throws {
    let sent = Mutex<Int>(0)
    let bytes = [UInt8](repeating: 0x62, count: Self.size)
    let server = try Handshake.service { connection, server in
      let count = try connection.sendWhatFits(bytes)
      sent.withLock { $0 = count }
      try connection.send(Array(bytes[count...]))
      connection.endWriting()
      _ = try connection.readToEnd()
    }
    let back = try ProxyHarness(server)
    let proxy = serviceSpeaksHTTP2 ? try ProxyHarness.toHTTP2(back.port) : back
    let caller = try proxy.caller()
    let stream = caller.openTunnel()
    caller.unread = [stream]
    caller.run { caller.bodies[stream, default: []].count >= 256 << 10 && sent.withLock { $0 } > 0 }
    #expect(caller.bodies[stream]?.count == 256 << 10)
    #expect(sent.withLock { $0 } < Self.size)
    caller.unread = []
    caller.consume(stream, 256 << 10)
    caller.run { caller.bodies[stream, default: []].count >= Self.size }
    #expect(caller.bodies[stream]?.count == Self.size)
    caller.say("", on: stream, ends: true)
    caller.finish(stream)
    #expect(caller.closed[stream] == .noError)
    try wait { try proxy.gauges().tunnels == 0 && back.gauges().tunnels == 0 }
  }

  @Test func bothWaysAtOnceThroughTwoProxies() throws {
    var random = SeededRandom(seed: 11)
    let bytes = (0..<(2 << 20)).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    var limits = ProxyLimits.patient
    limits.highWater = 4096
    let back = try ProxyHarness(try Handshake.service(), limits: limits)
    let proxy = try ProxyHarness.toHTTP2(back.port, limits: limits)
    let caller = try proxy.caller()
    let stream = try open(proxy, caller)
    caller.session.send(stream, bytes, endStream: true)
    caller.finish(stream)
    #expect(caller.bodies[stream] == bytes && caller.closed[stream] == .noError)
  }

  /// Small messages are what a WebSocket is made of: no flood, however many come.
  @Test func smallMessagesAreNoFlood() throws {
    let service = try HTTP2Service.echo()
    let proxy = try ProxyHarness.toHTTP2(service.port)
    let caller = try proxy.connect()
    let head = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/"), (":authority", "web")]
    try caller.send(Frame.preface + Frame.settings + Frame.headers(1, Frame.block(head), end: false))
    _ = try caller.frames { $0.contains { $0.type == 1 && $0.stream == 1 } }
    let count = 5000
    try caller.send((0..<count).flatMap { _ in Frame.data(1, [0x61]) } + Frame.data(1, [], end: true))
    let frames = try caller.frames { $0.contains { $0.stream == 1 && $0.flags & 1 == 1 && $0.type == 0 } }
    #expect(frames.filter { $0.type == 0 }.reduce(0) { $0 + $1.payload.count } == count)
    #expect(!frames.contains { $0.type == 7 || $0.type == 3 })
    let facts = try proxy.collect(ticket: 1)
    #expect(facts.tunnelBytes.received == UInt64(count) && facts.tunnelBytes.sent == UInt64(count))
    // Each byte in a frame of its own, and counted once.
    #expect(facts.bytes[0].received > UInt64(10 * count) && facts.bytes[0].received < UInt64(11 * count))
  }

  // MARK: Ends

  @Test func aCallerThatHasSaidAllHearsTheRest() throws {
    let server = try Handshake.service { connection, _ in
      let heard = try connection.readToOrderlyEnd()
      try connection.send("heard \(heard)")
    }
    let proxy = try ProxyHarness(server)
    let caller = try proxy.caller()
    let stream = caller.openTunnel()
    caller.say("good bye", on: stream, ends: true)  // before the service has agreed
    caller.finish(stream)
    #expect(caller.text(stream) == "heard good bye" && caller.closed[stream] == .noError)
    try wait { try proxy.gauges().tunnels == 0 }
  }

  @Test func aServiceThatHasSaidAllHearsTheRest() throws {
    let heard = Mutex("")
    let server = try Handshake.service { connection, _ in
      try connection.send("good bye")
      connection.endWriting()
      let text = try connection.readToOrderlyEnd()
      heard.withLock { $0 = text }
    }
    let proxy = try ProxyHarness(server)
    let caller = try proxy.caller()
    let stream = caller.openTunnel()
    caller.run { caller.session.isEndedByPeer(stream) }
    #expect(caller.text(stream) == "good bye" && !caller.isOver(stream))
    #expect(try proxy.gauges().tunnels == 1)
    caller.say("and farewell", on: stream, ends: true)
    caller.finish(stream)
    try wait { heard.withLock { $0 } == "and farewell" }
    #expect(caller.closed[stream] == .noError)
    try wait { try proxy.gauges().tunnels == 0 }
  }

  @Test func aResetOfTheCallerIsTheServices() throws {
    let server = try Handshake.service { connection, server in
      if try connection.endsByReset() { server.release() }
    }
    let back = try ProxyHarness(server)
    let proxy = try ProxyHarness.toHTTP2(back.port)
    let caller = try proxy.caller()
    let stream = try open(proxy, caller)
    caller.session.reset(stream, .cancel)
    caller.finish(stream)
    try wait { server.isReleased }
    let next = caller.openTunnel()
    caller.waitForHead(next)
    #expect(caller.status[next] == "200", "the connection goes on")
    caller.session.reset(next, .cancel)
    caller.finish(next)
    try wait { try proxy.gauges().tunnels == 0 && back.gauges().tunnels == 0 }
  }

  @Test(arguments: [false, true]) func aResetOfTheServiceIsTheCallers(serviceSpeaksHTTP2: Bool) throws {
    let older = try Handshake.service { connection, _ in
      _ = try connection.readSome()
      connection.reset()
    }
    let newer = try HTTP2Service.echo()
    let proxy = serviceSpeaksHTTP2 ? try ProxyHarness.toHTTP2(newer.port) : try ProxyHarness(older)
    let caller = try proxy.caller()
    let stream = try open(proxy, caller)
    caller.say("reset", on: stream)
    caller.finish(stream)
    #expect(caller.closed[stream] == .cancel)
    if serviceSpeaksHTTP2 {
      let upgraded = try proxy.tunnel(Switch.request.replacing("X-Key", with: "Sec-WebSocket-Key"))
      try upgraded.send("reset")
      #expect(try upgraded.endsByReset())
    }
    try wait { try proxy.gauges().tunnels == 0 }
  }

  /// Both what is open and what is only asked for.
  @Test func aCallerWhoseConnectionIsGone() throws {
    let server = try Handshake.service { connection, server in
      if try connection.endsByReset() { server.release() }
    }
    let proxy = try ProxyHarness(server)
    var caller: HTTP2Client? = try proxy.caller()
    if let caller { _ = try open(proxy, caller) }
    caller = nil
    try wait { server.isReleased }
    try proxy.waitUntilIdle()
  }

  @Test func aServiceWhoseConnectionIsGone() throws {
    var settings = HTTP2Settings()
    settings.takesExtendedConnect = true
    let service = try HTTP2Service(
      settings: settings,
      atHead: { call in
        call.session.submitResponse(call.stream, [":status": "200"], endStream: false)
        return call.fields["x-close"] == nil ? .goOn : .close
      })
    let proxy = try ProxyHarness.toHTTP2(service.port)
    let caller = try proxy.caller()
    let first = caller.openTunnel()
    caller.waitForHead(first)
    let second = caller.openTunnel(fields: [("x-close", "1")])
    caller.finish(first, second)
    #expect(caller.closed[first] == .cancel && caller.closed[second] == .cancel)
    try wait { try proxy.gauges().tunnels == 0 && proxy.gauges().upstreamActive == 0 }
  }

  /// A service that is gone hears nothing more; the caller, told so, has the linger time to end.
  @Test func aCallerThatTalksToNobodyIsLetGo() throws {
    let server = try Handshake.service { connection, _ in try connection.send("good bye") }
    var limits = ProxyLimits.patient
    limits.linger = .milliseconds(50)
    let proxy = try ProxyHarness(server, limits: limits)
    let caller = try proxy.caller()
    let stream = caller.openTunnel()
    caller.run { caller.session.isEndedByPeer(stream) }
    #expect(caller.text(stream) == "good bye")
    caller.run {
      caller.say("x", on: stream)
      return caller.isOver(stream)
    }
    #expect(caller.closed[stream] == .noError)
    try wait { try proxy.gauges().tunnels == 0 }
  }

  // MARK: Time

  /// What ends idle requests and connections leaves tunnels alone; a peer that has vanished is found by PING.
  @Test func silenceIsNoReasonToEnd() throws {
    let service = try HTTP2Service.echo()
    var limits = ProxyLimits.patient
    (limits.streamIdle, limits.connectionIdle, limits.request) = (.milliseconds(300), .milliseconds(50), .milliseconds(300))
    (limits.poolIdle, limits.ping) = (.milliseconds(50), .milliseconds(300))
    let proxy = try ProxyHarness.toHTTP2(service.port, limits: limits)
    let caller = try proxy.caller()
    var stream: Int32 = -1
    try wait {  // a slow machine may be too slow for such limits, before the tunnel stands
      stream = caller.openTunnel()
      caller.waitForHead(stream)
      return caller.status[stream] == "200"
    }
    var rounds = 0
    caller.run {
      rounds += 1
      return rounds > 250  // longer than any of these
    }
    caller.say("still here", on: stream)
    #expect(caller.expect("still here", on: stream))
  }

  @Test func silenceEndsItWhereThatIsWanted() throws {
    var limits = ProxyLimits.patient
    limits.tunnelIdle = .milliseconds(50)
    let proxy = try ProxyHarness(try Handshake.service(), limits: limits)
    let caller = try proxy.caller()
    let stream = caller.openTunnel()
    caller.finish(stream)
    #expect(caller.closed[stream] == .cancel)
  }

  @Test func theGraceOfADrainEndsThem() throws {
    let server = try Handshake.service { connection, server in
      if try connection.endsByReset() { server.release() }
    }
    let proxy = try ProxyHarness(server)
    let caller = try proxy.caller()
    let stream = try open(proxy, caller)
    proxy.worker.send(.drain(grace: .milliseconds(200)))
    caller.run { false }  // until the connection ends
    #expect(caller.isEnded && !caller.session.isEndedByPeer(stream))
    try wait { server.isReleased }
    try proxy.wait { $0.contains { if case .drained = $0 { true } else { false } } }
  }
}
