import HTTP
import HTTP2
import Memory
import SystemIO
import Workers

/// One HTTP/2 connection, whose streams are `Downstream`s. Lives on one worker for life.
///
/// HTTP/2 is spoken at the edge only: a stream's request becomes HTTP/1.1 text in the input of its `Downstream`, its answer is such
/// text in the output. What is between them is the same for both versions, and judges both by the same rules.
struct Session: ~Copyable {
  let socket: Socket
  let http2: HTTP2Session
  /// Frames that the kernel has not taken yet.
  var output = ByteBuffer()
  /// Streams that have more text than libnghttp2 is given at once; they go on when frames were written.
  var stalled: [Handle] = []
  var phase = Phase.open
  /// The kernel may have bytes for us (edge-triggered: we must remember).
  var mayRead = true
  /// It is in `ProxyCore.dirtySessions`.
  var isDirty = false
  /// The peer's settings have come: it does speak HTTP/2.
  var isSettled = false
  var clock: ConnectionClock

  enum Phase {
    case open
    /// Nothing is said after `output`: the peer broke the protocol, or both sides have said GOAWAY.
    case closing
    /// Our last byte was said; what still comes is dropped, so that the peer gets to read it (as `Downstream.Phase.closing`).
    case lingering(left: Int)
  }

  init(socket: consuming Socket, http2: HTTP2Session, clock: ConnectionClock) {
    self.socket = socket
    self.http2 = http2
    self.clock = clock
  }

  /// Reads once. A short read means that the kernel has no more for now.
  mutating func receive(into input: inout ByteBuffer, atMost: Int) -> IOResult {
    let result = socket.receive(into: &input, atMost: atMost)
    switch result {
    case .bytes(let n): mayRead = n == atMost
    case .wouldBlock, .endOfFile, .failed: mayRead = false
    }
    return result
  }

  /// Gives the kernel what it takes of the frames that wait, up to about `limit` bytes; how many went.
  mutating func write(atMost limit: Int) -> IOResult {
    var total = 0
    while true {
      if output.isEmpty {
        guard total < limit else { return .bytes(total) }
        _ = http2.write(into: &output, limit: Self.chunk)  // a fault of the session shows in `http2.fault`
        if output.isEmpty { return .bytes(total) }
      }
      switch socket.send(output, from: 0) {
      case .bytes(let n):
        output.removeFirst(n)
        total += n
      case .wouldBlock: return .bytes(total)
      case .endOfFile: return .endOfFile
      case .failed(let code): return .failed(code)
      }
    }
  }

  /// Bytes of frames made at a time. 16 KiB: one buffer of the pool, the largest frame that every peer takes.
  static let chunk = 16_384

  /// Nothing is left to say, and nothing to hear.
  var isOver: Bool { output.isEmpty && !http2.wantsRead && !http2.wantsWrite }
}

/// The stream behind a `Downstream`.
struct CallerStream {
  var session = Handle.none
  var id: Int32 = 0
  /// How the request's body stands in the input.
  var requestBody = HTTP1Body.none
  /// Bytes of body in the input for which the peer has no credit yet.
  var held = 0
  var answer = AnswerText.head
  /// It waits in `Session.stalled`.
  var isStalled = false
  /// The session has let go of it: nothing is to be reset.
  var isOver = false
}

/// How far the text of an answer has become frames.
enum AnswerText {
  case head
  case body(BodyReader)
  case ended
}
