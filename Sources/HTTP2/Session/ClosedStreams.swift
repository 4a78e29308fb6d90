/// How the latest streams ended, to tell a frame that was on its way from one that breaks the order (RFC 9113 §5.1).
struct ClosedStreams: Sendable {
  enum End: Sendable {
    /// We reset it: what the peer had sent until it heard of that is passed over.
    case resetByUs
    /// By both sides, or by the peer's reset: nothing more may come.
    case complete
  }

  /// Streams remembered. Of one closed before those, frames but HEADERS are passed over.
  static let limit = 128

  private var streams: [(id: Int32, end: End)] = []
  private var next = 0

  mutating func append(_ id: Int32, _ end: End) {
    if streams.count < Self.limit {
      streams.append((id, end))
    } else {
      streams[next] = (id, end)
      next = (next &+ 1) % Self.limit
    }
  }

  /// How the stream ended, nil when that is forgotten.
  func find(_ id: Int32) -> End? {
    streams.first { $0.id == id }?.end
  }
}
