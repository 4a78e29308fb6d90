import MeshProtocol

/// Rules that come with a request: `l5d-ctx-dtab` from the proxies before, `l5d-dtab` from the caller.
public enum RequestRules {
  /// Most dentries of one request. Each is compared at each step of a delegation; people write one to five.
  public static let limit = 256

  /// The rules of one header line, following those of earlier lines: lines are concatenated in order, not split at
  /// commas. Throws on a text that is no dtab (the caller's fault: 400 `bad-dtab`), and beyond `limit`.
  public static func append(
    _ text: String, tier: RuleTier, to rules: inout [RuleEntry]
  ) throws(NamingError) {
    let dtab = try Dtab(parsing: text, atMost: limit - min(limit, rules.count))
    for dentry in dtab.dentries {
      let index = rules.count
      rules.append(
        RuleEntry(origin: .request(index), order: RuleOrder(tier: tier, position: index), dentry: dentry))
    }
  }

  /// Both headers' lines as rules, least preferred first.
  public static func parse(context: [String] = [], request: [String] = []) throws(NamingError) -> [RuleEntry] {
    var rules: [RuleEntry] = []
    for line in context { try append(line, tier: .context, to: &rules) }
    for line in request { try append(line, tier: .request, to: &rules) }
    return rules
  }

  /// What travels on as `l5d-ctx-dtab`: all but the spent ones. A dentry is spent when what is left of the name, as
  /// delivered, begins with the dentry's own prefix: a debug proxy's own call must not come back to it.
  public static func travelling(_ rules: [RuleEntry], residual: Path) -> [RuleEntry] {
    residual.isRoot ? rules : rules.filter { $0.dentry.prefix.count == 0 || !$0.dentry.prefix.matches(residual) }
  }

  /// The text of `l5d-ctx-dtab`; empty when nothing travels.
  public static func text(_ rules: [RuleEntry]) -> String { Dtab(rules.map(\.dentry)).description }
}
