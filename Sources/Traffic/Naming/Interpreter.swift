import MeshProtocol

/// Follows a name through the rules, step by step, to concrete names.
///
/// One step (Finagle's `Namer.bind` and `Dtab.lookup`): all rules that match, later ones preferred, the rest of the
/// path appended to each leaf; without a match, or when the only match is `~`, the built-in names; a `/#/…` path that
/// no rule captures is concrete. Unlike a lazy bind this goes down every branch: what is negative or pending may change
/// at any time.
public enum Interpreter {
  /// Most lookups of one delegation, over all branches. Rules can branch at each step, so 100 steps could be 2^100
  /// leaves; real names need 2 to 30. The branch beyond it fails, and only if a request gets there.
  public static let lookupLimit = 1024
  /// Deepest tree, in nodes, at which a path is still looked up: every walk over a delegation recurses this deep, and at
  /// most twice `NamingLimits.nesting` deeper. Measured: an optimised build does with a stack of 512 KiB.
  public static let depthLimit = 250

  /// - Parameters:
  ///   - local: the request's own rules, as `RequestRules` makes them.
  ///   - depthLimit: most lookups one after another; the next one is a `NamingFailure.loop`.
  public static func delegate(
    _ path: Path, rules: RuleIndex, local: [RuleEntry] = [], depthLimit: Int = 100
  ) -> Delegation {
    var walk = DelegationWalk(rules: rules, local: local, depthLimit: depthLimit)
    let tree = walk.lookUp(path, .start)
    return Delegation(
      path: path, tree: tree, visited: walk.visited, concreteNames: walk.concreteNames,
      requestedSystemPaths: walk.requestedSystemPaths)
  }
}

/// Where a walk is: passed down by value.
private struct Place {
  /// Lookups done on this branch.
  var lookups: Int
  /// Nodes above this one.
  var nodes: Int
  var crossings: [SplitCrossing]
  /// Whether a rule of the caller's was followed.
  var isRequested: Bool

  static let start = Place(lookups: 0, nodes: 0, crossings: [], isRequested: false)

  func below() -> Place {
    var place = self
    place.nodes += 1
    return place
  }
}

private struct DelegationWalk {
  let rules: RuleIndex
  let local: [RuleEntry]
  let depthLimit: Int
  private(set) var visited: [Path] = []
  private(set) var concreteNames: [Path] = []
  private(set) var requestedSystemPaths: [Path] = []
  private var namesSeen: Set<Path> = []
  /// The rules followed on the present branch.
  private var trail: [RuleEntry] = []

  init(rules: RuleIndex, local: [RuleEntry], depthLimit: Int) {
    self.rules = rules
    self.local = local
    self.depthLimit = depthLimit
  }

  mutating func lookUp(_ path: Path, _ place: Place) -> DelegatedTree {
    if let failure = limitReached(path, place) { return .failure(failure) }
    visited.append(path)
    var place = place.below()
    place.lookups += 1
    let matches = matches(path)
    if matches.isEmpty || (matches.count == 1 && matches[0].dentry.destination == .neg) { return name(path, place) }
    var steps: [DelegationStep] = []
    for entry in matches {
      let step = follow(entry, path, place)
      steps.append(step)
      if case .failure(.tooLarge) = step.tree { break }
    }
    return .lookup(path: path, steps: steps)
  }

  private func limitReached(_ path: Path, _ place: Place) -> NamingFailure? {
    if place.lookups >= depthLimit { return .loop(limit: depthLimit, path: path, dentries: loop()) }
    if visited.count >= Interpreter.lookupLimit {
      return .tooLarge(path: path, limit: "\(Interpreter.lookupLimit) lookups")
    }
    if place.nodes >= Interpreter.depthLimit {
      return .tooLarge(path: path, limit: "\(Interpreter.depthLimit) nested steps")
    }
    if path.count > NamingLimits.segments { return .tooLarge(path: path, limit: "\(NamingLimits.segments) segments") }
    return nil
  }

  /// The rules since the last one was followed before: the loop, or all when none repeats.
  private func loop() -> [Dentry] {
    guard let last = trail.last, let earlier = trail.dropLast().lastIndex(where: { $0.isSame(as: last) }) else {
      return trail.map(\.dentry)
    }
    return trail[(earlier + 1)...].map(\.dentry)
  }

