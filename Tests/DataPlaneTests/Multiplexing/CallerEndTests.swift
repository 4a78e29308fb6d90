import HTTP2
import Memory
import SystemIO
import TestSupport
import Testing

@testable import DataPlane

/// Streams that end early, by whoever, and connections that end: nothing stays behind, and nothing cut looks whole.
@Suite struct CallerEndTests {
  /// A service that reads a request and then waits to be released.
  private static func waiting() throws -> ScriptedServer {
    try ScriptedServer { connection, server, _ in
      while try !server.readRequest(connection).isEmpty {
        try server.awaitRelease()
        try connection.send(ForwardingTests.hello)
      }
    }
  }

  @Test func aResetCancelsTheWork() throws {
    let service = try Self.waiting()
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let (gone, stays) = (caller.ask("/gone"), caller.ask("/stays"))
    caller.run { service.requests.count == 2 }
    caller.session.reset(gone, .cancel)
    caller.run { caller.isOver(gone) }
    try wait { try proxy.gauges().requestsInFlight == 1 && proxy.gauges().upstreamActive == 1 }
    service.release()
    caller.finish(stays)
    #expect(caller.text(stays) == "hello")
    try proxy.waitUntilQuiet(callers: 1)
  }

  @Test func aRequestResetInTheSameWriteLeavesNothing() throws {
    let service = try Self.waiting()
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stays = caller.ask("/stays")
    for stream in stride(from: UInt32(3), to: 40, by: 2) {
      caller.send(raw: Frame.headers(stream, Self.block, end: stream % 4 == 1) + Frame.reset(stream))
    }
    caller.run { service.requests.contains { $0.hasPrefix("GET /stays") } }
    try wait { try proxy.gauges().requestsInFlight == 1 && proxy.gauges().upstreamActive == 1 }
    service.release()
    caller.finish(stays)
    #expect(caller.text(stays) == "hello")
    try proxy.waitUntilQuiet(callers: 1)
  }

