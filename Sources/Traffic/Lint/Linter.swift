import MeshProtocol

/// Finds what is probably not meant. Pure; looks only at what the given rules touch, so that a table of any size costs
/// the same.
public struct Linter {
  /// Rules compared at each node of the index on the way to a rule: those that win over all others are what matters,
  /// and thousands on one prefix must not make a write slow.
  static let comparedPerNode = 16
  /// Rules named that another one shadows.
  static let shadowedNamed = 3

  private let rules: RuleIndex
  private let hasNamer: (Path) -> Bool
  private let stops: SureStop

  /// - Parameters:
  ///   - rules: the whole table, those that are checked in it.
  ///   - hasNamer: whether anything answers names such as this one, which begins with `/#/`.
  public init(_ rules: RuleIndex, hasNamer: @escaping (Path) -> Bool) {
    self.rules = rules
    self.hasNamer = hasNamer
    stops = SureStop(rules)
  }

  /// What is found about one rule or split of the table.
  public func findings(_ entry: RuleEntry) -> [LintFinding] {
    order(entry) + tree(entry) + names(entry)
  }

  /// A loop through this rule that the rules show by themselves: refused when it is written.
  public func loop(_ entry: RuleEntry) -> LintFinding? {
    Interpreter.visibleLoop(through: [entry], in: rules).map { finding(.loop, entry, "makes a loop: \($0.message)") }
  }

  // MARK: its place among the others

  private func order(_ entry: RuleEntry) -> [LintFinding] {
    let covering = rules.covering(entry.dentry.prefix, limit: Self.comparedPerNode).filter { $0.key != entry.key }
    if let twin = covering.first(where: { $0.dentry.isEquivalent(to: entry.dentry) }) {
      return [finding(.duplicate, entry, "says the same as \(twin.key): remove one of them")]
    }
    if let winner = covering.first(where: { $0.isPreferred(over: entry) && stops.stops($0.dentry.destination) }) {
      let way = "remove it, or move it behind \(winner.key)"
      return [
        finding(.unreachableRule, entry, "is never reached: \(said(winner)) wins and never falls through; \(way)")
      ]
    }
    return stops.stops(entry.dentry.destination) ? shadows(entry) : []
  }

  private func shadows(_ entry: RuleEntry) -> [LintFinding] {
    let below = rules.entries(below: entry.dentry.prefix, limit: Self.comparedPerNode).filter {
      $0.key != entry.key && entry.isPreferred(over: $0)
    }
    guard !below.isEmpty else { return [] }
    let named = below.prefix(Self.shadowedNamed).map(\.key.description).joined(separator: ", ")
    let more = below.count > Self.shadowedNamed ? " and others" : ""
    return [
      finding(
        .shadows, entry,
        "never falls through and wins over \(named)\(more), which no name reaches now: move it before them, or remove them"
      )
    ]
  }

  private func said(_ entry: RuleEntry) -> String { "\(entry.key) (\(entry.dentry))" }

  private func finding(_ code: LintFinding.Code, _ entry: RuleEntry, _ what: String, at place: Int? = nil)
    -> LintFinding
  {
    LintFinding(code: code, rule: entry.key, place: place, message: "\(entry.key) \(what)")
  }

  // MARK: its tree

  private func tree(_ entry: RuleEntry) -> [LintFinding] {
    var walk = TreeWalk(stops)
    walk.look(entry.dentry.destination)
    return walk.found.map { finding($0.code, entry, $0.message, at: $0.place) }
  }

  // MARK: its names

  private func names(_ entry: RuleEntry) -> [LintFinding] {
    entry.dentry.destination.placedLeaves.compactMap { place, path in
      guard let (code, what) = fault(of: path) else { return nil }
      return finding(code, entry, what, at: place)
    }
  }

  private func fault(of path: Path) -> (LintFinding.Code, String)? {
    if rules.mayMatch(path) { return nil }
    switch path.segments.first?.scalarText {
    case nil: return nil
    case "$": return Namers.neverBinds(path).map { (.neverBinds, "leads to \(path), which never binds: \($0)") }
    case "#":
      guard path.count >= 2, !hasNamer(path) else { return nil }
      let prefix = path.prefix(2)
      return (
        .unknownNamer, "leads to \(path), and no namer \(prefix) is configured: configure it, or mend the name"
      )
    default:
      return (.deadEnd, "leads to \(path), where no rule goes on: add a rule for \(path.prefix(1)), or mend the name")
    }
  }
}

/// Looks through a destination, counting its leaves and signs.
private struct TreeWalk {
  private(set) var found: [(code: LintFinding.Code, place: Int, message: String)] = []
  private var place = 0
  private let stops: SureStop

  init(_ stops: SureStop) { self.stops = stops }

  mutating func look(_ tree: NameTree<Path>) {
    switch tree {
    case .leaf, .fail, .neg, .empty: place += 1
    case .alt(let trees): alternatives(trees)
    case .union(let branches):
      if branches.allSatisfy({ $0.weight == .zero }) {
        found.append(
          (
            .zeroWeights, place,
            "has a union of weights that sum to nothing, so its requests get no endpoint: give a branch a weight"
          ))
      }
      for branch in branches { look(branch.tree) }
    }
  }

  private mutating func alternatives(_ trees: [NameTree<Path>]) {
    var stop: NameTree<Path>?
    var isSaid = false
    for tree in trees {
      if let stop, !isSaid {
        isSaid = true
        found.append(
          (
            .unreachableAlternative, place,
            "has alternatives behind \(stop), which never falls through: remove them, or move it to the end"
          ))
      }
      look(tree)
      if stop == nil, stops.stops(tree) { stop = tree }
    }
  }
}

extension NameTree where Leaf == Path {
  /// The leaves, each with its number among leaves and signs.
  fileprivate var placedLeaves: [(Int, Path)] {
    var place = 0
    var leaves: [(Int, Path)] = []
    func walk(_ tree: NameTree<Path>) {
      switch tree {
      case .leaf(let path):
        leaves.append((place, path))
        place += 1
      case .fail, .neg, .empty: place += 1
      case .alt(let trees): trees.forEach(walk)
      case .union(let branches): branches.forEach { walk($0.tree) }
      }
    }
    walk(self)
    return leaves
  }
}
