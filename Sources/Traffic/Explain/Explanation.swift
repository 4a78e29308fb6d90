import MeshProtocol

/// Explains a delegation with the states that its concrete names are in.
public func explain(_ delegation: Delegation, states: (Path) -> NameState) -> ExplainTree {
  var leaking = 0.0
  return ExplainTree(Judgement(delegation.tree, states), part: 1, leaking: &leaking)
}

extension ExplainTree {
  /// - Parameter leaking: what of `part` nobody here takes and the next alternative further up may; added to.
  fileprivate init(_ judgement: Judgement, part: Double, leaking: inout Double) {
    self.init(kind: Kind(judgement.tree), path: judgement.tree.ownPath, state: State(judgement.verdict), part: part)
    switch judgement.tree {
    case .lookup(_, let steps): describeAlternatives(judgement, rules: steps.map { Rule($0.source) }, &leaking)
    case .alternatives(let trees): describeAlternatives(judgement, rules: trees.map { _ in nil }, &leaking)
    case .union(let union): describeBranches(judgement, union, &leaking)
    case .leaf(let leaf): describe(leaf)
    case .failure(let failure): (reason, code) = (failure.description, failure.code)
    case .negative, .fail, .empty: break
    }
  }

  private mutating func describe(_ leaf: ConcreteLeaf) {
    residual = leaf.residual.isRoot ? "" : leaf.residual.description
    crossing = leaf.crossings.last
    reason = Self.reasons[state] ?? ""
  }

  private static let reasons: [State: String] = [
    .pending: "no answer yet: requests wait", .negative: "no such name", .failed: "its namer failed before any answer",
  ]

  /// Everything comes to the first that is not negative; what that one leaves, to those behind it, up to one that stops.
  private mutating func describeAlternatives(_ judgement: Judgement, rules: [Rule?], _ leaking: inout Double) {
    if judgement.children.isEmpty { reason = "no rule matches" }
    let chosen = judgement.chosen
    var coming = part
    for (index, child) in judgement.children.enumerated() {
      let stops = child.verdict == .fail || child.verdict == .empty
      if stops, index != chosen { coming = 0 }
      let isOffered = child.verdict != .negative
      var left = 0.0
      var node = ExplainTree(child, part: isOffered ? coming : 0, leaking: &left)
      if isOffered { coming = left }
      node.rule = rules[index]
      if judgement.children.count > 1 { node.add(judgement.reason(for: index)) }
      children.append(node)
    }
    if chosen != nil { leaking += coming }
  }

  private mutating func describeBranches(_ judgement: Judgement, _ union: DelegatedUnion, _ leaking: inout Double) {
    let shares = UnionShares(union, judgement.children.map(\.verdict))
    missingShare = shares.missing
    onUnbound = union.onUnbound
    reason = shares.reason
    for (index, branch) in union.branches.enumerated() {
      let share = shares.branches[index]
      var node = ExplainTree(judgement.children[index], part: part * share, leaking: &leaking)
      node.branch = branch.name
      node.weight = branch.weight.value
      node.share = share
      if !shares.isKept[index] { node.add("not bound") }
      children.append(node)
    }
    if shares.mayGoOn, judgement.verdict == .bound { leaking += part * missingShare }
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
        dentry: "\(entry.dentry.prefix) => \(entry.dentry.destination)")
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