  /// A GET to `web`.
  private static let block = Frame.block([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "web")])

  /// A service that answers before it has the body: the caller gets all of the answer, and is then told to stop.
  @Test func anEarlyAnswerStopsTheBody() throws {
    let service = try ScriptedServer { connection, _, _ in
      _ = try connection.read { $0.contains("\r\n\r\n") }
      try connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
      while try !connection.receive().isEmpty {}
    }
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask("/", "POST", body: bytes("begin"), staysOpen: true)
    caller.finish(stream)
    #expect(caller.status[stream] == "413" && caller.text(stream) == "big")
    #expect(caller.closed[stream] == .noError)
    try proxy.waitUntilQuiet(callers: 1)
    #expect(caller.goAways.isEmpty && !caller.isEnded)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
  ]) func aServiceCutWithinItsAnswerResetsTheStream(_ answer: String) throws {
    let service = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      try connection.send(answer)
    }
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask()
    caller.finish(stream)
    #expect(caller.status[stream] == nil || caller.status[stream] == "200")
    #expect(caller.closed[stream] == .internalError)
    try proxy.waitUntilQuiet(callers: 1)
    #expect(!caller.isEnded, "the other streams are unharmed")
  }

  @Test func aServiceCutBeforeItsAnswerIs502() throws {
    let service = try ScriptedServer { connection, server, _ in _ = try server.readRequest(connection) }
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask("/", "POST", body: bytes("x"))
    caller.finish(stream)
    #expect(caller.status[stream] == "502")
    #expect(caller.closed[stream] == .noError)
  }

  @Test func aClosedConnectionFreesEverything() throws {
    let service = try Self.waiting()
    let proxy = try ProxyHarness(service)
    var caller: HTTP2Client? = try proxy.caller()
    for index in 0..<20 { _ = caller?.ask("/\(index)", index % 2 == 0 ? "GET" : "POST", staysOpen: index % 2 == 1) }
    caller?.run { (try? proxy.gauges().requestsInFlight) == 20 }
    #expect(try proxy.gauges().requestsInFlight == 20)
    caller = nil
    try proxy.waitUntilQuiet(callers: 0)
  }

  /// The last bytes and the end of the connection come in one event, of which the kernel tells once.
  @Test func anEndRightBehindTheLastBytesIsSeen() throws {
    let proxy = try ProxyHarness(try Self.waiting())
    for round in 0..<200 {
      do {
        let caller = try proxy.connect()
        try caller.send(Frame.preface + Frame.settings)
        if round % 2 == 0 { _ = try caller.frames { !$0.isEmpty } }
        try caller.send(Frame.headers(1, Self.block, end: false))
      }
    }
    try proxy.waitUntilQuiet(callers: 0)
  }

  // MARK: The beginning

  @Test func thePrefaceMayComeInTwoPieces() throws {
    let service = try ScriptedServer.saying("hello")
    let proxy = try ProxyHarness(service)
    try forEverySplit(of: Frame.preface) { first, second in
      do {
        let caller = try proxy.connect()
        try caller.send(first)
        try wait { try proxy.gauges().downstreamConnections == 1 }
        try caller.send(second + Frame.settings + Frame.headers(1, Self.block))
        let frames = try caller.frames { $0.contains { $0.type == 0 && $0.flags & 1 == 1 } }
        #expect(frames.filter { $0.type == 0 }.flatMap(\.payload) == bytes("hello"), "cut at \(first.count)")
      }
      try wait { try proxy.gauges().downstreamConnections == 0 }
    }
  }

  @Test func declaredHTTP1RefusesThePreface() throws {
    var policy = ListenerPolicy()
    policy.listenerProtocol = .http1
    let proxy = try ProxyHarness(try ScriptedServer.saying("hello"), policy: policy)
    let caller = try proxy.connect()
    try caller.send(Frame.preface + Frame.settings)
    #expect(try caller.readAnswer().status == 505)
    #expect(try proxy.get("web").body == "hello")
  }

  @Test func declaredHTTP2RefusesText() throws {
    var policy = ListenerPolicy()
    policy.listenerProtocol = .http2
    let service = try ScriptedServer.saying("hello")
    let proxy = try ProxyHarness(service, policy: policy)
    let text = try proxy.connect()
    try text.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    let frames = try text.frames { _ in false }
    #expect(frames.compactMap { $0.type == 7 ? $0.code : nil } == [.protocolError])
    #expect(service.requests.isEmpty)
    let caller = try proxy.caller()
    let stream = caller.ask()
    caller.finish(stream)
    #expect(caller.text(stream) == "hello")
  }

  @Test func oneStreamMoreThanTheLimitIsRefused() throws {
    var limits = ProxyLimits.patient
    limits.http2.concurrentStreams = 2
    let service = try Self.waiting()
    let proxy = try ProxyHarness(service, limits: limits)
    let caller = try proxy.caller()
    let streams = (0..<3).map { caller.ask("/\($0)") }  // before the caller knows the limit
    caller.run { caller.isOver(streams[2]) && service.requests.count == 2 }
    #expect(caller.closed[streams[2]] == .refusedStream)
    service.release()
    caller.finish(streams[0], streams[1])
    #expect(caller.text(streams[0]) == "hello" && caller.text(streams[1]) == "hello")
  }

  // MARK: Leaving

  @Test func drainingLetsStreamsEnd() throws {
    let service = try Self.waiting()
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let idle = try proxy.caller()
    idle.run { (try? proxy.gauges().downstreamConnections) == 2 }
    let running = caller.ask("/running")
    caller.run { service.requests.count == 1 }
    proxy.worker.send(.drain(grace: .seconds(60)))
    caller.run { !caller.goAways.isEmpty }
    #expect(caller.goAways == [.max] && caller.goAwayCodes == [.noError])
    try wait { (try? proxy.connect()) == nil }
    idle.run { idle.isEnded }
    #expect(idle.isEnded)
    #expect(!proxy.told.contains { if case .drained = $0 { true } else { false } })
    service.release()
    caller.finish(running)
    #expect(caller.text(running) == "hello" && caller.closed[running] == .noError)
    caller.run { caller.isEnded }
    #expect(caller.goAways.last == running)
    try proxy.wait { $0.contains { if case .drained = $0 { true } else { false } } }
  }

  @Test func anIdleConnectionIsClosedWithAGoAway() throws {
    var limits = ProxyLimits.patient
    limits.connectionIdle = .milliseconds(200)
    let proxy = try ProxyHarness(try ScriptedServer.saying("hello"), limits: limits)
    let caller = try proxy.caller()
    let stream = caller.ask()
    caller.run { caller.isEnded }
    #expect(caller.text(stream) == "hello")
    #expect(caller.goAways == [stream] && caller.goAwayCodes == [.noError])
    try proxy.waitUntilQuiet(callers: 0)
  }

  @Test func aSilentServiceIs504() throws {
    var limits = ProxyLimits.patient
    limits.streamIdle = .milliseconds(300)
    let proxy = try ProxyHarness(try Self.waiting(), limits: limits)
    let caller = try proxy.caller()
    let stream = caller.ask()
    caller.finish(stream)
    #expect(caller.status[stream] == "504" && caller.closed[stream] == .noError)
    try proxy.waitUntilQuiet(callers: 1)
  }
}
