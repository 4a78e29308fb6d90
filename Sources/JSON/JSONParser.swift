// RFC 8259, strictly: no byte order mark, no duplicate names, no trailing bytes, valid UTF-8 and paired surrogates
// only.

/// Why a text is not JSON that we take.
public struct JSONFault: Error, Sendable, Equatable {
  /// The value that was being read.
  public let pointer: Pointer
  /// In bytes from the start of the text.
  public let offset: Int
  public let detail: String
}

/// How a text is read.
public struct JSONReading: Sendable {
  /// Deeper nesting is refused, since each level costs stack.
  public let depthLimit: Int
  /// Numbers that no `integer` prints as stay as they were written, so that what is printed is what was read.
  public let keepsNumbers: Bool

  /// A reading with bounds of its own.
  public init(depthLimit: Int, keepsNumbers: Bool) {
    self.depthLimit = depthLimit
    self.keepsNumbers = keepsNumbers
  }

  /// Of bodies that anyone may send: numbers by value, nested to 64. No document of ours needs more.
  public static let strict = JSONReading(depthLimit: 64, keepsNumbers: false)
  /// Of answers that are shown as they came: numbers as written, nested to 200, as an explained name may be.
  public static let faithful = JSONReading(depthLimit: 200, keepsNumbers: true)
}

/// Reads a whole document or says where it is wrong.
public struct JSONParser {
  /// See `JSONReading.strict`.
  public static let depthLimit = JSONReading.strict.depthLimit

  private let bytes: [UInt8]
  private let reading: JSONReading
  private var at = 0
  private var path: [Step] = []

  private enum Step { case name(String), index(Int) }

  /// The value of a text.
  public static func parse(_ bytes: [UInt8], reading: JSONReading = .strict) throws(JSONFault) -> JSON {
    var parser = JSONParser(bytes: bytes, reading: reading)
    return try parser.document()
  }

  private init(bytes: [UInt8], reading: JSONReading) {
    self.bytes = bytes
    self.reading = reading
  }

  private mutating func document() throws(JSONFault) -> JSON {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw fault("a byte order mark is not allowed") }
    skipSpace()
    let value = try value(depth: 0)
    skipSpace()
    if at < bytes.count { throw fault("text after the end of the document") }
    return value
  }

  private mutating func value(depth: Int) throws(JSONFault) -> JSON {
    guard depth < reading.depthLimit else { throw fault("nested deeper than \(reading.depthLimit) levels") }
    guard at < bytes.count else { throw fault("the text ends where a value should stand") }
    switch bytes[at] {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), 0x30...0x39: return try number()
    default: throw fault("a value cannot start here")
    }
  }

  private mutating func object(depth: Int) throws(JSONFault) -> JSON {
    at += 1
    var members: [JSON.Member] = []
    // Small objects, nearly all, are searched by hand; large ones would be quadratic.
    var seen: Set<String> = []
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object([]) }
    while true {
      guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw fault("a member's name should stand here") }
      let start = at
      let name = try string()
      path.append(.name(name))
      guard seen.insert(name).inserted else { throw fault("the name stands here a second time", at: start) }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw fault("':' should stand here") }
      skipSpace()
      members.append(JSON.Member(name: name, value: try value(depth: depth + 1)))
      path.removeLast()
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(members) }
      guard take(UInt8(ascii: ",")) else { throw fault("',' or '}' should stand here") }
      skipSpace()
    }
  }

  private mutating func array(depth: Int) throws(JSONFault) -> JSON {
    at += 1
    var items: [JSON] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array([]) }
    while true {
      path.append(.index(items.count))
      items.append(try value(depth: depth + 1))
      path.removeLast()
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(items) }
      guard take(UInt8(ascii: ",")) else { throw fault("',' or ']' should stand here") }
      skipSpace()
    }
  }

  private mutating func word(_ text: String, _ value: JSON) throws(JSONFault) -> JSON {
    guard bytes[at...].starts(with: text.utf8) else { throw fault("a value cannot start here") }
    at += text.utf8.count
    return value
  }

  private mutating func number() throws(JSONFault) -> JSON {
    let start = at
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try digits() }
    var isWhole = true
    if take(UInt8(ascii: ".")) {
      isWhole = false
      try digits()
    }
    if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
      isWhole = false
      at += 1
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if isWhole, let whole = Int64(text), !reading.keepsNumbers || String(whole) == text { return .integer(whole) }
    if reading.keepsNumbers { return .written(text) }
    guard let value = Double(text), value.isFinite else { throw fault("the number is out of range", at: start) }
    return .number(value)
  }

  private mutating func digits() throws(JSONFault) {
    let start = at
    while at < bytes.count, (0x30...0x39).contains(bytes[at]) { at += 1 }
    if at == start { throw fault("a digit should stand here") }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard at < bytes.count, bytes[at] == byte else { return false }
    at += 1
    return true
  }

  private mutating func skipSpace() {
    while at < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[at]) { at += 1 }
  }

  private func fault(_ detail: String, at offset: Int? = nil) -> JSONFault {
    let pointer = path.reduce(Pointer.root) { base, step in
      switch step {
      case .name(let name): base / name
      case .index(let index): base / index
      }
    }
    return JSONFault(pointer: pointer, offset: offset ?? at, detail: detail)
  }
}

// MARK: strings

extension JSONParser {
  private mutating func string() throws(JSONFault) -> String {
    at += 1
    var out: [UInt8] = []
    while at < bytes.count {
      let byte = bytes[at]
      switch byte {
      case UInt8(ascii: "\""):
        let end = at
        at += 1
        guard let text = String(validating: out, as: UTF8.self) else {
          throw fault("a string is not valid UTF-8", at: end)
        }
        return text
      case UInt8(ascii: "\\"): try escape(into: &out)
      case 0..<0x20: throw fault("a control character must be escaped")
      default:
        out.append(byte)
        at += 1
      }
    }
    throw fault("the text ends within a string")
  }

  private mutating func escape(into out: inout [UInt8]) throws(JSONFault) {
    at += 1
    guard at < bytes.count else { throw fault("the text ends within a string") }
    let byte = bytes[at]
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
    case UInt8(ascii: "b"): out.append(0x08)
    case UInt8(ascii: "f"): out.append(0x0C)
    case UInt8(ascii: "n"): out.append(0x0A)
    case UInt8(ascii: "r"): out.append(0x0D)
    case UInt8(ascii: "t"): out.append(0x09)
    case UInt8(ascii: "u"): out += Array(String(Character(try unicodeScalar())).utf8)
    default: throw fault("no such escape", at: at - 2)
    }
  }

  /// `\uXXXX`, or two of them that make a pair.
  private mutating func unicodeScalar() throws(JSONFault) -> Unicode.Scalar {
    let start = at - 2
    let first = try fourHexDigits()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
      throw fault("half a surrogate pair", at: start)
    }
    let second = try fourHexDigits()
    guard (0xDC00...0xDFFF).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw fault("half a surrogate pair", at: start) }
    return scalar
  }

  private mutating func fourHexDigits() throws(JSONFault) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard at < bytes.count, let digit = Character(Unicode.Scalar(bytes[at])).hexDigitValue, bytes[at] < 0x80 else {
        throw fault("four hexadecimal digits should stand here")
      }
      value = value << 4 | UInt32(digit)
      at += 1
    }
    return value
  }
}
