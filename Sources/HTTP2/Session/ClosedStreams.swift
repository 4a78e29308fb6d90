/// How the latest streams ended, to tell a frame that was on its way from one that breaks the order (RFC 9113 §5.1).
struct ClosedStreams: Sendable {
  enum End: Sendable {
    /// We reset it: what the peer had sent until it heard of that is passed over.
    case resetByUs
    /// By both sides, or by the peer's reset: nothing more may come.
    case complete
    /// One or the other, too long ago to know: what comes is passed over.
    case forgotten
  }

  /// Streams remembered.
  static let limit = 128

  private var streams: [(id: Int32, end: End)] = []
  private var next = 0
  private var highestForgotten: Int32 = 0

  mutating func append(_ id: Int32, _ end: End) {
    if streams.count < Self.limit {
      streams.append((id, end))
    } else {
      highestForgotten = max(highestForgotten, streams[next].id)
      streams[next] = (id, end)
      next = (next &+ 1) % Self.limit
    }
  }

  /// How the stream ended; nil of one that never began.
  func find(_ id: Int32) -> End? {
    streams.first { $0.id == id }?.end ?? (id <= highestForgotten ? .forgotten : nil)
  }
}
