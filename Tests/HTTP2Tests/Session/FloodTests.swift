import HTTP2
import Memory
import TestSupport
import Testing

/// Peers that break rules or spend our time (bad inputs 41–53): always a GOAWAY or a reset, never more.
@Suite struct FloodTests {
  private static let preface = bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + frame(4, 0, 0, [])

  private static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
    let n = payload.count
    return [UInt8(n >> 16), UInt8(n >> 8 & 255), UInt8(n & 255), type, flags]
      + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: stream >> UInt32($0)) } + payload
  }

  /// `:method: GET`, `:scheme: http`, `:path: /` from the static table, `:authority: a`.
  private static let block: [UInt8] = [0x82, 0x86, 0x84, 0x41, 0x01, 0x61]

  private func server() -> End {
    let server = End(.server)
    server.receive(Self.preface)
    _ = server.output()
    return server
  }

  /// The error code of the GOAWAY among `bytes`, nil without one.
  private func goAway(_ bytes: [UInt8]) -> HTTP2ErrorCode? {
    var at = 0
    while at + 9 <= bytes.count {
      let length = Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
      if bytes[at + 3] == 7 {
        return HTTP2ErrorCode(rawValue: bytes[(at + 13)..<(at + 17)].reduce(0) { $0 << 8 | UInt32($1) })
      }
      at += 9 + length
    }
    return nil
  }

  @Test func rapidResetIsStopped() {
    let server = server()
    var rounds = 0
    var stream: UInt32 = 1
    while server.fault == nil && rounds < 10_000 {
      server.receive(Self.frame(1, 5, stream, Self.block) + Self.frame(3, 0, stream, [0, 0, 0, 8]))
      stream += 2
      rounds += 1
    }
    #expect(server.fault == .flood(.resets))
    #expect(rounds == 201)
    #expect(goAway(server.output()) == .enhanceYourCalm)
    #expect(!server.session.wantsRead)
  }

  @Test func resetsAtAnOrdinaryPaceAreNot() {
    let server = server()
    var stream: UInt32 = 1
    for _ in 0..<2000 {
      server.now += 40  // 25 a second
      server.receive(Self.frame(1, 5, stream, Self.block) + Self.frame(3, 0, stream, [0, 0, 0, 8]))
      stream += 2
    }
    #expect(server.fault == nil)
  }

  /// CVE-2025-8671: the peer makes us reset, here by a field that may not stand in HTTP/2.
  @Test func resetsThatThePeerProvokesCountToo() {
    let server = server()
    var rounds = 0
    var stream: UInt32 = 1
    var said: [UInt8] = []
    while server.session.wantsRead && rounds < 10_000 {
      server.receive(Self.frame(1, 5, stream, Self.block + [0, 10] + bytes("connection") + [1, 0x78]))
      said = server.output()
      stream += 2
      rounds += 1
    }
    #expect(rounds == 201)
    #expect(server.session.fault == .flood(.resets))
    said += server.output()
    #expect(goAway(said) == .enhanceYourCalm)
  }

  @Test(arguments: [
    (UInt8(6), [UInt8](repeating: 0, count: 8), UInt32(0)), (4, [], 0), (2, [0, 0, 0, 0, 1], 3), (8, [0, 0, 0, 1], 0),
  ])
  func framesThatDoNothingAreCapped(type: UInt8, payload: [UInt8], stream: UInt32) {
    let server = server()
    let one = Self.frame(type, 0, stream, payload)
    var count = 0
    while server.fault == nil && count < 100_000 {
      server.receive(one)
      _ = server.output()
      count += 1
    }
    #expect(server.fault == .flood(.idleFrames))
    #expect(count <= 2001)
  }

  @Test func emptyDataIsCapped() {
    let server = server()
    server.receive(Self.frame(1, 4, 1, Self.block))
    for _ in 0..<11 { server.receive(Self.frame(0, 0, 1, [])) }
    #expect(server.fault == .flood(.emptyData))
    #expect(goAway(server.output()) == .enhanceYourCalm)
  }

  @Test func oneByteDataIsCappedAndHeartbeatsAreNot() {
    let fast = server()
    fast.receive(Self.frame(1, 4, 1, Self.block) + Self.frame(1, 4, 3, Self.block))
    for _ in 0..<3000 { fast.receive(Self.frame(0, 0, 1, [1])) }
    #expect(fast.seen.contains(.closed(1, .enhanceYourCalm)))
    #expect(fast.data(1).count == 2000)
    fast.receive(Self.frame(0, 1, 3, [1]))
    #expect(fast.fault == nil && fast.data(3) == [1], "another stream of the connection goes on")
    let steady = server()
    steady.receive(Self.frame(1, 4, 1, Self.block))
    for _ in 0..<10_000 {
      steady.now += 10  // 100 a second
      steady.receive(Self.frame(0, 0, 1, [1]))
    }
    #expect(steady.fault == nil)
  }

  @Test func continuationsAreCapped() {
    let server = server()
    server.receive(Self.frame(1, 1, 1, [0x82]))
    for _ in 0..<40 where server.fault == nil { server.receive(Self.frame(9, 0, 1, [0x86])) }
    #expect(server.fault == .flood(.continuations))
  }

  /// Faults of the connection: it ends with the code that RFC 9113 names.
  @Test(arguments: [
    ("a frame above 16 KiB", frame(0, 0, 1, [UInt8](repeating: 0, count: 20_000)), HTTP2ErrorCode.frameSizeError),
    ("DATA on stream 0", frame(0, 0, 0, [1]), .protocolError),
    ("an even stream", frame(1, 5, 2, block), .protocolError),
    ("a frame within a header block", frame(1, 1, 1, [0x82]) + frame(6, 0, 0, [UInt8](repeating: 0, count: 8)), .protocolError),
    ("an index beyond the table", frame(1, 5, 1, [0xff, 0x80, 0x01]), .compressionError),
    ("a window above 2^31 - 1", frame(8, 0, 0, [0x7f, 0xff, 0xff, 0xff]) + frame(8, 0, 0, [0x7f, 0xff, 0xff, 0xff]), .flowControlError),
    ("padding longer than the frame", frame(1, 4, 1, block) + frame(0, 8, 1, [9, 1]), .protocolError),
  ])
  func brokenFramesEndTheConnection(what: String, input: [UInt8], code: HTTP2ErrorCode) {
    let server = server()
    server.receive(input)
    #expect(goAway(server.output()) == code, "\(what)")
    #expect(!server.session.wantsRead, "\(what)")
  }

  @Test func aBadPrefaceIsTold() {
    let server = End(.server)
    server.receive(bytes("GET / HTTP/1.1\r\n\r\n"))
    #expect(server.fault == .badPreface)
  }

  /// Field rules (bad inputs 59–63): the stream is reset, no event comes, the connection goes on.
  @Test(arguments: [
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("connection", "close")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("transfer-encoding", "chunked")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("te", "gzip")],
    [(":method", "GET"), (":scheme", "http")],
    [(":method", "GET"), (":scheme", "http"), (":path", "")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":path", "/b")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("a", "b"), (":authority", "c")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/a b")],
    [(":method", "G T"), (":scheme", "http"), (":path", "/")],
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("a", "b\r\nc: d")],
  ])
  func badFieldsResetTheStream(fields: [(String, String)]) throws {
    let pair = BackToBack()
    let bad = try #require(pair.client.session.submitRequest(HeaderList(fields), endStream: true))
    let good = try #require(pair.client.session.submitRequest(getFields, endStream: true))
    pair.run()
    #expect(pair.client.seen.contains(.closed(bad, .protocolError)))
    #expect(pair.server.seen.contains(.ended(good)))
    #expect(!pair.server.seen.contains { if case .request(bad, _) = $0 { true } else { false } })
  }

  @Test func aLengthThatDoesNotFitTheBodyResetsTheStream() throws {
    let pair = BackToBack()
    var fields = postFields
    fields.append("content-length", "10")
    let stream = try #require(pair.client.session.submitRequest(fields, endStream: false))
    pair.client.session.send(stream, bytes("short"), endStream: true)
    pair.run()
    #expect(pair.client.seen.contains(.closed(stream, .protocolError)))
    #expect(!pair.server.seen.contains(.ended(stream)))
  }
}
