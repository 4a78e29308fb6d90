import MeshProtocol

/// A delegation with what each of its nodes amounts to by naming, given the states of the concrete names. Routes are
/// compiled from it and explanations drawn from it, so that both say the same.
struct Judgement {
  enum Verdict: Equatable {
    case bound, pending, negative, fail, empty
    case failed(NamingFailure)
  }

  let tree: DelegatedTree
  let verdict: Verdict
  /// In the order of the tree's steps, alternatives or branches.
  let children: [Judgement]
  /// Whether a part of the requests that get here may go on to the next alternative: a share is missing.
  let leaks: Bool

  init(_ tree: DelegatedTree, _ state: (Path) -> NameState) {
    self.tree = tree
    switch tree {
    case .lookup(_, let steps): children = steps.map { Judgement($0.tree, state) }
    case .alternatives(let trees): children = trees.map { Judgement($0, state) }
    case .union(let union): children = union.branches.map { Judgement($0.tree, state) }
    default: children = []
    }
    switch tree {
    case .lookup, .alternatives: (verdict, leaks) = Self.first(of: children)
    case .union(let union): (verdict, leaks) = Self.all(children, UnionShares(union, children.map(\.verdict)))
    case .leaf(let leaf): (verdict, leaks) = (Self.verdict(state(leaf.name), leaf), false)
    case .negative: (verdict, leaks) = (.negative, false)
    case .fail: (verdict, leaks) = (.fail, false)
    case .empty: (verdict, leaks) = (.empty, false)
    case .failure(let failure): (verdict, leaks) = (.failed(failure), false)
    }
  }

  private static func verdict(_ state: NameState, _ leaf: ConcreteLeaf) -> Verdict {
    switch state {
    case .pending: .pending
    case .negative: .negative
    case .bound: .bound
    case .failed: .failed(.name(leaf.name))
    }
  }

  /// Whether these are alternatives written with `|`.
  var isWritten: Bool {
    if case .alternatives = tree { return true }
    return false
  }

  /// Index of the alternative that naming chooses: the first that is not negative.
  var chosen: Int? { children.firstIndex { $0.verdict != .negative } }

  private static func first(of children: [Judgement]) -> (Verdict, Bool) {
    guard let first = children.first(where: { $0.verdict != .negative }) else { return (.negative, false) }
    return (first.verdict, children.contains(where: \.leaks))
  }

  /// Nothing bound, pending or empty: negative, unless a branch failed, because errors do not fall through.
  private static func all(_ children: [Judgement], _ shares: UnionShares) -> (Verdict, Bool) {
    (verdict(of: children.map(\.verdict)), shares.missing > 0 || children.contains(where: \.leaks))
  }

  private static func verdict(of branches: [Verdict]) -> Verdict {
    if branches.contains(.bound) { return .bound }
    if branches.contains(.pending) { return branches.contains(.empty) ? .bound : .pending }
    if branches.contains(.empty) { return .empty }
    for case .failed(let failure) in branches { return .failed(failure) }
    return .negative
  }
}

/// How a union's requests are shared out, given which of its branches are bound.
struct UnionShares: Equatable {
  /// Of each branch, from 0 to 1; 0 for those that are not bound.
  private(set) var branches: [Double]
  /// Of nobody: goes to the next alternative or fails.
  private(set) var missing = 0.0
  /// The unbound part of the written weights that the others took over.
  private(set) var redistributed = 0.0
  /// Which branches keep a share: not those that are negative or failed.
  let isKept: [Bool]
  /// Whether the missing share may go to the next alternative.
  let mayGoOn: Bool

  /// All weights zero, or nothing to share: nobody gets anything.
  var isNothing: Bool { missing == 0 && branches.allSatisfy { $0 == 0 } }

  init(_ union: DelegatedUnion, _ verdicts: [Judgement.Verdict]) {
    let written = union.branches.map(\.weight.value)
    isKept = verdicts.map(Self.keepsShare)
    let kept = zip(written, isKept).map { weight, isKept in isKept ? weight : 0 }
    let total = written.reduce(0, +)
    let held = kept.reduce(0, +)
    mayGoOn = union.onUnbound == .guard
    let others =
      switch union.onUnbound {
      case .redistribute: true
      case .guard: held * 2 >= total
      case .fail: held == total
      }
    let whole = others ? held : total
    branches = kept.map { whole > 0 ? $0 / whole : 0 }
    guard total > 0 else { return }
    if others { redistributed = (total - held) / total } else { missing = (total - held) / total }
  }

  /// Pending branches keep theirs, and their requests wait; empty ones keep theirs, and their requests fail.
  private static func keepsShare(_ verdict: Judgement.Verdict) -> Bool {
    switch verdict {
    case .bound, .pending, .empty: true
    case .negative, .fail, .failed: false
    }
  }
}
