import Synchronization
import SystemIO
import Testing
import Traffic

@testable import DataPlane

/// What goes through a tunnel, and how it ends.
@Suite struct TunnelTests {
  private static let size = 64 << 20

  /// Bytes of which no two regions near each other are alike.
  private static func pattern(_ size: Int) -> [UInt8] {
    var random = FastRandom(seed: 7)
    let block = (0..<65_521).map { _ in UInt8(truncatingIfNeeded: random.next() >> 32) }
    var all: [UInt8] = []
    all.reserveCapacity(size + block.count)
    while all.count < size { all += block }
    return Array(all.prefix(size))
  }

  /// Whether the rest of what comes is the rest of `expected`.
  private static func takes(_ expected: [UInt8], _ connection: RawConnection) throws -> Bool {
    var count = 0
    while count < expected.count {
      let more = try connection.readSome()
      if more.isEmpty || count + more.count > expected.count { return false }
      if more[...] != expected[count..<(count + more.count)] { return false }
      count += more.count
    }
    return true
  }

  /// Somebody who does not read stalls who sends, and gets all once it reads.
  @Test(arguments: ["caller", "service"]) func aSlowReaderIsWaitedFor(_ sender: String) throws {
    let bytes = [UInt8](repeating: 0x61, count: Self.size)
    let taken = Mutex<Int?>(nil)
    let server = try Switch.service { connection, server in
      if sender == "service" {
        let sent = try connection.sendWhatFits(bytes)
        taken.withLock { $0 = sent }
        try connection.send(Array(bytes[sent...]))
      } else {
        for _ in 0..<10_000 where !server.isReleased { pause() }
        try connection.send("\(try connection.count(upTo: Self.size)) bytes")
      }
      _ = try connection.readToEnd()
    }
    let proxy = try ProxyHarness(server)
    let caller = try proxy.tunnel()
    let stalledAt: Int
    if sender == "service" {
      try wait { taken.withLock { $0 } != nil }
      stalledAt = taken.withLock { $0 } ?? 0
      #expect(try caller.count(upTo: Self.size) == Self.size)
    } else {
      stalledAt = try caller.sendWhatFits(bytes)
      server.release()
      try caller.send(Array(bytes[stalledAt...]))
      #expect(try caller.expect("\(Self.size) bytes"))
    }
    // The kernel's own buffers, four of them at most 6 MB each.
    #expect(stalledAt < Self.size / 2, "so much was taken for somebody who does not read")
    let carried = try proxy.collect(ticket: 1).tunnelBytes
    #expect(sender == "service" ? carried.sent >= UInt64(Self.size) : carried.received >= UInt64(Self.size))
  }

  /// Both directions at once, through buffers of the smallest kind.
  @Test func bothWaysAtOnce() throws {
    let bytes = Self.pattern(2 << 20)
    let server = try Switch.service()
    var limits = ProxyLimits.patient
    limits.highWater = 4096
    let proxy = try ProxyHarness(server, limits: limits)
    let caller = try proxy.tunnel()
    var (sent, received) = (0, 0)
    while received < bytes.count {
      let end = min(bytes.count, sent + 100_000)
      if sent < end { sent += try caller.sendWhatFits(Array(bytes[sent..<end]), patience: 0) }
      let more = try caller.readSome()
      guard !more.isEmpty, more[...] == bytes[received..<(received + more.count)] else { break }
      received += more.count
    }
    #expect(received == bytes.count)
  }

  // MARK: Ends

  @Test func aCallerThatHasSaidAllHearsTheRest() throws {
    let server = try Switch.service { connection, server in
      let heard = try connection.readToOrderlyEnd()
      try connection.send("heard \(heard)")
    }
    let proxy = try ProxyHarness(server)
    let caller = try proxy.tunnel()
    try caller.send("good bye")
    caller.endWriting()
    #expect(try caller.readToOrderlyEnd() == "heard good bye")
    try proxy.waitUntilIdle()
  }

  @Test func aServiceThatHasSaidAllHearsTheRest() throws {
    let heard = Mutex("")
    let server = try Switch.service { connection, server in
      try connection.send("good bye")
      connection.endWriting()
      let text = try connection.readToOrderlyEnd()
      heard.withLock { $0 = text }
    }
    let proxy = try ProxyHarness(server)
    let caller = try proxy.tunnel()
    #expect(try caller.readToOrderlyEnd() == "good bye")
    #expect(try proxy.gauges().tunnels == 1)
    try caller.send("and farewell")
    caller.endWriting()
    try wait { heard.withLock { $0 } == "and farewell" }
    try proxy.waitUntilIdle()
  }

