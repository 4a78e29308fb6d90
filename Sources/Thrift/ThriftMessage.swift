import Memory

/// How a Thrift message is written.
public enum ThriftEncoding: Hashable, Sendable {
  /// Binary with a version in front (Thrift's "strict" binary protocol).
  case binary
  /// Binary as it was before versions: the name comes first.
  case oldBinary
  case compact
}

/// The front of a Thrift message: everything but the struct of its arguments or results (Thrift's specifications
/// thrift-binary-protocol.md and thrift-compact-protocol.md).
public struct ThriftMessage: Hashable, Sendable {
  public enum Kind: UInt8, Sendable {
    case call = 1
    case reply = 2
    /// The answer is a `TApplicationException`.
    case exception = 3
    /// A call that nobody answers.
    case oneway = 4
  }

  public let encoding: ThriftEncoding
  public let kind: Kind
  /// Where the method's name stands.
  public let method: Range<Int>
  public let sequence: Int32
  /// Where the struct begins.
  public let body: Int

  /// Bytes of a method's name. 1024: many times what any is, and short enough for a line of a head.
  public static let longestName = 1024

  /// Reads the message at `start`.
  public init(_ bytes: Span<UInt8>, at start: Int = 0) throws(ThriftFault) {
    guard start < bytes.count else { throw .truncated }
    var cursor = ByteCursor(at: start)
    let kind: UInt8
    switch bytes[start] {
    case 0x80:
      encoding = .binary
      guard let word = cursor.number(4, bytes) else { throw .truncated }
      guard word &>> 16 == 0x8001 else { throw .badVersion }
      kind = UInt8(truncatingIfNeeded: word)
      method = try Self.name(cursor.counted(4, bytes))
      guard let number = cursor.number(4, bytes) else { throw .truncated }
      sequence = Int32(truncatingIfNeeded: number)
    case 0x82:
      encoding = .compact
      guard let word = cursor.number(2, bytes) else { throw .truncated }
      guard word & 0x1f == 1 else { throw .badVersion }
      kind = UInt8(truncatingIfNeeded: word & 0xff) &>> 5
      sequence = Int32(truncatingIfNeeded: try cursor.varint(bytes, most: 5))
      method = try Self.name(cursor.run(Int(truncatingIfNeeded: try cursor.varint(bytes, most: 5)), bytes))
    case 0:
      encoding = .oldBinary
      method = try Self.name(cursor.counted(4, bytes))
      guard let type = cursor.byte(bytes), let number = cursor.number(4, bytes) else { throw .truncated }
      kind = type
      sequence = Int32(truncatingIfNeeded: number)
    default: throw .unknownEncoding
    }
    guard let known = Kind(rawValue: kind) else { throw .badKind }
    self.kind = known
    body = cursor.offset
  }

  private static func name(_ range: Range<Int>?) throws(ThriftFault) -> Range<Int> {
    guard let range else { throw .truncated }
    guard (1...longestName).contains(range.count) else { throw .badName }
    return range
  }

  /// Writes the front of a message.
  public static func append(
    _ kind: Kind, _ method: Span<UInt8>, sequence: Int32, as encoding: ThriftEncoding, to output: inout ByteBuffer
  ) {
    let number = UInt64(UInt32(bitPattern: sequence))
    switch encoding {
    case .binary:
      output.append(bigEndian: 0x8001_0000 | UInt64(kind.rawValue), width: 4)
      output.append(counted: method, width: 4)
      output.append(bigEndian: number, width: 4)
    case .oldBinary:
      output.append(counted: method, width: 4)
      output.append(kind.rawValue)
      output.append(bigEndian: number, width: 4)
    case .compact:
      output.append(0x82)
      output.append(kind.rawValue &<< 5 | 1)
      output.append(varint: number)
      output.append(varint: UInt64(method.count))
      output.append(method)
    }
  }
}

extension ByteCursor {
  /// The next number of seven bits a byte, the lowest first, of at most `most` bytes (1 to 10).
  mutating func varint(_ bytes: Span<UInt8>, most: Int) throws(ThriftFault) -> UInt64 {
    var value: UInt64 = 0
    for i in 0..<most {
      guard let next = byte(bytes) else { throw .truncated }
      value |= UInt64(next & 0x7f) &<< UInt64(7 &* i)
      if next < 0x80 { return value }
    }
    throw .malformed
  }
}

extension ByteBuffer {
  mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest &>>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }
}
