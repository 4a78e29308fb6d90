/// Cuts the bytes of a connection into frames: a length in four bytes, then so many. One that is too large is passed over, so
/// that one large node costs its own answer and not the session.
struct ZooKeeperFrames {
  enum Next: Equatable {
    case frame([UInt8])
    /// The first `headBytes` of a frame above the limit.
    case oversized([UInt8])
    case needMore
    /// No frame can begin so: the connection is of no use.
    case fault(String)
  }

  /// Bytes of a frame that is kept. Why: 10 000 children with long names fit; a node's data is at most 1 MiB unless the server is
  /// told otherwise. At the limit: passed over.
  static let limit = 1 << 20
  /// Bytes of a frame that is passed over. Why: more is no answer but a wrong port. At the limit: a fault.
  static let skipLimit = 64 << 20
  /// What names the answer: xid, zxid and error.
  static let headBytes = 16

  private let limit: Int
  private var received: [UInt8] = []
  private var start = 0
  /// Of the frame that is passed over: its head, as far as it came, and how many bytes are still to come.
  private var skipped: (head: [UInt8], missing: Int)?

  init(limit: Int = Self.limit) { self.limit = limit }

  mutating func append(_ piece: [UInt8]) {
    if start > 0 {
      received.removeFirst(start)
      start = 0
    }
    received += piece
  }

  mutating func next() -> Next {
    if skipped != nil { return skip() }
    guard received.count - start >= 4 else { return .needMore }
    let length = received[start..<(start + 4)].reduce(0) { $0 << 8 | Int($1) }
    guard length <= Self.skipLimit else { return .fault("a frame of \(length) bytes: this is no ZooKeeper") }
    if length > limit {
      start += 4
      skipped = ([], length)
      return skip()
    }
    guard received.count - start - 4 >= length else { return .needMore }
    defer { start += 4 + length }
    return .frame(Array(received[(start + 4)..<(start + 4 + length)]))
  }

  private mutating func skip() -> Next {
    guard var (head, missing) = skipped else { return .needMore }
    let count = min(missing, received.count - start)
    head += received[start..<(start + min(count, Self.headBytes - head.count))]
    missing -= count
    start += count
    skipped = missing == 0 ? nil : (head, missing)
    return missing == 0 ? .oversized(head) : .needMore
  }
}