  /// The end comes behind the last byte, however slowly that one is taken.
  @Test func anEndWaitsForTheBytesBeforeIt() throws {
    let bytes = Self.pattern(2 << 20)
    let server = try Switch.service { connection, _ in try connection.send(bytes) }
    var limits = ProxyLimits.patient
    limits.highWater = 4096
    let proxy = try ProxyHarness(server, limits: limits)
    let caller = try proxy.tunnel()
    #expect(try Self.takes(bytes, caller))
    #expect(try caller.readSome().isEmpty)
    caller.endWriting()
    try proxy.waitUntilIdle()
  }

  @Test func aResetOfTheCallerIsTheServices() throws {
    let server = try Switch.service { connection, server in
      if try connection.endsByReset() { server.release() }
    }
    let proxy = try ProxyHarness(server)
    var caller: RawConnection? = try proxy.tunnel()
    caller?.reset()
    caller = nil
    try wait { server.isReleased }
    try proxy.waitUntilIdle()
  }

  @Test func aResetOfTheServiceIsTheCallers() throws {
    let server = try Switch.service { connection, _ in
      _ = try connection.readSome()
      connection.reset()
    }
    let proxy = try ProxyHarness(server)
    let caller = try proxy.tunnel()
    try caller.send("x")
    #expect(try caller.endsByReset())
    try proxy.waitUntilIdle()
  }

  /// A service that is gone hears nothing more; the caller, told so, has the linger time to end.
  @Test func aCallerThatTalksToNobodyIsLetGo() throws {
    let server = try Switch.service { connection, _ in try connection.send("good bye") }
    var limits = ProxyLimits.patient
    limits.linger = .milliseconds(50)
    let proxy = try ProxyHarness(server, limits: limits)
    let caller = try proxy.tunnel()
    #expect(try caller.readToOrderlyEnd() == "good bye")
    try wait {
      _ = try caller.sendWhatFits([0x78], patience: 0)
      return try proxy.gauges().tunnels == 0
    }
    try proxy.waitUntilIdle()
  }

  @Test func aServiceThatIsResetAfterItsLastByteIsLetGo() throws {
    let server = try Switch.service { connection, _ in
      connection.endWriting()
      _ = try connection.readSome()
      connection.reset()
    }
    var limits = ProxyLimits.patient
    limits.linger = .milliseconds(50)
    let proxy = try ProxyHarness(server, limits: limits)
    let caller = try proxy.tunnel()
    #expect(try caller.readToOrderlyEnd().isEmpty)
    try caller.send("x")
    try proxy.waitUntilIdle()  // though the caller says no more, and stays
    withExtendedLifetime(caller) {}
  }

  // MARK: Time

  @Test func silenceIsNoReasonToEnd() throws {
    let server = try Switch.service()
    var limits = ProxyLimits.patient
    (limits.streamIdle, limits.connectionIdle, limits.headTime) = (.milliseconds(300), .milliseconds(50), .milliseconds(50))
    limits.request = .milliseconds(300)
    limits.poolIdle = .milliseconds(50)
    let proxy = try ProxyHarness(server, limits: limits)
    var tunnel: RawConnection?
    try wait {
      tunnel = try? proxy.tunnel()  // a slow machine may be too slow for such limits, before the switch
      return tunnel != nil
    }
    let caller = try #require(tunnel)
    for _ in 0..<600 { pause() }  // longer than any of these
    try caller.send("still here")
    #expect(try caller.expect("still here"))
  }

  @Test func silenceEndsItWhereThatIsWanted() throws {
    let server = try Switch.service { connection, server in
      if try connection.endsByReset() { server.release() }
    }
    var limits = ProxyLimits.patient
    limits.tunnelIdle = .milliseconds(50)
    let proxy = try ProxyHarness(server, limits: limits)
    let caller = try proxy.tunnel()
    #expect(try caller.endsByReset())
    try wait { server.isReleased }
  }

  @Test func drainingLeavesTunnelsTheirGrace() throws {
    let server = try Switch.service()
    let proxy = try ProxyHarness(server)
    let caller = try proxy.tunnel()
    proxy.worker.send(.drain(grace: .seconds(3600)))
    for _ in 0..<1500 { pause() }  // past what draining gives idle callers
    try caller.send("hello")
    #expect(try caller.expect("hello"))
    #expect(!proxy.told.contains { if case .drained = $0 { true } else { false } })
    caller.endWriting()
    try proxy.wait { $0.contains { if case .drained = $0 { true } else { false } } }
  }

  @Test func theGraceEndsThem() throws {
    let server = try Switch.service { connection, server in
      if try connection.endsByReset() { server.release() }
    }
    let proxy = try ProxyHarness(server)
    let caller = try proxy.tunnel()
    proxy.worker.send(.drain(grace: .milliseconds(50)))
    #expect(try caller.endsByReset())
    try wait { server.isReleased }
    try proxy.wait { $0.contains { if case .drained = $0 { true } else { false } } }
  }
}
