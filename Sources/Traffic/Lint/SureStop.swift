import MeshProtocol

/// Which trees nothing falls through, whatever names exist: they end in `!`, `$`, an address, or an error.
struct SureStop {
  private let rules: RuleIndex

  init(_ rules: RuleIndex) { self.rules = rules }

  func stops(_ tree: NameTree<Path>) -> Bool {
    switch tree {
    case .fail, .empty: true
    case .neg: false
    case .leaf(let path): Namers.surelyStops(path) && !rules.mayMatch(path)
    case .alt(let trees): trees.contains(where: stops)
    // One that fails or errs is left out, and its share may go on to the next alternative.
    case .union(let branches): branches.allSatisfy { keepsShare($0.tree) }
    }
  }

  /// Whether a branch surely keeps its share.
  private func keepsShare(_ tree: NameTree<Path>) -> Bool {
    switch tree {
    case .empty: true
    case .leaf(let path): Namers.surelyKeeps(path) && !rules.mayMatch(path)
    case .union(let branches): branches.allSatisfy { keepsShare($0.tree) }
    case .fail, .neg, .alt: false
    }
  }
}
