import MeshProtocol

/// Turns a judged delegation into the flat table of a `RouteTree`. A node is appended after those it points to.
struct RouteCompiler {
  struct Union {
    /// Where in the delegation it stands, in names of rules and branches, so that it outlives changes of weights and of
    /// others.
    let key: String
    let firstSlot: Int32
    let lastSlot: Int32
  }

  private(set) var leaves: [ConcreteLeaf] = []
  private(set) var nodes: [RouteNode] = []
  private(set) var unions: [Union] = []
  private(set) var slots: [RouteSlot] = []
  private(set) var ends: [Pick] = []
  private(set) var root: Int32 = 0
  private let failover: RouteTree.Failover
  private var trail: [String]

  /// A table with a single end.
  init(ending pick: Pick) {
    failover = .naming
    trail = []
    root = end(pick)
  }

  init(_ judgement: Judgement, of path: Path, failover: RouteTree.Failover) {
    self.failover = failover
    trail = [path.description]
    root = node(judgement, missing: nil)
  }

  /// - Parameter missing: where a share goes that nobody takes here: the next alternative further up; nil when there is none.
  private mutating func node(_ judgement: Judgement, missing: Int32?) -> Int32 {
    switch (judgement.verdict, judgement.tree) {
    case (.bound, .leaf(let leaf)): return self.leaf(leaf)
    case (.bound, .union(let union)): return self.union(union, judgement, missing: missing)
    case (.bound, .alternatives) where failover == .health: return choices(judgement, missing: missing)
    case (.bound, _): return firstOf(judgement, missing: missing)
    case (.pending, _): return end(.pending)
    case (.negative, _): return end(.noRoute(.negative))
    case (.fail, _): return end(.noRoute(.fail))
    case (.empty, _): return end(.noEndpoints(.empty))
    case (.failed(let failure), _): return end(.failed(failure))
    }
  }

  private mutating func append(_ node: RouteNode) -> Int32 {
    nodes.append(node)
    return Int32(truncatingIfNeeded: nodes.count - 1)
  }

  private mutating func end(_ pick: Pick) -> Int32 {
    ends.append(pick)
    return append(.end(Int32(truncatingIfNeeded: ends.count - 1)))
  }

  private mutating func leaf(_ leaf: ConcreteLeaf) -> Int32 {
    leaves.append(leaf)
    return append(.leaf(Int32(truncatingIfNeeded: leaves.count - 1)))
  }

  /// The child at `index`, with its name on the trail.
  private mutating func child(_ index: Int, of judgement: Judgement, missing: Int32?) -> Int32 {
    trail.append(judgement.tree.nameOfChild(index))
    defer { trail.removeLast() }
    return node(judgement.children[index], missing: missing)
  }
}

// Alternatives
extension RouteCompiler {
  /// By naming only: the first that is not negative. Later ones are made only when a share can go on to them.
  private mutating func firstOf(_ judgement: Judgement, missing: Int32?) -> Int32 {
    var later = missing
    for index in candidates(judgement).reversed() {
      later =
        takesMissing(judgement, index) ? child(index, of: judgement, missing: later) : end(.noEndpoints(.missingShare))
    }
    return later ?? end(.noRoute(.negative))
  }

  /// By naming, then by health: each one yields to those after it while it has nothing ready and they have.
  private mutating func choices(_ judgement: Judgement, missing: Int32?) -> Int32 {
    var later = missing
    var rest: RoutePart?
    for index in candidates(judgement).reversed() {
      guard takesMissing(judgement, index) else {
        later = end(.noEndpoints(.missingShare))
        continue
      }
      let part = self.part { $0.child(index, of: judgement, missing: later) }
      rest = choice(part, rest)
      // A share that is missing before this one comes here; while this one is pending it waits, whatever follows is
      // ready.
      later = judgement.children[index].verdict == .bound ? rest?.node : part.node
    }
    return rest?.node ?? later ?? end(.noRoute(.negative))
  }

  private mutating func choice(_ first: RoutePart, _ rest: RoutePart?) -> RoutePart {
    guard let rest else { return first }
    let node = append(.choice(first: first, rest: rest))
    return RoutePart(node: node, firstLeaf: rest.firstLeaf, endLeaf: first.endLeaf)
  }

  private mutating func part(_ make: (inout RouteCompiler) -> Int32) -> RoutePart {
    let firstLeaf = Int32(truncatingIfNeeded: leaves.count)
    let node = make(&self)
    return RoutePart(node: node, firstLeaf: firstLeaf, endLeaf: Int32(truncatingIfNeeded: leaves.count))
  }

  /// The alternatives that count, in order: from the first that is not negative, up to the first that stops the search.
  private func candidates(_ judgement: Judgement) -> [Int] {
    var found: [Int] = []
    for (index, child) in judgement.children.enumerated() where child.verdict != .negative {
      found.append(index)
      if child.verdict == .fail || child.verdict == .empty { break }
      if failover == .naming || !judgement.isWritten, !child.leaks { break }
    }
    return found
  }

  private func takesMissing(_ judgement: Judgement, _ index: Int) -> Bool {
    let verdict = judgement.children[index].verdict
    return verdict != .fail && verdict != .empty
  }
}

// Unions
extension RouteCompiler {
  private mutating func union(_ union: DelegatedUnion, _ judgement: Judgement, missing: Int32?) -> Int32 {
    let shares = UnionShares(union, judgement.children.map(\.verdict))
    var targets: [(share: Double, node: Int32)] = []
    for (index, share) in shares.branches.enumerated() where share > 0 {
      targets.append((share, child(index, of: judgement, missing: missing)))
    }
    if shares.missing > 0 {
      let next = shares.mayGoOn ? missing : nil
      targets.append((shares.missing, next ?? end(.noEndpoints(.missingShare))))
    }
    guard let only = targets.first else { return end(.noEndpoints(.zeroWeights)) }
    return targets.count == 1 ? only.node : append(targets)
  }

  private mutating func append(_ targets: [(share: Double, node: Int32)]) -> Int32 {
    let firstSlot = Int32(truncatingIfNeeded: slots.count)
    var cumulated = 0.0
    for target in targets {
      cumulated += target.share
      slots.append(RouteSlot(upperBound: LowDiscrepancy.bound(cumulated), target: target.node))
    }
    let lastSlot = Int32(truncatingIfNeeded: slots.count - 1)
    unions.append(Union(key: trail.joined(separator: " "), firstSlot: firstSlot, lastSlot: lastSlot))
    return append(.union(Int32(truncatingIfNeeded: unions.count - 1)))
  }
}

extension DelegatedTree {
  /// What a child is called in keys: by its rule or backend where it has one, else by its place.
  fileprivate func nameOfChild(_ index: Int) -> String {
    switch self {
    case .lookup(_, let steps): steps[index].source.description
    case .union(let union): union.branches[index].name.isEmpty ? "&\(index)" : "&" + union.branches[index].name
    default: "|\(index)"
    }
  }
}

extension DelegationStep.Source: CustomStringConvertible {
  public var description: String {
    switch self {
    case .rule(let entry): entry.key.description
    case .namer(let name): name
    }
  }
}
