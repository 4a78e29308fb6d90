extension ExplainTree {
  /// The tree for a terminal, one line a node; `*` marks where requests go.
  public func drawn() -> [String] {
    var lines: [String] = []
    draw(first: "", rest: "", into: &lines)
    return lines
  }

  private func draw(first: String, rest: String, into lines: inout [String]) {
    lines.append(first + line)
    for (index, child) in children.enumerated() {
      let isLast = index == children.count - 1
      child.draw(first: rest + (isLast ? "└─ " : "├─ "), rest: rest + (isLast ? "   " : "│  "), into: &lines)
    }
  }

  private var line: String {
    var words = [isChosen ? "*" : "-"]
    if let share { words.append(Self.percent(share)) }
    if !branch.isEmpty { words.append("\(branch):") }
    words.append(subject)
    if let rule { words.append("[\(rule.text)]") }
    if kind == .leaf || children.isEmpty, state.rawValue != kind.rawValue { words.append(state.rawValue) }
    if !reason.isEmpty { words.append("(\(reason))") }
    return words.joined(separator: " ")
  }

  private var subject: String {
    switch kind {
    case .lookup: path
    case .leaf: residual.isEmpty ? path : "\(path) + \(residual)"
    case .alternatives: "|"
    case .union: "&"
    case .negative: "~"
    case .fail: "!"
    case .empty: "$"
    case .failure: "failure"
    }
  }
}

extension ExplainTree.Rule {
  /// `rules r7@12 /svc => /#/registry`
  fileprivate var text: String {
    let name = revision == 0 ? "\(tier) \(id)" : "\(tier) \(id)@\(revision)"
    return dentry.isEmpty ? name : "\(name) \(dentry)"
  }
}
