// A JSON value of our own, for bodies in and answers out, of our API and of others'. Foundation's reader cannot report duplicate keys, keeps no
// member order and hides how deep a document goes; each of these is an input that the API must refuse or answer
// exactly.

/// Any JSON value. Object members keep their order.
public enum JSON: Sendable, Hashable {
  case null
  case bool(Bool)
  /// A number written without fraction and exponent that fits.
  case integer(Int64)
  /// Any other number; finite.
  case number(Double)
  /// A number as it was written, which no `integer` prints as: only from a reader that keeps numbers as they are.
  case written(String)
  case string(String)
  case array([JSON])
  case object([Member])

  public struct Member: Sendable, Hashable {
    public let name: String
    public let value: JSON

    /// A member of an object.
    public init(name: String, value: JSON) {
      self.name = name
      self.value = value
    }
  }

  /// The first member of this name; nil when there is none or this is no object.
  public subscript(name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  public subscript(index: Int) -> JSON? {
    guard case .array(let items) = self, items.indices.contains(index) else { return nil }
    return items[index]
  }

  public var text: String? { if case .string(let s) = self { s } else { nil } }
  public var whole: Int64? { if case .integer(let i) = self { i } else { nil } }
  public var truth: Bool? { if case .bool(let b) = self { b } else { nil } }
  public var items: [JSON]? { if case .array(let a) = self { a } else { nil } }
  public var members: [Member]? { if case .object(let m) = self { m } else { nil } }

  /// What a reader of an error message calls it.
  public var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .number, .written: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  public init(_ value: UInt64) { self = value <= UInt64(Int64.max) ? .integer(Int64(value)) : .number(Double(value)) }
  public init(_ value: Int) { self = .integer(Int64(value)) }

  /// This object with more members behind its own. Anything else stays as it is.
  public func adding(_ more: [Member]) -> JSON {
    guard case .object(let members) = self else { return self }
    return .object(members + more)
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(elements.map { Member(name: $0.0, value: $0.1) })
  }
  public init(nilLiteral: ()) { self = .null }
}

/// A JSON pointer (RFC 6901) to a place in a document. "" is the document.
public struct Pointer: Sendable, Hashable, CustomStringConvertible {
  public private(set) var description = ""

  public static let root = Pointer()

  public static func / (base: Pointer, name: String) -> Pointer {
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

  public static func / (base: Pointer, index: Int) -> Pointer { base / String(index) }
}
