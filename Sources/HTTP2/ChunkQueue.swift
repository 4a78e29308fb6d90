import Memory

/// Bytes that wait to be sent, as the arrays in which they came: one encoded message stands in ten thousand queues and exists
/// once.
public struct ChunkQueue: Sendable {
  private var chunks: [[UInt8]] = []
  private var first = 0
  private var offset = 0
  /// Bytes that wait.
  public private(set) var count = 0

  /// Emptied storage above this many slots is given back. Why: a stream that once fell behind should not keep the memory.
  private static let slotsKept = 16

  public init() {}

  public var isEmpty: Bool { count == 0 }

  /// Adds bytes at the end, without a copy.
  public mutating func append(_ bytes: [UInt8]) {
    if bytes.isEmpty { return }
    chunks.append(bytes)
    count += bytes.count
  }

  /// Moves the first `n` bytes, at most `count`, to the end of `buffer`.
  public mutating func move(_ n: Int, to buffer: inout ByteBuffer) {
    precondition(n >= 0 && n <= count, "more bytes taken than there are")
    buffer.reserve(n)
    var left = n
    while left > 0 {
      let chunk = chunks[first]
      let available = chunk.count - offset
      let taken = min(left, available)
      buffer.append(chunk.span.extracting(offset..<(offset + taken)))
      left -= taken
      offset += taken
      if taken == available { dropFirst() }
    }
    count -= n
    if count == 0 { removeAll() }
  }

  /// Forgets everything.
  public mutating func removeAll() {
    chunks.removeAll(keepingCapacity: chunks.capacity <= Self.slotsKept)
    first = 0
    offset = 0
    count = 0
  }

  private mutating func dropFirst() {
    chunks[first] = []  // frees the bytes now, not when the queue is empty
    first += 1
    offset = 0
    if first >= 64 && first * 2 >= chunks.count {
      chunks.removeFirst(first)
      first = 0
    }
  }
}
