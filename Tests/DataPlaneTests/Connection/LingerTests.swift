import Testing

@testable import DataPlane

/// The last answer on a connection reaches a caller that is still sending (RFC 9112 §9.6), within limits.
@Suite struct LingerTests {
  private static let bad = "GET / HTTP/1.1\r\nHost : web\r\n\r\n"

  /// Garbage goes on for as long as the caller likes; it looks at the answer afterwards.
  @Test func garbageBehindABadHeadDoesNotCostTheAnswer() throws {
    let proxy = try ProxyHarness(dtab: "")
    let caller = try proxy.connect()
    try caller.send(Self.bad)
    for _ in 0..<64 { try caller.send([UInt8](repeating: 0x67, count: 65_536)) }  // throws when the proxy resets
    let answer = try #require(RawAnswer(complete: try caller.readToEnd()))
    #expect(answer.status == 400 && answer.field("connection") == "close" && !answer.body.isEmpty)
    try wait { try proxy.gauges().downstreamConnections == 1 }  // ours, which is open
  }

  @Test func aLargeBodyThatNobodyWantedIsTakenAndDropped() throws {  // item 29
    let server = try ScriptedServer { connection, server, _ in
      _ = try connection.read { $0.contains("\r\n\r\n") }
      try connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let caller = try proxy.connect()
    let size = 8 << 20
    try caller.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: \(size)\r\n\r\n")
    try wait { try proxy.gauges().requestsInFlight == 0 && server.connections == 1 }
    for _ in 0..<(size >> 16) { try caller.send([UInt8](repeating: 0x62, count: 65_536)) }
    let answer = try #require(RawAnswer(complete: try caller.readToEnd()))
    #expect(answer.status == 403 && answer.body == "no" && answer.field("connection") == "close")
  }

  /// A request behind the last one is not answered, and does not cost the answer before it.
  @Test func aRequestBehindTheLastAnswerIsDropped() throws {
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let caller = try proxy.connect()
    let request = "GET / HTTP/1.1\r\nHost: web\r\n"
    try caller.send(request + "Connection: close\r\n\r\n" + String(repeating: request + "\r\n", count: 10_000))
    let answer = try #require(RawAnswer(complete: try caller.readToEnd()))
    #expect(answer.status == 200 && answer.body == "hello")
    #expect(server.requests.count == 1)
  }

  @Test func bytesAreBounded() throws {
    var limits = ProxyLimits.patient
    limits.lingerBytes = 100_000
    limits.linger = .seconds(3600)
    let proxy = try ProxyHarness(dtab: "", limits: limits)
    let caller = try proxy.connect()
    try caller.send(Self.bad)
    #expect(throws: (any Error).self) {
      for _ in 0..<10_000 { try caller.send([UInt8](repeating: 0x67, count: 65_536)) }
    }
    try wait { try proxy.gauges().downstreamConnections == 0 }
  }

  @Test func timeIsBounded() throws {
    var limits = ProxyLimits.patient
    limits.linger = .milliseconds(50)
    let proxy = try ProxyHarness(dtab: "", limits: limits)
    let caller = try proxy.connect()
    try caller.send(Self.bad)
    try wait { try proxy.gauges().downstreamConnections == 0 }  // though the caller neither reads nor closes
    #expect(RawAnswer(complete: try caller.readToEnd())?.status == 400)
  }

  @Test func aCallerThatLeavesIsLetGoAtOnce() throws {
    var limits = ProxyLimits.patient
    limits.linger = .seconds(3600)
    let proxy = try ProxyHarness(dtab: "", limits: limits)
    for _ in 0..<20 {
      let caller = try proxy.connect()
      try caller.send(Self.bad)
      #expect(RawAnswer(complete: try caller.readToEnd())?.status == 400)
    }
    try wait { try proxy.gauges().downstreamConnections == 0 }
  }
}
