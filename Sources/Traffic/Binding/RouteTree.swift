import MeshProtocol

/// A delegation, compiled for the states its names are in: a flat table from which each request's leaf is picked
/// without allocation. Made anew when a state changes; the sequences of its unions live outside and go on.
public struct RouteTree: Sendable {
  /// What health decides between alternatives written with `|`.
  public enum Failover: String, Hashable, Sendable, CaseIterable {
    /// An alternative none of whose clusters is ready yields to the next one that has one.
    case health
    /// Alternatives yield by naming only, as in Linkerd.
    case naming
  }

  public let leaves: [RouteLeaf]
  private let nodes: [RouteNode]
  private let unions: [RouteUnion]
  private let slots: [RouteSlot]
  private let ends: [Pick]
  private let root: Int32

  /// Leads nowhere.
  public static let nothing = RouteTree(RouteCompiler(ending: .noRoute(.negative)), { _ in -1 }, { _ in -1 })

  /// - Parameters:
  ///   - state: what is known of a concrete name.
  ///   - cluster: the caller's number for a concrete name; asked once for each leaf that requests can reach.
  ///   - sequence: index of a union's sequence in the array given to `pick`. The key stays the same through changes of weights,
  ///     states and other rules, so a sequence kept under it goes on where it was.
  public init(
    _ delegation: Delegation, failover: Failover = .health, state: (Path) -> NameState, cluster: (Path) -> Int32,
    sequence: (_ unionKey: String) -> Int32
  ) {
    let judgement = Judgement(delegation.tree, state)
    self.init(RouteCompiler(judgement, of: delegation.path, failover: failover), cluster, sequence)
  }

  private init(_ compiler: RouteCompiler, _ cluster: (Path) -> Int32, _ sequence: (String) -> Int32) {
    leaves = compiler.leaves.map { RouteLeaf(cluster: cluster($0.name), leaf: $0) }
    unions = compiler.unions.map {
      RouteUnion(
        sequence: sequence($0.key), firstSlot: $0.firstSlot, lastSlot: $0.lastSlot, salt: LowDiscrepancy.salt($0.key))
    }
    nodes = compiler.nodes
    slots = compiler.slots
    ends = compiler.ends
    root = compiler.root
  }

  /// The next request's leaf.
  /// - Parameters:
  ///   - sequences: this worker's, of first tries. Give retries another array: they come when a branch failed, so their picks
  ///     would take away just those numbers that first tries need to match the weights.
  ///   - isReady: whether a cluster has a ready endpoint. Asked only where there are alternatives.
  public func pick(_ sequences: inout [UInt64], isReady: (Int32) -> Bool) -> Pick {
    walk(isReady) { union in
      let index = Int(union.sequence)
      sequences[index] = LowDiscrepancy.next(after: sequences[index])
      return sequences[index]
    }
  }

  /// The leaf of all requests with this key: equal keys get equal branches while weights stand; when weights move, only
  /// as many keys move as must.
  public func pick(key: UInt64, isReady: (Int32) -> Bool) -> Pick {
    walk(isReady) { union in LowDiscrepancy.scatter(key ^ union.salt) }
  }

  /// Where a request goes that no endpoint of `leaf` took: to what stands by for it by `|`, innermost first. Nil when
  /// nothing does, or nothing there is ready: other branches of a union are no stand-by.
  /// - Parameter key: decides between the branches of a union there; any number.
  public func standby(for leaf: Int, key: UInt64, isReady: (Int32) -> Bool) -> Int? {
    // A choice is made after those inside its first part, so the innermost comes first.
    for node in nodes {
      guard case .choice(let first, let rest) = node, (first.firstLeaf..<first.endLeaf).contains(Int32(leaf)),
        hasReady(rest, isReady)
      else { continue }
      let next = walk(from: rest.node, isReady) { LowDiscrepancy.scatter(key ^ $0.salt) }
      if case .leaf(let found) = next { return found }
    }
    return nil
  }

  private func walk(_ isReady: (Int32) -> Bool, _ position: (RouteUnion) -> UInt64) -> Pick {
    walk(from: root, isReady, position)
  }

  /// Nodes are made before those that point to them, so each step goes to a smaller index and the walk ends.
  private func walk(from start: Int32, _ isReady: (Int32) -> Bool, _ position: (RouteUnion) -> UInt64) -> Pick {
    var index = Int(start)
    while true {
      switch nodes[index] {
      case .leaf(let leaf): return .leaf(Int(leaf))
      case .end(let end): return ends[Int(end)]
      case .union(let number):
        let union = unions[Int(number)]
        index = Int(target(union, position(union)))
      case .choice(let first, let rest):
        index = Int(!hasReady(first, isReady) && hasReady(rest, isReady) ? rest.node : first.node)
      }
    }
  }

  /// The first slot whose upper bound is above `position`; the last one takes what rounding leaves.
  private func target(_ union: RouteUnion, _ position: UInt64) -> Int32 {
    var low = Int(union.firstSlot)
    var high = Int(union.lastSlot)
    while low < high {
      let middle = (low + high) / 2
      if position < slots[middle].upperBound { high = middle } else { low = middle + 1 }
    }
    return slots[low].target
  }

  private func hasReady(_ part: RoutePart, _ isReady: (Int32) -> Bool) -> Bool {
    for leaf in part.firstLeaf..<part.endLeaf where isReady(leaves[Int(leaf)].cluster) { return true }
    return false
  }
}

/// A concrete name that requests can reach.
public struct RouteLeaf: Hashable, Sendable {
  /// The caller's number for the name.
  public let cluster: Int32
  public let name: Path
  public let residual: Path
  /// The splits passed on the way, outermost first.
  public let crossings: [SplitCrossing]
  public let split: String
  public let branch: String

  init(cluster: Int32, leaf: ConcreteLeaf) {
    self.cluster = cluster
    name = leaf.name
    residual = leaf.residual
    crossings = leaf.crossings
    split = leaf.split
    branch = leaf.branch
  }
}

enum RouteNode: Sendable {
  /// Index in `leaves`.
  case leaf(Int32)
  /// Index in `ends`.
  case end(Int32)
  /// Index in `unions`.
  case union(Int32)
  /// `first` unless it has nothing ready and `rest` has.
  case choice(first: RoutePart, rest: RoutePart)
}

/// A node and the leaves below it.
struct RoutePart: Sendable {
  var node: Int32
  var firstLeaf: Int32
  var endLeaf: Int32
}

struct RouteUnion: Sendable {
  let sequence: Int32
  let firstSlot: Int32
  let lastSlot: Int32
  /// From the union's key, the same in every proxy: a key gets the same branch everywhere, and another one in each
  /// union.
  let salt: UInt64
}

struct RouteSlot: Sendable {
  /// Cumulated share of 2^64.
  let upperBound: UInt64
  let target: Int32
}
