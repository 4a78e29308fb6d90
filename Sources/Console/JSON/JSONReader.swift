/// A JSON text that cannot be read, and where.
public struct JSONFault: Error, Equatable, Sendable {
  public let offset: Int
  public let reason: String
}

extension JSONValue {
  /// Reads one JSON text (RFC 8259), strictly. Throws with the byte offset of the first fault.
  public init(parsing bytes: [UInt8]) throws(JSONFault) {
    var reader = JSONReader(bytes)
    self = try reader.document()
  }

  public init(parsing text: String) throws(JSONFault) { try self.init(parsing: Array(text.utf8)) }
}

/// Recursive descent; a document deeper than `depthLimit` is refused, since each level costs stack.
struct JSONReader {
  static let depthLimit = 200
  let bytes: [UInt8]
  var at = 0
  var depth = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func document() throws(JSONFault) -> JSONValue {
    let value = try value()
    skipSpace()
    guard at == bytes.count else { throw fault("text after the document") }
    return value
  }

  private func fault(_ reason: String) -> JSONFault { JSONFault(offset: at, reason: reason) }
  private var current: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
  }

  private mutating func take(_ byte: Character) -> Bool {
    skipSpace()
    guard current == byte.asciiValue else { return false }
    at += 1
    return true
  }

  private mutating func expect(_ byte: Character) throws(JSONFault) {
    guard take(byte) else { throw fault("'\(byte)' expected") }
  }

  private mutating func value() throws(JSONFault) -> JSONValue {
    skipSpace()
    guard let first = current else { throw fault("the text ends too early") }
    switch first {
    case UInt8(ascii: "{"): return .object(try nested { (r) throws(JSONFault) in try r.object() })
    case UInt8(ascii: "["): return .array(try nested { (r) throws(JSONFault) in try r.array() })
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return try number()
    }
  }

  private mutating func nested<T>(_ body: (inout JSONReader) throws(JSONFault) -> T) throws(JSONFault) -> T {
    guard depth < Self.depthLimit else { throw fault("nested deeper than \(Self.depthLimit)") }
    depth += 1
    defer { depth -= 1 }
    return try body(&self)
  }

  private mutating func object() throws(JSONFault) -> [JSONValue.Member] {
    try expect("{")
    var members: [JSONValue.Member] = []
    if take("}") { return members }
    repeat {
      skipSpace()
      let name = try string()
      try expect(":")
      members.append(.init(name, try value()))
    } while take(",")
    try expect("}")
    return members
  }

  private mutating func array() throws(JSONFault) -> [JSONValue] {
    try expect("[")
    var items: [JSONValue] = []
    if take("]") { return items }
    repeat { items.append(try value()) } while take(",")
    try expect("]")
    return items
  }

  private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONFault) -> JSONValue {
    let expected = Array("\(word)".utf8)
    guard bytes[at...].starts(with: expected) else { throw fault("a value expected") }
    at += expected.count
    return value
  }

  private mutating func number() throws(JSONFault) -> JSONValue {
    let start = at
    if current == UInt8(ascii: "-") { at += 1 }
    let integerStart = at
    guard digits() > 0 else { throw fault("a value expected") }
    if bytes[integerStart] == UInt8(ascii: "0"), at - integerStart > 1 { throw fault("a number begins with 0") }
    if current == UInt8(ascii: ".") {
      at += 1
      guard digits() > 0 else { throw fault("a digit expected") }
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      at += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { at += 1 }
      guard digits() > 0 else { throw fault("a digit expected") }
    }
    return .number(String(decoding: bytes[start..<at], as: UTF8.self))
  }

  private mutating func digits() -> Int {
    let start = at
    while let byte = current, byte >= 0x30, byte <= 0x39 { at += 1 }
    return at - start
  }

  private mutating func string() throws(JSONFault) -> String {
    guard current == UInt8(ascii: "\"") else { throw fault("a string expected") }
    at += 1
    var text: [UInt8] = []
    while let byte = current {
      at += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let whole = String(validating: text, as: UTF8.self) else { throw fault("a string is not UTF-8") }
        return whole
      case UInt8(ascii: "\\"): text.append(contentsOf: try escape().utf8)
      case 0..<0x20: throw fault("a control character in a string")
      default: text.append(byte)
      }
    }
    throw fault("a string without its end")
  }

  private mutating func escape() throws(JSONFault) -> Character {
    guard let letter = current else { throw fault("a string without its end") }
    at += 1
    switch letter {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return Character(try unicode())
    default: throw fault("an unknown escape in a string")
    }
  }

  /// `\uXXXX`, or two of them that make a surrogate pair.
  private mutating func unicode() throws(JSONFault) -> Unicode.Scalar {
    let high = try hex4()
    if let scalar = Unicode.Scalar(high) { return scalar }
    guard high < 0xDC00, current == UInt8(ascii: "\\"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "u") else {
      throw fault("half a surrogate pair")
    }
    at += 2
    let low = try hex4()
    guard (0xDC00...0xDFFF).contains(low),
      let scalar = Unicode.Scalar(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    else { throw fault("half a surrogate pair") }
    return scalar
  }

  private mutating func hex4() throws(JSONFault) -> UInt32 {
    guard at + 4 <= bytes.count, let value = hexadecimal(bytes[at..<at + 4]) else {
      throw fault("four hexadecimal digits expected")
    }
    at += 4
    return value
  }

  private func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt32? {
    var value: UInt32 = 0
    for digit in digits {
      guard let nibble = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
      value = value << 4 | UInt32(nibble)
    }
    return value
  }
}