  private func matches(_ path: Path) -> [RuleEntry] {
    let shared = rules.matches(path)
    guard !local.isEmpty else { return shared }
    let own = local.filter { $0.dentry.prefix.matches(path) }
    return own.isEmpty ? shared : (own + shared).sorted { $0.isPreferred(over: $1) }
  }

  private mutating func follow(_ entry: RuleEntry, _ path: Path, _ place: Place) -> DelegationStep {
    trail.append(entry)
    defer { trail.removeLast() }
    var place = place
    if entry.order.tier >= .context { place.isRequested = true }
    let rest = path.dropFirst(entry.dentry.prefix.count)
    return DelegationStep(source: .rule(entry), tree: split(entry, rest, place))
  }

  /// The destination of a rule; in a split, the branches of the topmost union carry the backends' names.
  private mutating func split(_ entry: RuleEntry, _ rest: Path, _ place: Place) -> DelegatedTree {
    guard !entry.branches.isEmpty else { return descend(entry.dentry.destination, rest, entry, place) }
    if case .union(let branches) = entry.dentry.destination, branches.count == entry.branches.count {
      return union(branches, names: entry.branches, rest, entry, place)
    }
    return descend(entry.dentry.destination, rest, entry, crossing(entry, entry.branches[0], place))
  }

  private func crossing(_ entry: RuleEntry, _ branch: String, _ place: Place) -> Place {
    var place = place
    place.crossings.append(SplitCrossing(split: entry.splitName, branch: branch))
    return place
  }

  private mutating func descend(
    _ tree: NameTree<Path>, _ rest: Path, _ entry: RuleEntry, _ place: Place
  ) -> DelegatedTree {
    switch tree {
    case .leaf(let path): return lookUp(path + rest, place)
    case .alt(let trees):
      return .alternatives(alternatives(trees, rest, entry, place.below()))
    case .union(let branches): return union(branches, names: [], rest, entry, place)
    case .fail: return .fail
    case .neg: return .negative
    case .empty: return .empty
    }
  }

  private mutating func alternatives(
    _ trees: [NameTree<Path>], _ rest: Path, _ entry: RuleEntry, _ place: Place
  ) -> [DelegatedTree] {
    var delegated: [DelegatedTree] = []
    for tree in trees {
      let next = descend(tree, rest, entry, place)
      delegated.append(next)
      if case .failure(.tooLarge) = next { break }
    }
    return delegated
  }

  private mutating func union(
    _ branches: [Weighted<Path>], names: [String], _ rest: Path, _ entry: RuleEntry, _ place: Place
  ) -> DelegatedTree {
    var delegated: [DelegatedUnion.Branch] = []
    for (index, branch) in branches.enumerated() {
      let name = names.isEmpty ? "" : names[index]
      let place = names.isEmpty ? place : crossing(entry, name, place)
      delegated.append(
        .init(weight: branch.weight, name: name, tree: descend(branch.tree, rest, entry, place.below())))
    }
    return .union(DelegatedUnion(branches: delegated, onUnbound: entry.onUnbound))
  }

  /// A path that no rule takes.
  private mutating func name(_ path: Path, _ place: Place) -> DelegatedTree {
    if place.isRequested, path.segments.first?.scalarText == "$" { requestedSystemPaths.append(path) }
    switch Namers.answer(path) {
    case .concrete(let name, let residual):
      if namesSeen.insert(name).inserted { concreteNames.append(name) }
      return .leaf(ConcreteLeaf(name: name, residual: residual, crossings: place.crossings))
    case .rewritten(let next): return builtIn(path, lookUp(next, place))
    case .negative: return .lookup(path: path, steps: [])
    case .fail: return builtIn(path, .fail)
    case .empty: return builtIn(path, .empty)
    case .unknownNamer: return builtIn(path, .failure(.unknownNamer(path)))
    }
  }

  private func builtIn(_ path: Path, _ tree: DelegatedTree) -> DelegatedTree {
    .lookup(path: path, steps: [DelegationStep(source: .namer(path.prefix(2).description), tree: tree)])
  }
}
