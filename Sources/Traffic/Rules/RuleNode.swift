import HashTreeCollections
import MeshProtocol

/// A node of the rule trie: the rules of one prefix, and the longer prefixes below it. One pointer: most nodes of a large
/// table hold one rule and nothing below.
/// Depth is bounded by `NamingLimits.prefixElements`, so walks may recurse.
enum RuleNode: Sendable {
  case empty
  case rule(StoredRule)
  indirect case branch(RuleBranch)
}

/// A node with more than one rule, or something below.
struct RuleBranch: Sendable {
  /// Preferred first.
  var rules: [StoredRule] = []
  var labels: TreeDictionary<Segment, RuleNode> = [:]
  /// The node of `*`.
  var wildcard = RuleNode.empty
}

extension RuleNode {
  var isEmpty: Bool {
    if case .empty = self { true } else { false }
  }

  /// All of it in the form that has room for more.
  private var branch: RuleBranch {
    switch self {
    case .empty: RuleBranch()
    case .rule(let rule): RuleBranch(rules: [rule])
    case .branch(let branch): branch
    }
  }

  /// In the smallest form.
  private init(_ branch: RuleBranch) {
    if branch.labels.isEmpty, branch.wildcard.isEmpty, branch.rules.count < 2 {
      self = branch.rules.first.map(RuleNode.rule) ?? .empty
    } else {
      self = .branch(branch)
    }
  }

  /// This node with a rule more.
  func inserting(_ rule: StoredRule) -> RuleNode {
    guard !isEmpty else { return .rule(rule) }
    var branch = branch
    branch.insert(rule)
    return RuleNode(branch)
  }

  /// This node without a rule.
  func removing(_ rule: StoredRule) -> RuleNode {
    var branch = branch
    branch.rules.removeAll { $0.isIdentical(to: rule) }
    return RuleNode(branch)
  }

  /// This node with the one at `elements` below it changed; nodes that become empty are dropped.
  func changing(at elements: ArraySlice<Prefix.Element>, _ change: (RuleNode) -> RuleNode) -> RuleNode {
    guard let element = elements.first else { return change(self) }
    var branch = branch
    switch element {
    case .label(let label):
      let child = (branch.labels[label] ?? .empty).changing(at: elements.dropFirst(), change)
      branch.labels[label] = child.isEmpty ? nil : child
    case .any: branch.wildcard = branch.wildcard.changing(at: elements.dropFirst(), change)
    }
    return RuleNode(branch)
  }

  func collect(_ segments: [Segment], from index: Int, into found: inout RuleMatches) {
    switch self {
    case .empty: break
    case .rule(let rule): found.add(rule)
    case .branch(let branch):
      found.add(branch.rules)
      guard index < segments.count else { return }
      if !branch.labels.isEmpty, let next = branch.labels[segments[index]] {
        next.collect(segments, from: index + 1, into: &found)
      }
      branch.wildcard.collect(segments, from: index + 1, into: &found)
    }
  }

  /// The node reached by exactly these labels.
  func node(at segments: [Segment]) -> RuleNode? {
    var node = self
    for segment in segments {
      guard case .branch(let branch) = node, let next = branch.labels[segment] else { return nil }
      node = next
    }
    return node
  }

  /// Rules here and below, until there are `limit`.
  func gather(into found: inout [RuleEntry], limit: Int) {
    guard found.count < limit else { return }
    switch self {
    case .empty: break
    case .rule(let rule): if let entry = rule.entry { found.append(entry) }
    case .branch(let branch):
      found += branch.rules.prefix(limit - found.count).compactMap(\.entry)
      branch.wildcard.gather(into: &found, limit: limit)
      for (_, node) in branch.labels where found.count < limit { node.gather(into: &found, limit: limit) }
    }
  }
}

extension RuleBranch {
  /// Puts a rule among those of the same prefix. The ones that it is compared with are read: of n about log n.
  fileprivate mutating func insert(_ rule: StoredRule) {
    guard let entry = rule.entry else { return }
    var (low, high) = (0, rules.count)
    while low < high {
      let middle = (low + high) / 2
      if rules[middle].entry?.isPreferred(over: entry) == true { low = middle + 1 } else { high = middle }
    }
    rules.insert(rule, at: low)
  }
}

// What the linter asks.
extension RuleNode {
  /// Rules whose prefix matches all that `elements` matches.
  func collect(covering elements: ArraySlice<Prefix.Element>, limit: Int, into found: inout RuleMatches) {
    switch self {
    case .empty: break
    case .rule(let rule): if limit > 0 { found.add(rule) }
    case .branch(let branch):
      found.add(Array(branch.rules.prefix(limit)))
      guard let first = elements.first else { return }
      if case .label(let label) = first, let next = branch.labels[label] {
        next.collect(covering: elements.dropFirst(), limit: limit, into: &found)
      }
      branch.wildcard.collect(covering: elements.dropFirst(), limit: limit, into: &found)
    }
  }

  /// Rules here and below that match nothing but what `elements` matches.
  func gather(below elements: ArraySlice<Prefix.Element>, limit: Int, into found: inout [RuleEntry]) {
    guard let first = elements.first else { return gather(into: &found, limit: limit) }
    guard case .branch(let branch) = self else { return }
    switch first {
    case .label(let label): branch.labels[label]?.gather(below: elements.dropFirst(), limit: limit, into: &found)
    case .any:
      branch.wildcard.gather(below: elements.dropFirst(), limit: limit, into: &found)
      for (_, node) in branch.labels where found.count < limit {
        node.gather(below: elements.dropFirst(), limit: limit, into: &found)
      }
    }
  }

  /// Whether a rule here or below matches these segments, or more than these.
  func mayMatch(_ segments: ArraySlice<Segment>) -> Bool {
    guard case .branch(let branch) = self else { return !isEmpty }
    if !branch.rules.isEmpty { return true }
    guard let first = segments.first else { return true }
    if let next = branch.labels[first], next.mayMatch(segments.dropFirst()) { return true }
    return branch.wildcard.mayMatch(segments.dropFirst())
  }
}
