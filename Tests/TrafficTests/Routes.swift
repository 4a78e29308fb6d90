import MeshProtocol
import Testing
import Traffic

/// A delegation compiled for a test: states and readiness by name, requests counted by where they went.
struct TestRoute {
  let delegation: Delegation
  let route: RouteTree
  var sequences: [UInt64] = []
  /// Union keys in the order of their sequences.
  var keys: [String] = []
  private var clusters: [String] = []

  init(
    _ delegation: Delegation, states: [String: NameState] = [:], others: NameState = .bound,
    failover: RouteTree.Failover = .health, seed: UInt64 = 0, continuing earlier: TestRoute? = nil
  ) {
    self.delegation = delegation
    var keys = earlier?.keys ?? []
    var clusters: [String] = []
    route = RouteTree(
      delegation, failover: failover, state: { states[$0.description] ?? others },
      cluster: { name in
        clusters.append(name.description)
        return Int32(clusters.count - 1)
      },
      sequence: { key in
        if let known = keys.firstIndex(of: key) { return Int32(known) }
        keys.append(key)
        return Int32(keys.count - 1)
      })
    self.keys = keys
    self.clusters = clusters
    var random = FastRandom(seed: seed)
    sequences = earlier?.sequences ?? []
    while sequences.count < keys.count { sequences.append(random.next()) }
  }

  /// Rules as one dtab, in order; `name` is looked up.
  init(
    _ dtab: String, _ name: String = "/svc", states: [String: NameState] = [:], others: NameState = .bound,
    onUnbound: OnUnbound = .guard, failover: RouteTree.Failover = .health, seed: UInt64 = 0,
    continuing earlier: TestRoute? = nil
  ) throws {
    let rules = RuleIndex(try entries(dtab, onUnbound: onUnbound))
    self.init(
      Interpreter.delegate(try Path(parsing: name), rules: rules), states: states, others: others, failover: failover,
      seed: seed, continuing: earlier)
  }

  mutating func pick(unready: Set<String> = []) -> String {
    text(route.pick(&sequences) { !unready.contains(clusters[Int($0)]) })
  }

  func pick(key: UInt64) -> String { text(route.pick(key: key) { _ in true }) }

  private func text(_ pick: Pick) -> String {
    switch pick {
    case .leaf(let index):
      let leaf = route.leaves[index]
      return leaf.residual.isRoot ? "\(leaf.name)" : "\(leaf.name) + \(leaf.residual)"
    case .pending: return "pending"
    case .noRoute(let why): return "no route: \(why)"
    case .noEndpoints(let why): return "no endpoints: \(why)"
    case .failed(let failure): return "failed: \(failure.code)"
    }
  }

  mutating func count(_ requests: Int, unready: Set<String> = []) -> [String: Int] {
    var counts: [String: Int] = [:]
    for _ in 0..<requests { counts[pick(unready: unready), default: 0] += 1 }
    return counts
  }

  /// `30 % /#/a, 70 % /#/b`, from 1000 requests, to the nearest percent.
  mutating func shares(unready: Set<String> = []) -> String {
    count(1000, unready: unready).map { "\(($0.value + 5) / 10) % \($0.key)" }.sorted().joined(separator: ", ")
  }
}

/// The dentries of a dtab as rules `r0`, `r1`, … of revision 1.
func entries(_ dtab: String, onUnbound: OnUnbound = .guard, first: Int = 0) throws -> [RuleEntry] {
  try Dtab(parsing: dtab).dentries.enumerated().map { index, dentry in
    RuleEntry(
      origin: .rule(id: "r\(first + index)", revision: 1), order: RuleOrder(tier: .rules, position: first + index),
      dentry: dentry, onUnbound: onUnbound)
  }
}

func delegate(_ dtab: String, _ name: String, local: String = "", depthLimit: Int = 100) throws -> Delegation {
  Interpreter.delegate(
    try Path(parsing: name), rules: RuleIndex(try entries(dtab)),
    local: local.isEmpty ? [] : try RequestRules.parse(request: [local]), depthLimit: depthLimit)
}
