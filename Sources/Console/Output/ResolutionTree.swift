import JSONFormat

/// A resolution as a tree: each step with the rule and revision that made it, `▸` where requests go.
///
///     /svc/web bound at revision 5
///     └─ ▸ rule r-1@2  /svc/web => /svc/users  → /svc/users
///        └─ ▸ split users@5  /svc/users => 90*/#/registry/users-v1 & 10*/#/registry/users-v2
///           ├─ ▸ v1 90.00 %  /#/registry/users-v1 bound: 10.0.0.1:8080
///           └─ ▸ v2 10.00 %  /#/registry/users-v2 bound: 10.0.0.2:8080
struct ResolutionTree {
  /// Endpoints named at a leaf; the count tells of the others.
  static let mostEndpoints = 3
  let terminal: Terminal
  private var lines: [String] = []

  init(on terminal: Terminal) { self.terminal = terminal }

  func render(_ answer: JSON) -> String {
    var tree = self
    let head =
      "\(answer["name"]?.plain ?? "") \(answer["result"]?.plain ?? "") at revision \(answer["revision"]?.plain ?? "?")"
    tree.lines = [terminal.painted(head, .bold)]
    if let detail = answer["tree"]?["detail"]?.text { tree.lines[0] += " (\(detail))" }
    tree.addChildren(of: answer["tree"] ?? .null, margin: "", isChosen: true)
    return tree.lines.joined(separator: "\n") + "\n"
  }

  /// Steps of a lookup, branches of a union, alternatives: whatever the node has.
  private mutating func addChildren(of node: JSON, margin: String, isChosen: Bool) {
    let children = (node["steps"] ?? node["branches"] ?? node["alternatives"])?.items ?? []
    for (index, child) in children.enumerated() {
      let isLast = index == children.count - 1
      add(
        child, lead: margin + (isLast ? "└─ " : "├─ "), margin: margin + (isLast ? "   " : "│  "),
        isParentChosen: isChosen)
    }
  }

  /// A step or branch and what it leads to; a leaf stands on its own line with it.
  private mutating func add(_ child: JSON, lead: String, margin: String, isParentChosen: Bool) {
    let target = child["tree"] ?? child
    let isChosen = isParentChosen && (child["chosen"]?.isTrue ?? (child["result"]?.text != "negative"))
    let label = Self.label(of: child)
    let isLine = Self.hasOwnLine(target)
    let next = isLine ? Self.end(target) : (target["path"]?.text).map { "→ \($0)" } ?? ""
    let text = [label, next].filter { !$0.isEmpty }.joined(separator: "  ")
    lines.append(lead + terminal.painted((isChosen ? "▸ " : "  ") + text, isChosen ? .plain : .faint))
    if !isLine {
      if let detail = Self.detail(target) { lines.append(margin + terminal.painted("(\(detail))", .yellow)) }
      addChildren(of: target, margin: margin, isChosen: isChosen)
    }
  }

  private static func hasOwnLine(_ node: JSON) -> Bool {
    (node["steps"] ?? node["branches"] ?? node["alternatives"])?.items.map { $0.isEmpty } ?? true
  }

  /// `rule r-1@2  /svc => /#/registry`, `v2 10.00 %`, or nothing for a bare alternative.
  private static func label(of child: JSON) -> String {
    if let by = child["by"]?.text {
      let name = (child["rule"] ?? child["split"] ?? child["namer"] ?? child["index"])?.plain ?? ""
      let revision = child["revision"].map { "@\($0.plain)" } ?? ""
      return "\(by) \(name)\(revision)" + (child["dentry"]?.text.map { "  \($0)" } ?? "")
    }
    if child["alternatives"] != nil { return "|" }
    guard child["weight"] != nil else { return "" }
    let share = Figures.percent(child["share"]?.double)
    return [child["branch"]?.plain ?? "", share].filter { !$0.isEmpty }.joined(separator: " ")
  }

  /// What a branch of the tree ends in.
  private static func end(_ node: JSON) -> String {
    let residual = node["residual"]?.text.flatMap { $0 == "/" ? nil : " + \($0)" } ?? ""
    let kind = node["kind"]?.text ?? ""
    if let sign = ["negative": "~", "fail": "!", "empty": "$"][kind] { return sign }
    let name = (node["id"] ?? node["name"] ?? node["path"])?.text ?? kind
    var text = name + residual + (node["result"]?.text.map { " \($0)" } ?? "")
    if let count = node["endpoint_count"]?.integer {
      let shown = (node["endpoints"]?.items ?? []).prefix(mostEndpoints).map { $0["address"]?.plain ?? "" }
      text +=
        count == 0
        ? ", no endpoint"
        : ": " + shown.joined(separator: " ") + (count > shown.count ? " and \(count - shown.count) more" : "")
    }
    return text + ((detail(node) ?? node["code"]?.text).map { " (\($0))" } ?? "")
  }

  /// Why, without what the mark says already.
  private static func detail(_ node: JSON) -> String? {
    let reasons = (node["detail"]?.text ?? "").split(separator: "; ").filter { $0 != "first" }
    return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
  }
}
