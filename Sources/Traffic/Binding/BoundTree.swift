import MeshProtocol

extension Delegation {
  /// What a name is bound to, as Finagle's tools print it: alternatives decided by naming alone, branches that nobody
  /// waits for left out, written weights kept. A union's share that no branch takes (`OnUnbound`) stands there as a
  /// branch with the next alternative, or with `$`: requests that draw it fail.
  ///
  /// Nil while naming has not decided (pending), and when it failed.
  public func boundTree(states: (Path) -> NameState) -> NameTree<ConcreteLeaf>? {
    Judgement(tree, states).boundTree(missing: .empty)
  }
}

extension Judgement {
  /// - Parameter missing: where a share goes that nobody takes here.
  fileprivate func boundTree(missing: NameTree<ConcreteLeaf>) -> NameTree<ConcreteLeaf>? {
    switch (verdict, tree) {
    case (.bound, .leaf(let leaf)): .leaf(leaf)
    case (.bound, .union(let union)): branches(of: union, missing: missing)
    case (.bound, _): first(missing: missing)
    case (.negative, _): .neg
    case (.fail, _): .fail
    case (.empty, _): .empty
    case (.pending, _), (.failed, _): nil
    }
  }

  /// The first alternative that is not negative; what it leaves goes to those behind it, up to one that stops.
  private func first(missing: NameTree<ConcreteLeaf>) -> NameTree<ConcreteLeaf>? {
    var next = missing
    var result: NameTree<ConcreteLeaf>?
    for child in children[..<(stop ?? children.count)].reversed() where child.verdict != .negative {
      result = child.boundTree(missing: next)
      next = result ?? .empty
    }
    return result
  }

  /// Index of the first alternative that ends the search without taking anything.
  private var stop: Int? { children.firstIndex { $0.verdict == .fail || $0.verdict == .empty } }

  private func branches(of union: DelegatedUnion, missing: NameTree<ConcreteLeaf>) -> NameTree<ConcreteLeaf> {
    let shares = UnionShares(union, children.map(\.verdict))
    guard !shares.isNothing else { return .empty }
    var branches: [Weighted<ConcreteLeaf>] = []
    var held = 0.0
    for (index, branch) in union.branches.enumerated() where shares.isKept[index] {
      held += branch.weight.value
      guard let tree = children[index].boundTree(missing: missing) else { continue }
      branches.append(Weighted(weight: branch.weight, tree: tree))
    }
    let lost = union.branches.reduce(0) { $0 + $1.weight.value } - held
    if shares.missing > 0, let weight = Weight(lost) {
      branches.append(Weighted(weight: weight, tree: shares.mayGoOn ? missing : .empty))
    }
    return branches.isEmpty ? .empty : branches.count == 1 ? branches[0].tree : .union(branches)
  }
}

extension ConcreteLeaf: CustomStringConvertible {
  /// `/#/registry/users + /rest`
  public var description: String { residual.isRoot ? name.description : "\(name) + \(residual)" }
}
