import Memory

/// How far a session is within the frames that come: what is left over between two reads.
struct FrameReader: ~Copyable {
  /// Bytes of the preface that are still to come.
  var prefaceLeft = 0
  /// The first frame is SETTINGS (RFC 9113 §3.4).
  var isFirst = true
  /// Less than a frame's header; or, with `header`, less than that frame's payload. Never DATA, which is passed on as it comes.
  var partial = ByteBuffer()
  var header: FrameHeader?
  /// The DATA frame that is being read.
  var data: DataFrame?
  /// The HEADERS frame whose block is not complete, and the block so far.
  var headers: FrameHeader?
  var block = ByteBuffer()
  var continuations = 0
  /// Monotonic milliseconds, when that frame came.
  var blockSince: UInt64 = 0

  /// Storage above this is given back when it is empty. Why: an idle connection should not keep a long block's.
  private static let bytesKept = 4096

  struct DataFrame {
    let stream: Int32
    /// Bytes of the payload that did not come yet, padding among them.
    var left: Int
    /// Bytes of padding at its end.
    var padding = 0
    /// The first byte says how long the padding is.
    var isPaddingUnknown: Bool
    let ends: Bool
    /// Nobody wants it.
    var isSkipped = false
  }

  mutating func expectPreface() { prefaceLeft = HTTP2Session.preface.utf8CodeUnitCount }

  /// Reads bytes of the preface that still have to come; nil when they are others.
  mutating func takePreface(_ bytes: Span<UInt8>) -> Int? {
    let n = min(prefaceLeft, bytes.count)
    let start = HTTP2Session.preface.utf8CodeUnitCount - prefaceLeft
    let isRight = withBytes(of: HTTP2Session.preface) {
      bytesEqual($0.extracting(start..<start + n), bytes.extracting(0..<n))
    }
    guard isRight else { return nil }
    prefaceLeft -= n
    return n
  }

  /// Lends what `partial` holds, which is then empty.
  mutating func takePartial() -> ByteBuffer {
    var taken = ByteBuffer()
    swap(&taken, &partial)
    return taken
  }

  /// Lends the field block, which is complete, and then empty.
  mutating func takeBlock() -> ByteBuffer {
    var taken = ByteBuffer()
    swap(&taken, &block)
    return taken
  }

  /// Takes the storage back.
  mutating func giveBack(partial buffer: inout ByteBuffer) {
    buffer.removeAll()
    if buffer.capacity <= Self.bytesKept { swap(&partial, &buffer) }
  }
}
