/// The texts of an encoded rule, found without decoding the message: what the first request of a name costs is mostly
/// this.
///
/// Nil for other kinds, and for an encoding that no controller of ours makes (a field twice, a field not known here),
/// which may mean something else than its parts: that is left to the decoder.
struct EncodedRule {
  let revision: UInt64
  private let bytes: [UInt8]
  private let prefixText: Range<Int>
  private let destinationText: Range<Int>
  private let sortKey: Range<Int>

  init?(_ bytes: [UInt8]) {
    var reader = FieldReader(bytes)
    var (seen, revision, rule) = (0, UInt64(0), Range<Int>?.none)
    while let field = reader.next() {
      switch field {
      case (1, .block) where seen & 1 == 0: break
      case (2, .number(let number)) where seen & 2 == 0: revision = number
      case (3, .block(let block)) where seen & 4 == 0: rule = block
      default: return nil
      }
      seen |= 1 << (field.number - 1)
    }
    guard reader.isAtEnd, let rule else { return nil }
    reader = FieldReader(bytes, rule)
    var texts = (0..<0, 0..<0, 0..<0)
    seen = 0
    while let field = reader.next() {
      switch field {
      case (1, .block(let block)) where seen & 1 == 0: texts.0 = block
      case (2, .block(let block)) where seen & 2 == 0: texts.1 = block
      case (3, .block(let block)) where seen & 4 == 0: texts.2 = block
      default: return nil
      }
      seen |= 1 << (field.number - 1)
    }
    guard reader.isAtEnd else { return nil }
    (prefixText, destinationText, sortKey) = texts
    self.bytes = bytes
    self.revision = revision
  }

  var prefix: Prefix {
    get throws(NamingError) {
      var parser = NameParser(prefixText, in: bytes)
      return try parser.whole { parser throws(NamingError) in try parser.prefix() }
    }
  }

  var body: RuleResource {
    get throws(NamingError) {
      var parser = NameParser(destinationText, in: bytes)
      let tree = try parser.whole { parser throws(NamingError) in try parser.tree() }
      return RuleResource(dentry: Dentry(prefix: try prefix, destination: tree), sortKey: Array(bytes[sortKey]))
    }
  }
}

/// Walks over the fields of a Protocol Buffers message (https://protobuf.dev/programming-guides/encoding/), as far as
/// they are numbers and blocks.
private struct FieldReader {
  enum Value {
    case number(UInt64)
    case block(Range<Int>)
  }

  private let bytes: [UInt8]
  private var position: Int
  private let end: Int

  init(_ bytes: [UInt8], _ range: Range<Int>? = nil) {
    self.bytes = bytes
    position = range?.lowerBound ?? 0
    end = range?.upperBound ?? bytes.count
  }

  /// False after something that is no field, or of another type.
  var isAtEnd: Bool { position == end }

  /// Nil at the end and at what is no such field.
  mutating func next() -> (number: UInt64, value: Value)? {
    let start = position
    guard let tag = number() else { return nil }
    switch tag & 7 {
    case 0: if let value = number() { return (tag >> 3, .number(value)) }
    case 2:
      if let length = number(), length <= UInt64(end - position) {
        defer { position += Int(length) }
        return (tag >> 3, .block(position..<position + Int(length)))
      }
    default: break
    }
    position = start
    return nil
  }

  private mutating func number() -> UInt64? {
    var (value, shift) = (UInt64(0), UInt64(0))
    while position < end, shift < 64 {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }
}
