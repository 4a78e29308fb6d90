extension NameTree: CustomStringConvertible where Leaf: CustomStringConvertible {
  /// As dtabs write it: ` | ` and ` & ` between items, a weight other than 1 as `0.9*`, parentheses only where needed.
  public var description: String {
    switch self {
    case .alt(let trees) where !trees.isEmpty: trees.map(\.asAlternative).joined(separator: " | ")
    case .union(let branches) where !branches.isEmpty: branches.map(\.description).joined(separator: " & ")
    case .leaf(let leaf): leaf.description
    case .fail: "!"
    case .empty: "$"
    case .neg, .alt, .union: "~"  // an alternative or union of nothing is negative
    }
  }

  private var asAlternative: String {
    if case .alt = self { return "(\(self))" }
    return description
  }

  fileprivate var asBranch: String {
    switch self {
    case .alt, .union: "(\(self))"
    default: description
    }
  }
}

extension Weighted: CustomStringConvertible where Leaf: CustomStringConvertible {
  public var description: String { weight == .one ? tree.asBranch : "\(weight)*\(tree.asBranch)" }
}
