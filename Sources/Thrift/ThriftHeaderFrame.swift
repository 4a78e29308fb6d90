import Memory

/// A message of the header transport, THeader (Thrift's specification HeaderFormat.md): the frame without its length.
public struct ThriftHeaderFrame: Hashable, Sendable {
  /// What the first two bytes are.
  public static let magic: UInt64 = 0x0fff
  /// Key-value pairs of one message. 128: beyond any use, and little work.
  public static let mostInfo = 128

  public let sequence: UInt32
  /// `binary` or `compact`.
  public let encoding: ThriftEncoding
  /// Where keys and values of the info headers stand.
  public private(set) var info: [(key: Range<Int>, value: Range<Int>)] = []
  /// Where the message begins.
  public let message: Int

  /// Whether a frame begins as one of this transport.
  public static func isOne(_ bytes: Span<UInt8>) -> Bool { bytes.count >= 2 && bytes[0] == 0x0f && bytes[1] == 0xff }

  public init(_ bytes: Span<UInt8>) throws(ThriftFault) {
    var cursor = ByteCursor()
    guard let magic = cursor.number(2, bytes), cursor.number(2, bytes) != nil, let sequence = cursor.number(4, bytes),
      let words = cursor.number(2, bytes)
    else { throw .truncated }
    guard magic == Self.magic else { throw .unknownEncoding }
    self.sequence = UInt32(truncatingIfNeeded: sequence)
    message = cursor.offset &+ Int(words) &* 4
    guard message <= bytes.count else { throw .truncated }
    // Within these bytes alone: what says otherwise is malformed.
    let header = bytes.extracting(0..<message)
    let number = try cursor.varint(header, most: 5)
    switch number {
    case 0: encoding = .binary
    case 2: encoding = .compact
    default: throw .unknownProtocol(UInt32(truncatingIfNeeded: number))
    }
    if try cursor.varint(header, most: 5) != 0 {
      throw .transform(UInt32(truncatingIfNeeded: try cursor.varint(header, most: 5)))
    }
    try readInfo(&cursor, header)
  }

  /// Info of a kind that is not known, and all behind it, is read past (its length is not said).
  private mutating func readInfo(_ cursor: inout ByteCursor, _ header: Span<UInt8>) throws(ThriftFault) {
    while cursor.remaining(in: header) > 0 {
      guard try cursor.varint(header, most: 5) == 1 else { return }
      for _ in 0..<(try cursor.varint(header, most: 5)) {
        let key = cursor.run(Int(truncatingIfNeeded: try cursor.varint(header, most: 5)), header)
        guard let key, info.count < Self.mostInfo,
          let value = cursor.run(Int(truncatingIfNeeded: try cursor.varint(header, most: 5)), header)
        else { throw .malformed }
        info.append((key, value))
      }
    }
  }

  /// Writes the front of a frame without info, the message follows.
  public static func append(sequence: UInt32, encoding: ThriftEncoding, to output: inout ByteBuffer) {
    output.append(bigEndian: magic &<< 16, width: 4)
    output.append(bigEndian: UInt64(sequence), width: 4)
    output.append([0, 1, encoding == .compact ? 2 : 0, 0, 0, 0])  // one word: protocol, no transforms, padding
  }

  public static func == (a: ThriftHeaderFrame, b: ThriftHeaderFrame) -> Bool {
    a.sequence == b.sequence && a.encoding == b.encoding && a.message == b.message
      && a.info.elementsEqual(b.info) { $0.key == $1.key && $0.value == $1.value }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(sequence)
    hasher.combine(message)
  }
}
