import HTTP2
import TestSupport
import Testing

@testable import DataPlane

/// Callers that spend our time or our memory (bad inputs 44, 47–53), and bodies that are not what their heads say (61, 64).
@Suite struct CallerFloodTests {
  private static let block = Frame.block([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "web")])
  private static let post = [(":method", "POST"), (":scheme", "http"), (":path", "/bad"), (":authority", "web")]

  /// The n-th request of a connection, and its reset.
  @Sendable private static func resetRequest(_ n: Int) -> [UInt8] {
    let stream = UInt32(2 * n + 1)
    return Frame.headers(stream, block) + Frame.reset(stream)
  }

  struct Flood: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var first: [UInt8] = []
    /// The n-th unit of the flood, from 0.
    var unit: @Sendable (Int) -> [UInt8]
    var units: Int
  }

  @Test(arguments: [
    Flood(testDescription: "rapid reset", unit: resetRequest, units: 300),
    Flood(
      testDescription: "resets that we are made to send",
      unit: { Frame.headers(UInt32(2 * $0 + 1), block + Frame.field("connection", "x")) }, units: 300),
    Flood(testDescription: "PING", unit: { _ in Frame.ping() }, units: 20_000),
    Flood(testDescription: "SETTINGS", unit: { _ in Frame.settings }, units: 20_000),
    Flood(testDescription: "PRIORITY", unit: { Frame.make(2, 0, UInt32(2 * $0 + 1), [0, 0, 0, 0, 15]) }, units: 20_000),
    Flood(testDescription: "WINDOW_UPDATE", unit: { _ in Frame.windowUpdate(0, 1) }, units: 20_000),
    Flood(
      testDescription: "empty DATA", first: Frame.headers(1, Frame.block(post), end: false), unit: { _ in Frame.data(1, []) },
      units: 12),
    Flood(
      testDescription: "DATA of one byte", first: Frame.headers(1, Frame.block(post), end: false),
      unit: { _ in Frame.data(1, [0x61]) }, units: 20_000),
    Flood(
      testDescription: "CONTINUATION of one byte", first: Frame.headers(1, [0x00], isWhole: false),
      unit: { _ in Frame.continuation(1, [0x00], isWhole: false) }, units: 40),
    Flood(
      testDescription: "empty CONTINUATION", first: Frame.headers(1, [], isWhole: false),
      unit: { _ in Frame.continuation(1, [], isWhole: false) }, units: 40),
  ]) func aFloodEndsItsConnectionOnly(_ flood: Flood) throws {
    let service = try ScriptedServer { connection, server, _ in
      while try !server.readRequest(connection).isEmpty { try connection.send(ForwardingTests.hello) }
    }
    let proxy = try ProxyHarness(service)
    let bystander = try proxy.caller()
    let before = bystander.ask()
    bystander.finish(before)
    do {
      let caller = try proxy.connect()
      let wire = Frame.preface + Frame.settings + flood.first + (0..<flood.units).flatMap(flood.unit)
      _ = try caller.sendWhatFits(wire)
      let frames = try caller.frames { _ in false }
      #expect(frames.compactMap { $0.type == 7 ? $0.code : nil } == [.enhanceYourCalm])
    }
    let after = bystander.ask()
    bystander.finish(after)
    #expect(bystander.text(before) == "hello" && bystander.text(after) == "hello")
    try proxy.waitUntilQuiet(callers: 1)
  }

  /// Item 50: a thousand PINGs may wait for their answers and no more. As many that are answered as they come are no flood, so it is
  /// not the limit on their rate that ends the connection.
  @Test func answersToPINGThatWaitAreBounded() throws {
    let proxy = try ProxyHarness(try ScriptedServer.answering(ForwardingTests.hello))
    let patient = try proxy.connect()
    try patient.send(Frame.preface + Frame.settings)
    for round in 1...18 {
      try patient.send((0..<100).flatMap { _ in Frame.ping() })
      let frames = try patient.frames { frames in frames.filter { $0.type == 6 }.count >= 100 }
      try #require(frames.filter { $0.type == 6 && $0.flags == 1 }.count == 100, "round \(round)")
      try #require(!frames.contains { $0.type == 7 })
    }
    // Whether all of them wait at once is the kernel's to say, so several callers try.
    var codes: [HTTP2ErrorCode] = []
    for _ in 0..<10 where codes.isEmpty {
      let flood = try proxy.connect()
      try flood.send(Frame.preface + Frame.settings)
      _ = try flood.frames { $0.contains { $0.type == 4 && $0.flags == 1 } }
      try flood.send((0..<1800).flatMap { _ in Frame.ping() })
      let frames = try flood.frames { frames in frames.filter { $0.type == 6 }.count >= 1800 }
      codes = frames.compactMap { $0.type == 7 ? $0.code : nil }
      #expect(codes.isEmpty || frames.filter { $0.type == 6 }.count <= 1000)
    }
    #expect(codes == [.enhanceYourCalm])
    let bystander = try proxy.caller()
    let after = bystander.ask()
    bystander.finish(after)
    #expect(bystander.text(after) == "hello")
  }

  /// 200 at once are borne: a browser's page that is left does that.
  @Test func aBurstOfResetsIsBorne() throws {
    let service = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(service)
    let caller = try proxy.connect()
    let burst = (0..<200).flatMap(Self.resetRequest)
    try caller.send(Frame.preface + Frame.settings)
    try caller.send(burst + Frame.headers(999, Self.block))
    let frames = try caller.frames { $0.contains { $0.stream == 999 && $0.flags & 1 == 1 } }
    #expect(frames.contains { $0.type == 0 && $0.stream == 999 && $0.payload == bytes("hello") })
    #expect(!frames.contains { $0.type == 7 })
    try proxy.waitUntilQuiet(callers: 1)
  }

  /// A field of 4000 bytes is put in the table once and named a thousand times: 4 MB from 5 KB.
  @Test func aHeaderBombIs431() throws {
    let service = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(service)
    let caller = try proxy.connect()
    // Literal with incremental indexing, name `x`, a value of 4000 bytes.
    let entry: [UInt8] = [0x40, 1, 0x78, 0x7f, 0xa1, 0x1e] + [UInt8](repeating: 0x76, count: 4000)
    let bomb = Self.block + entry + [UInt8](repeating: 0xbe, count: 1000)
    try caller.send(Frame.preface + Frame.settings + Frame.headers(1, bomb) + Frame.headers(3, Self.block))
    let frames = try caller.frames { frames in
      [1, 3].allSatisfy { stream in frames.contains { $0.stream == stream && $0.flags & 1 == 1 && $0.type < 2 } }
    }
    #expect(!frames.contains { $0.type == 7 })
    let head = try #require(frames.first { $0.type == 1 && $0.stream == 1 })
    #expect(head.payload.starts(with: [0x48, 0x03] + bytes("431")), "\(head.payload.prefix(8))")
    #expect(service.requests.count == 1)
  }

  struct BodyCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var fields: [(String, String)]
    var frames: [UInt8]
    var code = HTTP2ErrorCode.protocolError
  }

  /// The service has the head and a part of the body, and the rest breaks the rules: it never sees the end of it.
  @Test(arguments: [
    BodyCase(testDescription: "too much", fields: [("content-length", "6")], frames: Frame.data(1, bytes("4567"))),
    BodyCase(testDescription: "too much at the end", fields: [("content-length", "6")], frames: Frame.data(1, bytes("4567"), end: true)),
    BodyCase(testDescription: "too little", fields: [("content-length", "6")], frames: Frame.data(1, bytes("4"), end: true)),
    BodyCase(testDescription: "too little before trailers", fields: [("content-length", "6")], frames: Frame.headers(1, Frame.block([("x", "1")]))),
    BodyCase(testDescription: "trailers that do not end", fields: [], frames: Frame.headers(1, Frame.block([("x", "1")]), end: false)),
    BodyCase(testDescription: "trailers with CR LF", fields: [], frames: Frame.headers(1, Frame.block([("x", "1\r\nx: y")]))),
    BodyCase(testDescription: "trailers in upper case", fields: [], frames: Frame.headers(1, Frame.block([("X", "1")]))),
    BodyCase(testDescription: "a reset", fields: [], frames: Frame.reset(1)),
    BodyCase(testDescription: "a reset, with a length", fields: [("content-length", "6")], frames: Frame.reset(1)),
  ]) func aBrokenBodyIsNeverComplete(_ example: BodyCase) throws {
    let service = try ScriptedServer { connection, server, _ in
      var seen: [UInt8] = []
      while !text(seen).contains("123") {
        let more = try connection.receive()
        if more.isEmpty { return }
        seen += more
      }
      server.release()
      while true {
        let more = try connection.receive()
        if more.isEmpty { break }
        seen += more
      }
      server.keep(text(seen))
    }
    let proxy = try ProxyHarness(service)
    let caller = try proxy.connect()
    let head = Frame.headers(1, Frame.block(Self.post + example.fields), end: false)
    try caller.send(Frame.preface + Frame.settings + head + Frame.data(1, bytes("123")))
    try wait { service.isReleased }
    try caller.send(example.frames + Frame.make(6, 0, 0, [UInt8](repeating: 9, count: 8)))
    let frames = try caller.frames { $0.contains { $0.type == 6 } }
    if !example.testDescription.hasPrefix("a reset") {
      #expect(frames.filter { $0.type == 3 && $0.stream == 1 }.compactMap(\.code) == [example.code])
    }
    #expect(!frames.contains { $0.type == 7 })
    try wait { service.requests.count == 1 }
    let seen = service.requests[0]
    let body = seen.firstRange(of: "\r\n\r\n").map { String(seen[$0.upperBound...]) } ?? ""
    #expect(example.fields.isEmpty ? !body.contains("\r\n0\r\n") : body.utf8.count < 6, "\(body)")
    try proxy.waitUntilQuiet(callers: 1)
  }

  /// After the caller's end of a stream: STREAM_CLOSED, and the service has one request.
  @Test(arguments: [true, false]) func nothingFollowsTheEndOfARequest(_ isData: Bool) throws {
    let service = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      while try !connection.receive().isEmpty {}
    }
    let proxy = try ProxyHarness(service)
    do {
      let caller = try proxy.connect()
      try caller.send(Frame.preface + Frame.settings + Frame.headers(1, Self.block))
      try wait { service.requests.count == 1 }
      try caller.send(isData ? Frame.data(1, bytes("more")) : Frame.headers(1, Self.block))
      let frames = try caller.frames { _ in false }
      #expect(frames.compactMap { $0.type == 7 ? $0.code : nil } == [.streamClosed])
    }
    try proxy.waitUntilQuiet(callers: 0)
    #expect(service.requests.count == 1)
  }
}
