import MeshProtocol

extension Interpreter {
  /// Most names tried for one new rule.
  static let loopProbes = 100
  /// Lookups of one check beside 20 for each rule, about 50 ms: rules that branch without end must not hold up the
  /// writer. What is left over then is not tried; such a loop shows when it is asked for.
  static let loopLookups = 20_000

  /// A loop through one of `entries` that can be seen without a request: refused when the rule is written.
  ///
  /// `rules` already holds `entries`. Tried are each rule's own prefix, and that prefix followed by what other rules
  /// expect below its destinations; `*` is tried as the segment `*`. A loop that needs another rest of the name shows
  /// only when it is asked for.
  public static func visibleLoop(through entries: [RuleEntry], in rules: RuleIndex) -> NamingFailure? {
    let written = Set(entries.map(\.dentry))
    let limit = loopLookups + 20 * entries.count
    var lookups = 0
    for entry in entries {
      for path in probes(of: entry, in: rules) where lookups < limit {
        let delegation = delegate(path, rules: rules)
        if let failure = delegation.tree.firstLoop(through: written) { return failure }
        lookups += delegation.visited.count
      }
    }
    return nil
  }

  private static func probes(of entry: RuleEntry, in rules: RuleIndex) -> [Path] {
    let start = sample(entry.dentry.prefix)
    var probes = [start]
    for leaf in entry.dentry.destination.leaves {
      for other in rules.entries(under: leaf, limit: loopProbes) where probes.count < loopProbes {
        let rest = sample(other.dentry.prefix).dropFirst(leaf.count)
        if !rest.isRoot { probes.append(start + rest) }
      }
    }
    return probes
  }

  private static func sample(_ prefix: Prefix) -> Path {
    Path(
      segments: prefix.elements.compactMap { element in
        switch element {
        case .label(let label): label
        case .any: Segment("*")
        }
      })
  }
}

extension DelegatedTree {
  fileprivate func firstLoop(through written: Set<Dentry>) -> NamingFailure? {
    switch self {
    case .lookup(_, let steps): steps.firstNonNil { $0.tree.firstLoop(through: written) }
    case .alternatives(let trees): trees.firstNonNil { $0.firstLoop(through: written) }
    case .union(let union): union.branches.firstNonNil { $0.tree.firstLoop(through: written) }
    case .failure(let failure): failure.isLoop(through: written) ? failure : nil
    case .leaf, .negative, .fail, .empty: nil
    }
  }
}

extension NamingFailure {
  fileprivate func isLoop(through written: Set<Dentry>) -> Bool {
    if case .loop(_, _, let dentries) = self { return dentries.contains { written.contains($0) } }
    return false
  }
}

extension Sequence {
  fileprivate func firstNonNil<Result>(_ transform: (Element) -> Result?) -> Result? {
    for element in self {
      if let result = transform(element) { return result }
    }
    return nil
  }
}
