extension JSON {
  /// The text on one line, `/` unescaped, numbers as the shortest decimal that reads back the same.
  public var printed: [UInt8] {
    var out: [UInt8] = []
    print(into: &out)
    return out
  }

  /// `printed` as text.
  public var printedText: String { String(decoding: printed, as: UTF8.self) }

  private func print(into out: inout [UInt8]) {
    switch self {
    case .null: out += "null".utf8
    case .bool(let value): out += (value ? "true" : "false").utf8
    case .integer(let value): out += String(value).utf8
    case .number(let value): out += Self.decimal(value).utf8
    case .written(let text): out += text.utf8
    case .string(let value): Self.quote(value, into: &out)
    case .array(let items):
      out.append(UInt8(ascii: "["))
      for (i, item) in items.enumerated() {
        if i > 0 { out.append(UInt8(ascii: ",")) }
        item.print(into: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let members):
      out.append(UInt8(ascii: "{"))
      for (i, member) in members.enumerated() {
        if i > 0 { out.append(UInt8(ascii: ",")) }
        Self.quote(member.name, into: &out)
        out.append(UInt8(ascii: ":"))
        member.value.print(into: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  /// JSON has no word for what is not a number: it becomes null.
  private static func decimal(_ value: Double) -> String {
    guard value.isFinite else { return "null" }
    if value == value.rounded(), value.magnitude < 9e15 { return String(Int64(value)) }
    return String(value)
  }

  private static func quote(_ text: String, into out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""): out += [UInt8(ascii: "\\"), byte]
      case UInt8(ascii: "\\"): out += [byte, byte]
      case 0x0A: out += "\\n".utf8
      case 0x0D: out += "\\r".utf8
      case 0x09: out += "\\t".utf8
      case 0..<0x20, 0x7F:
        let hex = String(byte, radix: 16)
        out += ("\\u" + String(repeating: "0", count: 4 - hex.count) + hex).utf8
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  /// Over several lines with two spaces a level, for files that people read.
  public func printedIndented(_ level: Int = 0) -> String {
    let pad = String(repeating: "  ", count: level + 1)
    let end = String(repeating: "  ", count: level)
    switch self {
    case .array(let items) where !items.isEmpty:
      return "[\n" + items.map { pad + $0.printedIndented(level + 1) }.joined(separator: ",\n") + "\n" + end + "]"
    case .object(let members) where !members.isEmpty:
      let lines = members.map { pad + JSON.string($0.name).printedText + ": " + $0.value.printedIndented(level + 1) }
      return "{\n" + lines.joined(separator: ",\n") + "\n" + end + "}"
    default: return printedText
    }
  }
}
