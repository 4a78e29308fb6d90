import HTTP2
import TestSupport
import Testing

@testable import DataPlane

/// Callers that break the rules of HTTP/2 (bad inputs 41–70), frame by frame through the real proxy. A fault of one message ends
/// its stream, one of the connection ends that with a GOAWAY; a second caller is never harmed, and a service never sees half a
/// truth.
@Suite struct BadFrameTests {
  enum Outcome: Equatable, Sendable {
    /// GOAWAY with this code, then the end.
    case goAway(HTTP2ErrorCode)
    /// RST_STREAM of stream 1 with this code; the connection goes on.
    case reset(HTTP2ErrorCode)
    /// Stream 1 is answered as if nothing had been.
    case served
    /// Stream 1 is answered with 400.
    case refused
  }

  struct Example: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var frames: [UInt8]
    var outcome: Outcome

    init(_ title: String, _ outcome: Outcome, _ frames: [UInt8]...) {
      testDescription = title
      self.frames = frames.flatMap { $0 }
      self.outcome = outcome
    }
  }

  static let target = [(":method", "GET"), (":scheme", "http"), (":path", "/bad"), (":authority", "web")]
  static let post = [(":method", "POST"), (":scheme", "http"), (":path", "/bad"), (":authority", "web")]
  static let block = Frame.block(target)
  static let get = Frame.headers(1, block)
  static let open = Frame.headers(1, Frame.block(post), end: false)
  static func request(_ fields: [(String, String)], end: Bool = true) -> [UInt8] { Frame.headers(1, Frame.block(fields), end: end) }

  /// What a case leaves behind: whether the connection lives on is seen by a request on stream 99 after it.
  private func check(_ example: Example, sendsPreface: Bool = true) throws {
    let service = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(service)
    let bystander = try proxy.caller()
    let before = bystander.ask("/before")
    bystander.finish(before)
    let caller = try proxy.connect()
    let last = Frame.headers(99, Frame.block([(":method", "GET"), (":scheme", "http"), (":path", "/last"), (":authority", "web")]))
    try caller.send((sendsPreface ? Frame.preface + Frame.settings : []) + example.frames)
    if case .goAway = example.outcome {} else { try caller.send(last) }
    let isAnswered = example.outcome == .served || example.outcome == .refused
    let frames = try caller.frames { frames in
      (isAnswered ? [1, 99] : [99]).allSatisfy { stream in
        frames.contains { $0.stream == stream && $0.flags & 1 == 1 && $0.type < 2 }
      }
    }
    let goAways = frames.compactMap { $0.type == 7 ? $0.code : nil }
    let resets = frames.filter { $0.type == 3 && $0.stream == 1 }.compactMap(\.code)
    let head = frames.first { $0.type == 1 && $0.stream == 1 }
    switch example.outcome {
    case .goAway(let code): #expect(goAways == [code])
    case .reset(let code):
      #expect(resets == [code] && goAways.isEmpty)
      #expect(head == nil)
    case .served:
      #expect(head?.payload.first == 0x88, "\(String(describing: head))")
      #expect(resets.isEmpty && goAways.isEmpty)
    case .refused: #expect(head?.payload.first == 0x8c && goAways.isEmpty)
    }
    let after = bystander.ask("/after")
    bystander.finish(after)
    #expect(bystander.text(before) == "hello" && bystander.text(after) == "hello")
    if example.outcome != .served {
      #expect(!service.requests.contains { isBadAndWhole($0) }, "the service has it whole")
    }
  }

  /// A part of a request may have gone to the service before the fault came, but never its end.
  private func isBadAndWhole(_ request: String) -> Bool {
    guard request.contains(" /bad "), let end = request.firstRange(of: "\r\n\r\n") else { return false }
    let (head, body) = (String(request[..<end.lowerBound]), request[end.lowerBound...])
    if RawAnswer.field("transfer-encoding", in: head) != nil { return body.contains("\r\n0\r\n") }
    return body.utf8.count - 4 >= RawAnswer.field("content-length", in: head).flatMap { Int($0) } ?? 0
  }

  // MARK: Frames (items 41–45, 51, 55, 58)

  @Test(arguments: [
    Example("a frame above 16 384 bytes", .goAway(.frameSizeError), Frame.data(1, [UInt8](repeating: 0, count: 16_385))),
    Example("HEADERS above 16 384 bytes", .goAway(.frameSizeError), Frame.headers(1, [UInt8](repeating: 0, count: 16_385))),
    Example("SETTINGS of 5 bytes", .goAway(.frameSizeError), Frame.make(4, 0, 0, [0, 1, 0, 0, 0])),
    Example("SETTINGS ACK with a payload", .goAway(.frameSizeError), Frame.make(4, 1, 0, [0, 1, 0, 0, 0, 0])),
    Example("PING of 7 bytes", .goAway(.frameSizeError), Frame.ping([1, 2, 3, 4, 5, 6, 7])),
    Example("WINDOW_UPDATE of 3 bytes", .goAway(.frameSizeError), Frame.make(8, 0, 0, [0, 0, 1])),
    Example("RST_STREAM of 3 bytes", .goAway(.frameSizeError), open, Frame.make(3, 0, 1, [0, 0, 8])),
    Example("GOAWAY of 7 bytes", .goAway(.frameSizeError), Frame.make(7, 0, 0, [0, 0, 0, 0, 0, 0, 0])),
    Example("DATA on stream 0", .goAway(.protocolError), Frame.data(0, [1])),
    Example("HEADERS on stream 0", .goAway(.protocolError), Frame.headers(0, block)),
    Example("CONTINUATION on stream 0", .goAway(.protocolError), Frame.continuation(0, block)),
    Example("RST_STREAM on stream 0", .goAway(.protocolError), Frame.reset(0)),
    Example("PRIORITY on stream 0", .goAway(.protocolError), Frame.make(2, 0, 0, [0, 0, 0, 1, 15])),
    Example("SETTINGS on a stream", .goAway(.protocolError), Frame.make(4, 0, 1, [])),
    Example("PING on a stream", .goAway(.protocolError), Frame.make(6, 0, 1, [UInt8](repeating: 0, count: 8))),
    Example("GOAWAY on a stream", .goAway(.protocolError), Frame.make(7, 0, 1, [UInt8](repeating: 0, count: 8))),
    Example("DATA on an idle stream", .goAway(.protocolError), Frame.data(1, [1])),
    Example("RST_STREAM on an idle stream", .goAway(.protocolError), Frame.reset(1)),
    Example("WINDOW_UPDATE on an idle stream", .goAway(.protocolError), Frame.windowUpdate(1, 1)),
    Example("CONTINUATION on an idle stream", .goAway(.protocolError), Frame.continuation(1, block)),
    Example("an even stream", .goAway(.protocolError), Frame.headers(2, block)),
    Example(
      "a stream below one that was used", .goAway(.protocolError),
      Frame.headers(5, Frame.block([(":method", "GET"), (":scheme", "http"), (":path", "/x"), (":authority", "web")])), Frame.headers(3, block)),
    Example("PUSH_PROMISE", .goAway(.protocolError), open, Frame.make(5, 4, 1, [0, 0, 0, 2] + block)),
    Example("first frame is not SETTINGS", .goAway(.protocolError), Frame.ping()),
    Example("WINDOW_UPDATE of 0 on the connection", .goAway(.protocolError), Frame.windowUpdate(0, 0)),
    Example("the connection's window overflows", .goAway(.flowControlError), Frame.windowUpdate(0, 0x7fff_ffff)),
    Example("WINDOW_UPDATE of 0 on a stream", .goAway(.protocolError), open, Frame.windowUpdate(1, 0)),
    Example("a stream's window overflows", .reset(.flowControlError), open, Frame.windowUpdate(1, 0x7fff_ffff)),
    Example("INITIAL_WINDOW_SIZE above the limit", .goAway(.flowControlError), Frame.make(4, 0, 0, [0, 4, 0x80, 0, 0, 0])),
    Example("MAX_FRAME_SIZE below the limit", .goAway(.protocolError), Frame.make(4, 0, 0, [0, 5, 0, 0, 0x3f, 0xff])),
    Example("MAX_FRAME_SIZE above the limit", .goAway(.protocolError), Frame.make(4, 0, 0, [0, 5, 1, 0, 0, 0])),
    Example("ENABLE_PUSH of 2", .goAway(.protocolError), Frame.make(4, 0, 0, [0, 2, 0, 0, 0, 2])),
    Example("padding as long as DATA", .goAway(.protocolError), open, Frame.data(1, [2, 0], flags: 8)),
    Example("padding as long as HEADERS", .goAway(.protocolError), Frame.make(1, 0x0d, 1, [9] + [UInt8](repeating: 0, count: 8))),
    Example("a frame within a field block", .goAway(.protocolError), Frame.headers(1, block, isWhole: false), Frame.ping()),
    Example("a second stream within a field block", .goAway(.protocolError), Frame.headers(1, block, isWhole: false), Frame.headers(3, block)),
    Example("CONTINUATION of another stream", .goAway(.protocolError), Frame.headers(1, block, isWhole: false), Frame.continuation(3, block)),
    Example("an unknown frame within a field block", .goAway(.protocolError), Frame.headers(1, block, isWhole: false), Frame.make(0xfa, 0, 1, [])),
    Example("CONTINUATION after a whole block", .goAway(.protocolError), open, Frame.continuation(1, [])),
  ]) func brokenFrames(_ example: Example) throws {
    if example.testDescription == "first frame is not SETTINGS" {
      return try check(Example(example.testDescription, example.outcome, Frame.preface, example.frames), sendsPreface: false)
    }
    try check(example)
  }

  // MARK: HPACK (items 46, 47)

  @Test(arguments: [
    Example("index 0", .goAway(.compressionError), Frame.headers(1, [0x80])),
    Example("index out of range", .goAway(.compressionError), Frame.headers(1, [0xff, 0x80, 0x01])),
    Example("an integer that overflows", .goAway(.compressionError), Frame.headers(1, [0xff] + [UInt8](repeating: 0xff, count: 10) + [0x01])),
    Example("Huffman with EOS", .goAway(.compressionError), Frame.headers(1, [0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, 0x61])),
    Example("Huffman padding of 8 bits", .goAway(.compressionError), Frame.headers(1, [0x00, 0x82, 0x1f, 0xff, 0x01, 0x61])),
    Example("Huffman padding of zeros", .goAway(.compressionError), Frame.headers(1, [0x00, 0x81, 0x18, 0x01, 0x61])),
    Example("table size above the limit", .goAway(.compressionError), Frame.headers(1, [0x3f, 0xe2, 0x1f] + block)),
    Example("table size within a block", .goAway(.compressionError), Frame.headers(1, block + [0x20])),
    Example("a string beyond the block", .goAway(.compressionError), Frame.headers(1, [0x00, 0x05, 0x61])),
    Example("a literal cut short", .goAway(.compressionError), Frame.headers(1, block + [0x00])),
  ]) func brokenFieldBlocks(_ example: Example) throws { try check(example) }

  // MARK: Messages (items 59–64, 70)

  @Test(arguments: [
    Example("upper case", .reset(.protocolError), request(target + [("X-Upper", "1")])),
    Example("connection", .reset(.protocolError), request(target + [("connection", "close")])),
    Example("keep-alive", .reset(.protocolError), request(target + [("keep-alive", "5")])),
    Example("proxy-connection", .reset(.protocolError), request(target + [("proxy-connection", "close")])),
    Example("upgrade", .reset(.protocolError), request(target + [("upgrade", "h2c")])),
    Example("transfer-encoding", .reset(.protocolError), request(target + [("transfer-encoding", "chunked")])),
    Example("te other than trailers", .reset(.protocolError), request(target + [("te", "gzip")])),
    Example("connection in trailers", .reset(.protocolError), open, request([("connection", "close")])),
    Example("te: trailers", .served, request(target + [("te", "trailers")])),
    Example("no method", .reset(.protocolError), request(Array(target.dropFirst()))),
    Example("no scheme", .reset(.protocolError), request([target[0], target[2], target[3]])),
    Example("no path", .reset(.protocolError), request([target[0], target[1], target[3]])),
    Example("method twice", .reset(.protocolError), request([target[0]] + target)),
    Example("path twice", .reset(.protocolError), request([(":path", "/")] + target)),
    Example("authority twice", .reset(.protocolError), request(target + [(":authority", "web")])),
    Example("a pseudo-field after a field", .reset(.protocolError), request([target[0], target[1], target[2], ("x", "1"), target[3]])),
    Example("an unknown pseudo-field", .reset(.protocolError), request(target + [(":other", "1")])),
    Example("a status in a request", .reset(.protocolError), request(target + [(":status", "200")])),
    Example("a pseudo-field in trailers", .reset(.protocolError), open, request([(":path", "/")])),
    Example("an empty path", .reset(.protocolError), request([target[0], target[1], (":path", ""), target[3]])),
    Example("a path without a slash", .reset(.protocolError), request([target[0], target[1], (":path", "bad"), target[3]])),
    Example("host differs", .refused, request(target + [("host", "other")])),
    Example("host twice", .reset(.protocolError), request(target + [("host", "web"), ("host", "web")])),
    Example("a protocol of a GET", .reset(.protocolError), request(target + [(":protocol", "websocket")])),
    Example(
      "extended CONNECT without a path", .reset(.protocolError),
      request([(":method", "CONNECT"), (":protocol", "websocket"), target[1], target[3]])),
    Example("CONNECT with a path", .reset(.protocolError), request([(":method", "CONNECT")] + target.dropFirst())),
    Example(
      "too little for content-length", .reset(.protocolError), request(post + [("content-length", "5")], end: false), Frame.data(1, bytes("1234"), end: true)),
    Example("no body for content-length", .reset(.protocolError), request(post + [("content-length", "5")])),
    Example("two lengths", .reset(.protocolError), request(post + [("content-length", "5"), ("content-length", "6")], end: false)),
    Example("a length that is no number", .reset(.protocolError), request(post + [("content-length", "5x")], end: false)),
    Example("CR LF in a value", .reset(.protocolError), request(target + [("x", "a\r\nx-evil: 1")])),
    Example("LF in a value", .reset(.protocolError), request(target + [("x", "a\nb")])),
    Example("NUL in a value", .reset(.protocolError), request(target + [("x", "a\0b")])),
    Example("a space first in a value", .reset(.protocolError), request(target + [("x", " a")])),
    Example("a colon in a name", .reset(.protocolError), request(target + [("x:y", "1")])),
    Example("a space in a name", .reset(.protocolError), request(target + [("x y", "1")])),
    Example("CR LF in a name", .reset(.protocolError), request(target + [("x\r\ny", "1")])),
    Example("an empty name", .reset(.protocolError), request(target + [("", "1")])),
    Example("a space in the path", .reset(.protocolError), request([target[0], target[1], (":path", "/a HTTP/1.1"), target[3]])),
    Example("CR LF in the path", .reset(.protocolError), request([target[0], target[1], (":path", "/a\r\nx: y"), target[3]])),
    Example("NUL in the path", .reset(.protocolError), request([target[0], target[1], (":path", "/\0"), target[3]])),
    Example("a space in the method", .reset(.protocolError), request([(":method", "GET /evil"), target[1], target[2], target[3]])),
    Example("CR LF in the authority", .reset(.protocolError), request([target[0], target[1], target[2], (":authority", "web\r\nx: y")])),
    Example("a space in the authority", .reset(.protocolError), request([target[0], target[1], target[2], (":authority", "we b")])),
    Example("a stream that depends on itself", .goAway(.protocolError), Frame.make(2, 0, 1, [0, 0, 0, 1, 15])),
  ]) func brokenMessages(_ example: Example) throws { try check(example) }

  // MARK: What is passed over (items 54, 65, 69)

  @Test(arguments: [
    Example("an unknown frame", .served, Frame.make(0xfa, 0xff, 0, bytes("anything")), Frame.make(0xfa, 0, 1, []), get),
    Example("an unknown setting", .served, Frame.make(4, 0, 0, [0xff, 0xff, 0, 0, 0, 1]), get),
    Example("unknown flags", .served, Frame.make(1, 0xd5 & 0xf5 & ~0x28 | 0x40, 1, block)),
    Example("a reserved bit", .served, Frame.make(1, 5, 0x8000_0001, block)),
    Example("padding", .served, Frame.make(1, 0x0d, 1, [3] + block + [0, 0, 0])),
    Example("priority within HEADERS", .served, Frame.make(1, 0x25, 1, [0, 0, 0, 0, 15] + block)),
    Example("PRIORITY of an idle stream", .served, Frame.make(2, 0, 7, [0, 0, 0, 0, 15]), get),
    Example(
      "a block in pieces", .served, Frame.headers(1, Array(block.prefix(3)), isWhole: false), Frame.continuation(1, Array(block.dropFirst(3)), isWhole: false),
      Frame.continuation(1, [])),
    Example("a GOAWAY from the caller", .served, Frame.make(7, 0, 0, [UInt8](repeating: 0, count: 8)), get),
  ]) func passedOver(_ example: Example) throws { try check(example) }
}
