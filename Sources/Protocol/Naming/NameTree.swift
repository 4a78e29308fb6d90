/// Where a name leads: alternatives, weighted branches, leaves, and three ways to lead nowhere.
public indirect enum NameTree<Leaf: Hashable & Sendable>: Hashable, Sendable {
  /// `a | b`: the first that is not negative.
  case alt([NameTree])
  /// `3 * a & b`: each in proportion to its weight.
  case union([Weighted<Leaf>])
  case leaf(Leaf)
  /// `!`: stop here, without looking at later alternatives.
  case fail
  /// `~`: nothing here, go on with the next alternative.
  case neg
  /// `$`: exists, and is empty. It stops the search like a leaf.
  case empty

  /// The same tree over other leaves.
  public func map<Other>(_ transform: (Leaf) -> Other) -> NameTree<Other> {
    switch self {
    case .alt(let trees): .alt(trees.map { $0.map(transform) })
    case .union(let branches): .union(branches.map { Weighted(weight: $0.weight, tree: $0.tree.map(transform)) })
    case .leaf(let leaf): .leaf(transform(leaf))
    case .fail: .fail
    case .neg: .neg
    case .empty: .empty
    }
  }

  /// Every leaf, in the order written.
  public var leaves: [Leaf] {
    switch self {
    case .alt(let trees): trees.flatMap(\.leaves)
    case .union(let branches): branches.flatMap(\.tree.leaves)
    case .leaf(let leaf): [leaf]
    case .fail, .neg, .empty: []
    }
  }
}

/// A branch of a union.
public struct Weighted<Leaf: Hashable & Sendable>: Hashable, Sendable {
  public let weight: Weight
  public let tree: NameTree<Leaf>

  public init(weight: Weight, tree: NameTree<Leaf>) {
    self.weight = weight
    self.tree = tree
  }
}

extension NameTree where Leaf == Path {
  /// Reads `3 * /a & (/b | ~)`. At most `NamingLimits.nesting` nested parentheses.
  public init(parsing text: String) throws(NamingError) {
    var parser = try NameParser(text)
    self = try parser.whole { parser throws(NamingError) in try parser.tree() }
  }

  /// Appends the part of a path that a prefix did not take to every leaf.
  public func appending(_ rest: Path) -> NameTree { rest.isRoot ? self : map { $0 + rest } }
}
