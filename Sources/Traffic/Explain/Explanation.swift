import MeshProtocol

/// Explains a delegation with the states that its concrete names are in.
public func explain(_ delegation: Delegation, states: (Path) -> NameState) -> ExplainTree {
  ExplainTree(Judgement(delegation.tree, states), isChosen: true)
}

extension ExplainTree {
  fileprivate init(_ judgement: Judgement, isChosen: Bool) {
    self.init(
      kind: Kind(judgement.tree), path: judgement.tree.ownPath, state: State(judgement.verdict), isChosen: isChosen)
    switch judgement.tree {
    case .lookup(_, let steps): describeAlternatives(judgement, rules: steps.map { Rule($0.source) })
    case .alternatives(let trees): describeAlternatives(judgement, rules: trees.map { _ in nil })
    case .union(let union): describeBranches(judgement, union)
    case .leaf(let leaf): describe(leaf)
    case .failure(let failure): reason = failure.description
    case .negative, .fail, .empty: break
    }
  }

  private mutating func describe(_ leaf: ConcreteLeaf) {
    residual = leaf.residual.isRoot ? "" : leaf.residual.description
    reason = Self.reasons[state] ?? ""
  }

  private static let reasons: [State: String] = [
    .pending: "no answer yet: requests wait", .negative: "no such name", .failed: "its namer failed before any answer",
  ]

  private mutating func describeAlternatives(_ judgement: Judgement, rules: [Rule?]) {
    if judgement.children.isEmpty { reason = "no rule matches" }
    let chosen = judgement.chosen
    for (index, child) in judgement.children.enumerated() {
      var node = ExplainTree(child, isChosen: isChosen && index == chosen)
      node.rule = rules[index]
      if judgement.children.count > 1 { node.add(judgement.reason(for: index)) }
      children.append(node)
    }
  }

  private mutating func describeBranches(_ judgement: Judgement, _ union: DelegatedUnion) {
    let shares = UnionShares(union, judgement.children.map(\.verdict))
    missingShare = shares.missing
    reason = shares.reason
    for (index, branch) in union.branches.enumerated() {
      let share = shares.branches[index]
      var node = ExplainTree(judgement.children[index], isChosen: isChosen && share > 0)
      node.branch = branch.name
      node.weight = branch.weight.value
      node.share = share
      if !shares.isKept[index] { node.add("not bound") }
      children.append(node)
    }
  }

  private mutating func add(_ more: String) {
    guard !more.isEmpty else { return }
    reason = reason.isEmpty ? more : "\(reason); \(more)"
  }
}

extension Judgement {
  /// Why the alternative at `index` is taken or not.
  fileprivate func reason(for index: Int) -> String {
    guard let chosen else { return "" }
    if children[index].verdict == .negative { return "" }
    if index == chosen { return chosen == 0 ? "first" : "the first that is not negative" }
    let earlier = children[chosen..<index]
    if earlier.contains(where: { $0.verdict == .fail || $0.verdict == .empty }) {
      return "not reached: an earlier one stops the search"
    }
    if case .failed = children[chosen].verdict { return "not reached: errors do not fall through" }
    if children[chosen].verdict == .pending { return "not decided: an earlier one is pending" }
    if earlier.allSatisfy(\.leaks) { return "takes the missing share of those before" }
    return isWritten ? "stands by until nothing before it is ready" : "not reached: an earlier one is bound"
  }
}

extension UnionShares {
  fileprivate var reason: String {
    if isNothing { return "all weights are zero" }
    if missing > 0 {
      let next = mayGoOn ? "goes to the next alternative, or fails" : "fails"
      return "\(ExplainTree.percent(missing)) missing: \(next)"
    }
    return redistributed > 0 ? "\(ExplainTree.percent(redistributed)) not bound: the others take it" : ""
  }
}

extension ExplainTree {
  /// To a hundredth of a percent.
  static func percent(_ share: Double) -> String {
    let rounded = (share * 10_000).rounded() / 100
    return "\(Weight(rounded)?.description ?? "?") %"
  }
}

extension ExplainTree.Kind {
  fileprivate init(_ tree: DelegatedTree) {
    switch tree {
    case .lookup: self = .lookup
    case .alternatives: self = .alternatives
    case .union: self = .union
    case .leaf: self = .leaf
    case .negative: self = .negative
    case .fail: self = .fail
    case .empty: self = .empty
    case .failure: self = .failure
    }
  }
}

extension ExplainTree.State {
  fileprivate init(_ verdict: Judgement.Verdict) {
    switch verdict {
    case .bound: self = .bound
    case .pending: self = .pending
    case .negative: self = .negative
    case .fail: self = .fail
    case .empty: self = .empty
    case .failed: self = .failed
    }
  }
}

extension ExplainTree.Rule {
  fileprivate init(_ source: DelegationStep.Source) {
    switch source {
    case .namer(let name): self.init(tier: "built-in", id: name, revision: 0, dentry: "")
    case .rule(let entry):
      self.init(
        tier: "\(entry.order.tier)", id: entry.key.name, revision: entry.origin.revision,
        dentry: entry.dentry.description)
    }
  }
}

extension DelegatedTree {
  fileprivate var ownPath: String {
    switch self {
    case .lookup(let path, _): path.description
    case .leaf(let leaf): leaf.name.description
    default: ""
    }
  }
}
