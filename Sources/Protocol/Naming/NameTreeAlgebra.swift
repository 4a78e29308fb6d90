// Simplification and evaluation, as Finagle defines them (`NameTree.simplified`, `NameTree.eval`).

extension NameTree {
  /// Drops what cannot matter: negatives, what follows a `fail`, negative and failing branches, and the shells of
  /// single items. Idempotent. A weight left alone is lost with its union.
  public var simplified: NameTree {
    switch self {
    case .alt(let trees): trees.count == 1 ? trees[0].simplified : Self.alternatives(trees)
    case .union(let branches): branches.count == 1 ? branches[0].tree.simplified : Self.branches(branches)
    default: self
    }
  }

  private static func alternatives(_ trees: [NameTree]) -> NameTree {
    var kept: [NameTree] = []
    search: for tree in trees {
      switch tree.simplified {
      case .neg: continue
      case .fail:
        kept.append(.fail)
        break search
      case let simple: kept.append(simple)
      }
    }
    return kept.isEmpty ? .neg : kept.count == 1 ? kept[0] : .alt(kept)
  }

  private static func branches(_ all: [Weighted<Leaf>]) -> NameTree {
    let kept = all.map { Weighted(weight: $0.weight, tree: $0.tree.simplified) }
      .filter { $0.tree != .neg && $0.tree != .fail }
    return kept.isEmpty ? .neg : kept.count == 1 ? kept[0].tree : .union(kept)
  }

  /// The leaves that can be chosen; nil when the tree leads nowhere, empty when it leads to something empty.
  public var evaluated: Set<Leaf>? {
    if case .set(let leaves) = outcome { return leaves }
    return nil
  }

  private enum Outcome {
    case negative, fail
    case set(Set<Leaf>)
  }

  private var outcome: Outcome {
    switch self {
    case .neg: return .negative
    case .fail: return .fail
    case .empty: return .set([])
    case .leaf(let leaf): return .set([leaf])
    case .alt(let trees):
      for tree in trees {
        let outcome = tree.outcome
        if case .negative = outcome { continue }
        return outcome
      }
      return .negative
    case .union(let branches):
      let sets = branches.compactMap(\.tree.evaluated)
      return sets.isEmpty ? .negative : .set(sets.reduce(into: []) { $0.formUnion($1) })
    }
  }
}
