import JSONFormat

extension JSON {
  /// Reads what a controller said, so that `-o json` and `-o yaml` print what it was: members in their order, numbers as written.
  static func answer(_ bytes: [UInt8]) throws(JSONFault) -> JSON { try JSONParser.parse(bytes, reading: .faithful) }

  static func answer(_ text: String) throws(JSONFault) -> JSON { try answer(Array(text.utf8)) }

  /// A number by its text; nil when that is none.
  static func number(text: String) -> JSON? {
    guard let value = try? answer(text), value.double != nil else { return nil }
    return value
  }

  /// The value at a JSON pointer (RFC 6901); nil when there is none.
  func at(pointer: String) -> JSON? {
    pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst().reduce(Optional(self)) { value, step in
      let name = String(step).replacing("~1", with: "/").replacing("~0", with: "~")
      guard case .array? = value else { return value?[name] }
      return Int(name).flatMap { value?[$0] }
    }
  }

  var double: Double? {
    switch self {
    case .integer(let whole): Double(whole)
    case .number(let value): value
    case .written(let text): Double(text)
    default: nil
    }
  }

  var integer: Int? { whole.map(Int.init) ?? double.flatMap { Int(exactly: $0) } }

  var isTrue: Bool { truth == true }

  /// One cell's worth of text: strings bare, lists joined, objects as `name=value`.
  var plain: String {
    switch self {
    case .null: ""
    case .string(let text): text
    case .array(let items): items.map(\.plain).joined(separator: ", ")
    case .object(let members): members.map { "\($0.name)=\($0.value.plain)" }.joined(separator: ", ")
    case .bool, .integer, .number, .written: printedText
    }
  }
}

extension JSON.Member {
  init(_ name: String, _ value: JSON) { self.init(name: name, value: value) }
}
