import JSONFormat

/// Authorizations for people: one line for each rule.
enum AuthorizationList {
  static func render(_ authorizations: [JSON], on terminal: Terminal) -> String {
    var table = Table(["AUTHORIZATION", "TARGET", "MODE", "RULE", "FROM", "METHODS", "PATHS"])
    for authorization in authorizations {
      let rules = authorization["rules"]?.items ?? []
      let mode = authorization["mode"]?.plain ?? ""
      for index in 0..<max(1, rules.count) {
        let isFirst = index == 0
        let rule = rules.indices.contains(index) ? rules[index] : JSON?.none
        table.add(
          .init(isFirst ? authorization["name"]?.plain ?? "" : ""),
          .init(isFirst ? authorization["target"]?.plain ?? "" : ""),
          .init(isFirst ? mode : "", mode == "enforce" ? .plain : .yellow), .init(rule == nil ? "" : "\(index)"),
          .init(rule.map { texts($0["from"]) ?? "" } ?? "nobody"),
          .init(rule.map { texts($0["methods"]) ?? "any" } ?? ""),
          .init(rule.map { texts($0["paths"]) ?? "any" } ?? ""))
      }
    }
    return table.render(on: terminal)
  }

  private static func texts(_ list: JSON?) -> String? { list?.items.map { $0.map(\.plain).joined(separator: ", ") } }
}

/// The answer to a check for people.
enum AuthorizationVerdict {
  static func render(_ answer: JSON, on terminal: Terminal) -> String {
    let isAllowed = answer["allowed"]?.isTrue == true
    let request =
      answer["method"].map { "\($0.plain) \(answer["path"]?.plain ?? "/")" } ?? "a connection of bytes"
    let head = terminal.painted(isAllowed ? "allowed" : "denied", isAllowed ? .green : .red)
    var lines = ["\(head): \(request) from \(answer["from"]?.plain ?? "?") to \(answer["to"]?.plain ?? "?")"]
    lines.append("  " + reason(answer["enforced"] ?? .null, isDryRun: false))
    if let dryRun = answer["dry_run"], dryRun["result"]?.text != "unrestricted" {
      lines.append("  dry run: " + reason(dryRun, isDryRun: true))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func reason(_ outcome: JSON, isDryRun: Bool) -> String {
    let authorization = outcome["authorization"]?.plain ?? "?"
    switch outcome["result"]?.text {
    case "allowed": return "rule \(outcome["rule"]?.plain ?? "?") of authorization \(authorization) allows it"
    case "denied":
      return isDryRun
        ? "authorization \(authorization) would deny it: no rule allows it"
        : "authorization \(authorization) denies it: no rule allows it"
    default: return "no authorization in force targets the workload: everybody may call"
    }
  }
}
