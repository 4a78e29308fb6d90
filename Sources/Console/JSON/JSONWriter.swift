extension JSONValue {
  /// One line without spaces, as a request body.
  public var compact: String {
    var text = ""
    write(into: &text, indent: nil)
    return text
  }

  /// Two spaces a level, as people read it; no newline at the end.
  public var pretty: String {
    var text = ""
    write(into: &text, indent: 0)
    return text
  }

  private func write(into out: inout String, indent: Int?) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .number(let digits): out += digits
    case .string(let text): out += Self.quoted(text)
    case .array(let items):
      Self.list(items, "[", "]", into: &out, indent: indent) { item, out, inner in item.write(into: &out, indent: inner)
      }
    case .object(let members):
      Self.list(members, "{", "}", into: &out, indent: indent) { member, out, inner in
        out += Self.quoted(member.name) + (inner == nil ? ":" : ": ")
        member.value.write(into: &out, indent: inner)
      }
    }
  }

  private static func list<T>(
    _ items: [T], _ open: String, _ close: String, into out: inout String, indent: Int?,
    _ body: (T, inout String, Int?) -> Void
  ) {
    out += open
    let inner = indent.map { $0 + 1 }
    for (index, item) in items.enumerated() {
      if index > 0 { out += "," }
      if let inner { out += "\n" + String(repeating: "  ", count: inner) }
      body(item, &out, inner)
    }
    if let indent, !items.isEmpty { out += "\n" + String(repeating: "  ", count: indent) }
    out += close
  }

  static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let hex = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
