import ArgumentParser

struct ResolveCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "resolve", abstract: "How a name binds, step by step: which rule and revision made each step, endpoints at the leaves.",
    discussion: """
      EXAMPLES
        heddle resolve /svc/users
        heddle resolve /svc/users --dtab '/svc/users => /#/registry/users-staging'
        heddle resolve /svc/users --revision 41
      """)
  @Argument(help: "A logical name, e.g. /svc/users.") var name: String
  @Option(help: "A request's own rules (l5d-dtab) on top.") var dtab: String?
  @Option(help: "As it was at this revision.") var revision: UInt64?
  @OptionGroup var common: CommonOptions

  func execute(in session: Session) throws(ConsoleError) {
    if let dtab { try NameText.check(dtab: dtab, file: "--dtab") }
    let query = Query(["name": name, "dtab": dtab, "revision": revision.map { "\($0)" }])
    let answer = try session.get(session.path("resolve"), query: query)
    try session.show(answer) { Outline.render(answer, on: session.terminal) }
  }
}

/// Any document as an indented outline: an object's plain members on one line, what is nested below it.
enum Outline {
  static func render(_ value: JSONValue, on terminal: Terminal) -> String {
    var lines: [String] = []
    add(value, label: nil, indent: 0, to: &lines, on: terminal)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func add(_ value: JSONValue, label: String?, indent: Int, to lines: inout [String], on terminal: Terminal) {
    let margin = String(repeating: "  ", count: indent) + (label.map { terminal.painted($0, .faint) + " " } ?? "")
    switch value {
    case .object(let members):
      let plain = members.filter { !$0.value.isNested && $0.value != .null }
      lines.append(margin + plain.map { "\(terminal.painted($0.name, .faint)) \($0.value.plain)" }.joined(separator: "  "))
      for member in members where member.value.isNested {
        add(member.value, label: member.name, indent: indent + 1, to: &lines, on: terminal)
      }
    case .array(let items) where items.contains(where: \.isNested):
      if label != nil { lines.append(margin) }
      for item in items { add(item, label: "-", indent: indent + 1, to: &lines, on: terminal) }
    default: lines.append(margin + value.plain)
    }
  }
}

extension JSONValue {
  /// Holds something that does not fit on its owner's line.
  fileprivate var isNested: Bool {
    switch self {
    case .object(let members): !members.isEmpty
    case .array(let items): items.contains { $0.isNested || !$0.members.isEmpty }
    default: false
    }
  }
}
