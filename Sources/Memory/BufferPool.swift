/// Storage that empty buffers lend to each other, so that thousands of idle connections hold none and busy ones do not
/// allocate.
@safe public struct BufferPool: ~Copyable {
  /// Bytes in each piece of storage.
  public let chunk: Int
  /// Pieces kept at most while nobody uses them; one given back above that is freed.
  public let keep: Int
  private var pieces: [UnsafeMutablePointer<UInt8>] = unsafe []

  /// - Parameters:
  ///   - chunk: Bytes in each piece, at least 1. 16 KiB is what one read of a busy connection takes.
  ///   - keep: Pieces kept at most. Why: after a burst, memory goes back to the system; 64 × 16 KiB = 1 MiB stays.
  public init(chunk: Int = 16_384, keep: Int = 64) {
    precondition(chunk > 0 && keep >= 0)
    self.chunk = chunk
    self.keep = keep
  }

  deinit {
    unsafe pieces.forEach { unsafe $0.deallocate() }
  }

  /// Pieces at rest.
  public var count: Int { unsafe pieces.count }

  /// Gives `buffer` storage of `chunk` bytes if it has none.
  public mutating func lend(_ buffer: inout ByteBuffer) {
    if buffer.hasStorage { return }
    if let piece = unsafe pieces.popLast() {
      unsafe buffer = ByteBuffer(adopting: piece, capacity: chunk)
    } else {
      buffer = ByteBuffer(capacity: chunk)
    }
  }

  /// Takes the storage of `buffer` if it is empty: keeps it when it is one chunk and there is room, else frees it.
  /// A buffer that holds bytes is left alone.
  public mutating func reclaim(_ buffer: inout ByteBuffer) {
    guard buffer.isEmpty, buffer.hasStorage else { return }
    if unsafe buffer.capacity == chunk && pieces.count < keep {
      unsafe pieces.append(buffer.disown())
    } else {
      buffer.release()
    }
  }
}

/// One owner, no shared state.
extension BufferPool: @unchecked Sendable {}
