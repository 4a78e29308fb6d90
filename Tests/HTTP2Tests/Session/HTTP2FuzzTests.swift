import HTTP2
import Memory
import TestSupport
import Testing

/// Peers that send anything at all: no bytes make a session trap, spin, or hold more than its limits.
@Suite struct HTTP2FuzzTests {
  private static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [0, UInt8(payload.count >> 8 & 255), UInt8(payload.count & 255), type, flags, 0, 0, 0, stream] + payload
  }

  /// `:method: GET`, `:scheme: http`, `:path: /` from the static table, `:authority: a`.
  private static let block: [UInt8] = [0x82, 0x86, 0x84, 0x41, 0x01, 0x61]
  /// `content-length: 8` with indexing, then a name of its own, Huffman-coded.
  private static let fields: [UInt8] = [0x5c, 0x01, 0x38, 0x40, 0x82, 0xf2, 0xb2, 0x01, 0x62]
  /// Frames that are right, one for each kind.
  private static let frames = [
    frame(1, 4, 1, block), frame(1, 5, 3, block + fields), frame(1, 0, 5, block), frame(9, 4, 5, fields),
    frame(1, 0x2c, 7, [1, 0, 0, 0, 0, 15] + block + [0]), frame(0, 0, 1, bytes("hello")), frame(0, 1, 1, bytes("end")),
    frame(0, 8, 1, [2] + bytes("padded") + [0, 0]), frame(2, 0, 1, [0, 0, 0, 3, 7]), frame(3, 0, 3, [0, 0, 0, 8]),
    frame(4, 0, 0, [0, 4, 0, 0, 0xff, 0xff]), frame(4, 0, 0, [0, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0x40, 0]), frame(4, 1, 0, []),
    frame(5, 4, 1, [0, 0, 0, 2] + block), frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]), frame(6, 1, 0, [1, 2, 3, 4, 5, 6, 7, 8]),
    frame(7, 0, 0, [0, 0, 0, 3, 0, 0, 0, 0]), frame(8, 0, 0, [0, 0, 1, 0]), frame(8, 0, 1, [0x7f, 0xff, 0xff, 0xff]),
    frame(0xfa, 0, 0, bytes("unknown")),
  ]
  private static let alphabet: [UInt8] = [0, 1, 2, 3, 4, 5, 8, 9, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0x82, 0xbe, 0xff]

  /// The SETTINGS that must come first, then `frames` in order: most as they are, some left out, some edited.
  private func conversation(_ frames: [[UInt8]], _ mutator: inout Mutator) -> [UInt8] {
    var wire = Self.frame(4, 0, 0, [])
    for frame in frames {
      switch mutator.random.below(16) {
      case 0, 1: continue
      case 2: wire += mutator.edited(frame)
      case 3: wire += mutator.next()
      default: wire += frame
      }
    }
    return wire
  }

  /// Each round is some twenty frames.
  private var rounds: Int { max(1, fuzzRounds / 4) }

  @Test func aServerOutlivesAnyClient() {
    var mutator = Mutator(corpus: Self.frames, alphabet: Self.alphabet, seed: 0x42)
    var requests = 0
    for _ in 0..<rounds {
      let server = End(.server)
      server.onEvent = { event in
        guard case .request = event.kind else { return }
        requests += 1
        if event.stream % 4 == 1 { server.session.submitResponse(event.stream, okFields, endStream: false) }
      }
      server.receive(bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
      for piece in mutator.pieces(of: conversation(Self.frames, &mutator), most: 40) { server.receive(piece) }
      for stream in stride(from: Int32(1), to: 12, by: 2) { server.session.send(stream, bytes("answer"), endStream: true) }
      expectBounded(server)
    }
    #expect(requests > rounds / 2, "too few requests to mean anything: \(requests)")
  }

  @Test func aClientOutlivesAnyServer() throws {
    let answer = Self.frame(1, 4, 1, [0x88, 0x5c, 0x01, 0x35])
    let interim = Self.frame(1, 4, 1, [0x08, 0x03, 0x31, 0x30, 0x33])
    let frames = [interim, answer] + Self.frames.filter { $0[3] != 1 && $0[3] != 9 && $0[3] != 5 }
    var mutator = Mutator(corpus: Self.frames + [answer, interim], alphabet: Self.alphabet, seed: 0xc1)
    var answers = 0
    for _ in 0..<rounds {
      let client = End(.client)
      for fields in [getFields, postFields] {
        _ = try #require(client.session.submitRequest(fields, endStream: fields[":method"] == "GET"))
      }
      client.onEvent = { if case .response = $0.kind { answers += 1 } }
      _ = client.output()
      for piece in mutator.pieces(of: conversation(frames, &mutator), most: 40) { client.receive(piece) }
      expectBounded(client)
    }
    #expect(answers > rounds / 4, "too few answers to mean anything: \(answers)")
  }

  private func expectBounded(_ end: End) {
    // Much more than twenty frames can call for: a session that spun would not stop here.
    #expect(end.output().count < 1 << 16)
    #expect(end.output().isEmpty)
    #expect(end.session.streamCount <= 16)
    #expect(end.fault == nil || !end.session.wantsRead)
  }
}
