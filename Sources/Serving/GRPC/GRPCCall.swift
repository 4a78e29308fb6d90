import HTTP
import Memory

/// One call on one end: its HTTP/2 stream and the messages that are being put together.
struct GRPCCall: ~Copyable {
  enum Phase {
    /// Messages flow.
    case open
    /// Our status is queued (server), or the peer's came (client): nothing more is delivered.
    case finishing
  }

  let connection: Handle
  let stream: Int32
  var phase = Phase.open
  /// The peer will send no more.
  var isHalfClosed = false
  private let limit: Int
  private var deframer: GRPCDeframer

  init(connection: Handle, stream: Int32, limit: Int) {
    self.connection = connection
    self.stream = stream
    self.limit = limit
    deframer = GRPCDeframer(limit: limit)
  }

  mutating func receive(_ bytes: Span<UInt8>) { deframer.receive(bytes) }

  /// The next whole message. Storage is given back when all were taken: an idle call holds none.
  mutating func next() -> GRPCFrame {
    let frame = deframer.next()
    if case .needMore = frame, deframer.bufferedCount == 0 { deframer = GRPCDeframer(limit: limit) }
    return frame
  }

  mutating func endOfInput() -> GRPCStatus? { deframer.endOfInput() }
}
