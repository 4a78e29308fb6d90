import HTTP2
import TestSupport
import Testing

@testable import DataPlane

/// What a caller does with settings (items 51 and 56).
@Suite struct SettingsTests {
  private static let block = Frame.block([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "web")])

  /// One setting (RFC 9113 §6.5.1).
  private static func setting(_ identifier: UInt16, _ value: UInt32) -> [UInt8] {
    [UInt8(identifier >> 8), UInt8(identifier & 255)] + Frame.number(value)
  }

  private static func initialWindow(_ bytes: UInt32) -> [UInt8] { Frame.make(4, 0, 0, setting(4, bytes)) }

  @Test func settingsThatAreNeverAcknowledged() throws {
    var limits = ProxyLimits.patient
    limits.headTime = .milliseconds(300)
    let proxy = try ProxyHarness(try ScriptedServer.saying("hello"), limits: limits)
    let caller = try proxy.connect()
    try caller.send(Frame.preface + Frame.settings + Frame.headers(1, Self.block))
    let frames = try caller.frames { $0.contains { $0.type == 7 } }
    // It was served until then, and it is told why it is not any more.
    #expect(frames.contains { $0.type == 0 && text($0.payload) == "hello" })
    #expect(frames.first { $0.type == 7 }?.code == .settingsTimeout)
    try wait { try proxy.gauges().downstreamConnections == 0 }
  }

  @Test func moreSettingsInAFrameThanThereAre() throws {
    let proxy = try ProxyHarness(try ScriptedServer.saying("hello"))
    let caller = try proxy.connect()
    let many = (0..<2700).flatMap { Self.setting(0xf000 + UInt16($0), 1) }
    try caller.send(Frame.preface + Frame.settings)
    _ = try? caller.send(Array(repeating: Frame.make(4, 0, 0, many), count: 37).flatMap { $0 })  // 10⁵ of them
    let frames = try caller.frames { $0.contains { $0.type == 7 } }
    #expect(frames.first { $0.type == 7 }?.code == .enhanceYourCalm)
    #expect(try proxy.get("web").body == "hello")
  }

  @Test func windowsThatShrinkBelowZeroAndGrowAgain() throws {
    let body = String(repeating: "0123456789", count: 20_000)
    let proxy = try ProxyHarness(try ScriptedServer.saying(body))
    let caller = try proxy.connect()
    let acknowledgement = Frame.make(4, 1, 0, [])
    try caller.send(
      Frame.preface + Self.initialWindow(70_000) + acknowledgement + Frame.windowUpdate(0, 1 << 30)
        + Frame.headers(1, Self.block))
    func received(_ frames: [ReceivedFrame]) -> Int { frames.reduce(0) { $0 + ($1.type == 0 ? $1.payload.count : 0) } }
    var total = received(try caller.frames { received($0) >= 70_000 })
    #expect(total == 70_000)
    // 70 000 below zero, then as much above it.
    for _ in 0..<3 { try caller.send(Self.initialWindow(0) + Self.initialWindow(70_000)) }
    try caller.send(Self.initialWindow(0) + Self.initialWindow(140_000))
    total += received(try caller.frames { received($0) >= 70_000 })
    #expect(total == 140_000)
    try caller.send(Self.initialWindow(1) + Frame.windowUpdate(1, 139_999 + 60_000))
    let last = try caller.frames { $0.contains { $0.type == 0 && $0.flags & 1 != 0 } }
    #expect(total + received(last) == 200_000)
  }
}
