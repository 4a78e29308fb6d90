/// A JSON document as it was written: members keep their order and numbers their text, so that what the controller said is
/// what `-o json` and `-o yaml` print.
public enum JSONValue: Equatable, Sendable {
  public struct Member: Equatable, Sendable {
    public let name: String
    public let value: JSONValue

    public init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  case null
  case bool(Bool)
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  public static func number(_ value: some BinaryInteger) -> JSONValue { .number(String(value)) }

  /// The first member of that name, or nil for any other value.
  public subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// The value at a JSON pointer (RFC 6901); nil when there is none.
  func at(pointer: String) -> JSONValue? {
    pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst().reduce(Optional(self)) { value, step in
      let name = String(step).replacing("~1", with: "/").replacing("~0", with: "~")
      guard case .array(let items) = value else { return value?[name] }
      return Int(name).flatMap { items.indices.contains($0) ? items[$0] : nil }
    }
  }

  public var items: [JSONValue] {
    guard case .array(let items) = self else { return [] }
    return items
  }

  public var members: [Member] {
    guard case .object(let members) = self else { return [] }
    return members
  }

  public var text: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  public var double: Double? {
    guard case .number(let digits) = self else { return nil }
    return Double(digits)
  }

  public var integer: Int? {
    guard case .number(let digits) = self else { return nil }
    return Int(digits) ?? Double(digits).flatMap { Int(exactly: $0) }
  }

  public var isTrue: Bool { self == .bool(true) }

  /// One cell's worth of text: strings bare, lists joined, objects as `name=value`.
  public var plain: String {
    switch self {
    case .null: ""
    case .bool(let value): value ? "true" : "false"
    case .number(let digits): digits
    case .string(let text): text
    case .array(let items): items.map(\.plain).joined(separator: ", ")
    case .object(let members): members.map { "\($0.name)=\($0.value.plain)" }.joined(separator: ", ")
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .number(value) }
}
