/// A place in bytes that is moved by reading, for formats of lengths and big-endian numbers. Nothing is read beyond the end:
/// each read gives nil when fewer bytes are left than it takes, and the place is then undefined.
///
/// The bytes are given to each read: a span may not be kept.
public struct ByteCursor: Hashable, Sendable {
  /// Offset of the next byte.
  public private(set) var offset: Int

  /// - Parameter offset: 0 or more.
  public init(at offset: Int = 0) { self.offset = offset }

  /// Bytes that are left.
  public func remaining(in bytes: Span<UInt8>) -> Int { max(0, bytes.count &- offset) }

  /// The next byte.
  public mutating func byte(_ bytes: Span<UInt8>) -> UInt8? {
    guard offset < bytes.count else { return nil }
    defer { offset &+= 1 }
    return bytes[offset]
  }

  /// The next `width` bytes, 1 to 8, as a big-endian number.
  public mutating func number(_ width: Int, _ bytes: Span<UInt8>) -> UInt64? {
    guard remaining(in: bytes) >= width else { return nil }
    var value: UInt64 = 0
    for i in offset..<(offset &+ width) { value = value &<< 8 | UInt64(bytes[i]) }
    offset &+= width
    return value
  }

  /// The next `count` bytes; nil for a negative count too.
  public mutating func run(_ count: Int, _ bytes: Span<UInt8>) -> Range<Int>? {
    guard count >= 0, remaining(in: bytes) >= count else { return nil }
    defer { offset &+= count }
    return offset..<(offset &+ count)
  }

  /// Bytes behind their count, a big-endian number of `width` bytes, 1 to 4.
  public mutating func counted(_ width: Int, _ bytes: Span<UInt8>) -> Range<Int>? {
    guard let count = number(width, bytes) else { return nil }
    return run(Int(truncatingIfNeeded: count), bytes)
  }
}

/// What stands at the front of a stream of messages that each follow their length, a big-endian number of four bytes.
public enum LengthPrefix: Hashable, Sendable {
  case needMore
  /// A message is there whole: it ends at this offset, and begins at `size`.
  case whole(end: Int)
  /// The message that begins here is longer than the limit.
  case tooLong(Int)

  /// Bytes of a length.
  public static let size = 4

  /// - Parameter limit: bytes of a message, its length not counted.
  public init(_ bytes: Span<UInt8>, limit: Int) {
    var cursor = ByteCursor()
    guard let length = cursor.number(Self.size, bytes).map({ Int($0) }) else {
      self = .needMore
      return
    }
    if length > limit {
      self = .tooLong(length)
    } else {
      self = bytes.count &- Self.size >= length ? .whole(end: Self.size &+ length) : .needMore
    }
  }
}

extension ByteBuffer {
  /// Appends the low `width` bytes of a number, 1 to 8, the highest first.
  public mutating func append(bigEndian value: UInt64, width: Int) {
    append(word: (value &<< UInt64((8 &- width) &* 8)).byteSwapped, count: width)
  }

  /// Appends bytes behind their count, a number of `width` bytes. What the count has no room for is cut off.
  public mutating func append(counted bytes: Span<UInt8>, width: Int) {
    let count = width < 8 ? min(bytes.count, (1 &<< (width &* 8)) &- 1) : bytes.count
    append(bigEndian: UInt64(count), width: width)
    append(bytes.extracting(0..<count))
  }
}
