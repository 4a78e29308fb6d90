// A JSON value of our own, for bodies in and answers out. Foundation's reader cannot report duplicate keys, keeps no
// member order and hides how deep a document goes; each of these is an input that the API must refuse or answer
// exactly.

/// Any JSON value. Object members keep their order.
enum JSON: Sendable, Hashable {
  case null
  case bool(Bool)
  /// A number written without fraction and exponent that fits.
  case integer(Int64)
  /// Any other number; finite.
  case number(Double)
  case string(String)
  case array([JSON])
  case object([Member])

  struct Member: Sendable, Hashable {
    let name: String
    let value: JSON
  }

  /// The first member of this name; nil when there is none or this is no object.
  subscript(name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  subscript(index: Int) -> JSON? {
    guard case .array(let items) = self, items.indices.contains(index) else { return nil }
    return items[index]
  }

  var text: String? { if case .string(let s) = self { s } else { nil } }
  var whole: Int64? { if case .integer(let i) = self { i } else { nil } }
  var truth: Bool? { if case .bool(let b) = self { b } else { nil } }
  var items: [JSON]? { if case .array(let a) = self { a } else { nil } }
  var members: [Member]? { if case .object(let m) = self { m } else { nil } }

  /// What a reader of an error message calls it.
  var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  init(_ value: UInt64) { self = value <= UInt64(Int64.max) ? .integer(Int64(value)) : .number(Double(value)) }
  init(_ value: Int) { self = .integer(Int64(value)) }

  /// This object with more members behind its own. Anything else stays as it is.
  func adding(_ more: [Member]) -> JSON {
    guard case .object(let members) = self else { return self }
    return .object(members + more)
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  init(stringLiteral value: String) { self = .string(value) }
  init(integerLiteral value: Int64) { self = .integer(value) }
  init(floatLiteral value: Double) { self = .number(value) }
  init(booleanLiteral value: Bool) { self = .bool(value) }
  init(arrayLiteral elements: JSON...) { self = .array(elements) }
  init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(elements.map { Member(name: $0.0, value: $0.1) })
  }
  init(nilLiteral: ()) { self = .null }
}

/// A JSON pointer (RFC 6901) to a place in a document. "" is the document.
struct Pointer: Sendable, Hashable, CustomStringConvertible {
  private(set) var description = ""

  static let root = Pointer()

  static func / (base: Pointer, name: String) -> Pointer {
    var next = base
    next.description += "/"
    for c in name.unicodeScalars {
      switch c {
      case "~": next.description += "~0"
      case "/": next.description += "~1"
      default: next.description.unicodeScalars.append(c)
      }
    }
    return next
  }

  static func / (base: Pointer, index: Int) -> Pointer { base / String(index) }
}
