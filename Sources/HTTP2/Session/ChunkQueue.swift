import Memory

/// Bytes that wait to be sent, as the arrays in which they came: one encoded message stands in ten thousand queues and exists
/// once.
public struct ChunkQueue: Sendable {
  /// The chunk that is sent next. Apart from the rest, so that a queue of one costs no list.
  private var head: [UInt8] = []
  /// Bytes of it that were taken.
  private var offset = 0
  private var rest: [[UInt8]] = []
  /// The first of `rest` that waits.
  private var next = 0
  /// Bytes that wait.
  public private(set) var count = 0

  /// Chunks that follow each other and are not larger together become one. Why: a byte should not cost an array.
  private static let joinedBytes = 4096
  /// Emptied storage above this many slots is given back. Why: a stream that once fell behind should not keep the memory.
  private static let slotsKept = 16

  public init() {}

  public var isEmpty: Bool { count == 0 }

  /// Adds bytes at the end, without a copy unless they are few.
  public mutating func append(_ bytes: [UInt8]) {
    if bytes.isEmpty { return }
    defer { count += bytes.count }
    if count == 0 {
      head = bytes
    } else if next < rest.count, rest[rest.count - 1].count + bytes.count <= Self.joinedBytes {
      rest[rest.count - 1] += bytes
    } else {
      rest.append(bytes)
    }
  }

  /// Moves the first `n` bytes, at most `count`, to the end of `buffer`.
  public mutating func move(_ n: Int, to buffer: inout ByteBuffer) {
    precondition(n >= 0 && n <= count, "more bytes taken than there are")
    buffer.reserve(n)
    var left = n
    while left > 0 {
      let available = head.count - offset
      let taken = min(left, available)
      buffer.append(head.span.extracting(offset..<(offset + taken)))
      left -= taken
      offset += taken
      if taken == available { dropFirst() }
    }
    count -= n
    if count == 0 { removeAll() }
  }

  /// Forgets everything.
  public mutating func removeAll() {
    head = []
    offset = 0
    rest.removeAll(keepingCapacity: rest.capacity <= Self.slotsKept)
    next = 0
    count = 0
  }

  private mutating func dropFirst() {
    offset = 0
    guard next < rest.count else {
      head = []
      return
    }
    head = rest[next]
    rest[next] = []  // frees the bytes when they are sent, not when the queue is empty
    next += 1
    if next >= 64 && next * 2 >= rest.count {
      rest.removeFirst(next)
      next = 0
    }
  }
}
