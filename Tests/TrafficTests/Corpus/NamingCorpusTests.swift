import MeshProtocol
import TestSupport
import Testing
import Traffic

/// The naming corpus against the library: what names delegate to, what they bind to, where requests are sent.
@Suite struct NamingCorpusTests {
  @Test func thereAreManyCases() {
    #expect(NamingCase.all.count >= 250)
    #expect(Set(NamingCase.all.map(\.title)).count == NamingCase.all.count)
  }

  @Test(arguments: NamingCase.all.filter { $0.refused == nil })
  func bound(_ c: NamingCase) throws {
    let delegation = try delegation(of: c)
    let states = try NamingStates(c)
    let tree = explain(delegation, states: states.state)
    #expect(tree.state.rawValue == c.result)
    #expect(c.result != "failed" || failureCode(tree) == c.code)
    if !c.bound.isEmpty {
      #expect(delegation.boundTree(states: states.state)?.map(states.leaf).description == c.bound)
    }
    if !c.steps.isEmpty { #expect(delegation.visited.map(\.description) == c.steps) }
    if c.result == "bound", !c.shares.isEmpty {
      #expect(explainedShares(tree, states) == c.shares)
      let picked = pickedShares(delegation, states)
      #expect(isClose(picked, c.shares), "\(picked)")
    }
  }

  @Test(arguments: NamingCase.all.filter { $0.refused != nil })
  func refused(_ c: NamingCase) throws {
    let refused = try #require(c.refused)
    let error = #expect(throws: NamingError.self) {
      switch refused.what {
      case "name": _ = try Path(parsing: c.name)
      case "dtab": _ = try Dtab(parsing: c.dtab)
      default: _ = try RequestRules.parse(request: [c.request])
      }
    }
    let isSaid = error?.message.contains(refused.why) == true
    #expect(isSaid, "\(error?.message ?? "")")
  }

  private func delegation(of c: NamingCase) throws -> Delegation {
    var rules = RuleIndex(try entries(c.dtab))
    for split in c.splits {
      rules.insert(
        RuleEntry.split(
          name: split.name, revision: 1, prefix: try Prefix(parsing: split.prefix),
          backends: try split.backends.map { backend in
            let weight = Weight(UInt32(backend.weight))
            return (backend.name, Weighted(weight: weight, tree: try NameTree(parsing: backend.destination)))
          }, onUnbound: try #require(OnUnbound(rawValue: split.onUnbound))))
    }
    return Interpreter.delegate(
      try Path(parsing: c.name), rules: rules,
      local: try RequestRules.parse(context: [c.context], request: [c.request]))
  }

  /// Of the failure that everything comes to.
  private func failureCode(_ tree: ExplainTree) -> String {
    if tree.kind == .failure { return tree.code }
    if tree.kind == .leaf, tree.state == .failed { return NamingFailure.name(.root).code }
    return tree.children.first { $0.state == .failed }.map(failureCode) ?? ""
  }

  private func explainedShares(_ tree: ExplainTree, _ states: NamingStates) -> [String] {
    var shares = Shares()
    add(tree, states, to: &shares)
    shares.fill(with: "none")
    return shares.listed
  }

  private func add(_ tree: ExplainTree, _ states: NamingStates, to shares: inout Shares) {
    guard tree.isChosen else { return }
    switch (tree.state, tree.kind) {
    case (.bound, .leaf): shares.add(tree.part, to: states.text(tree.path, tree.residual))
    case (.bound, _): for child in tree.children { add(child, states, to: &shares) }
    case (.pending, _): shares.add(tree.part, to: "pending")
    case (.empty, _), (.negative, _), (.fail, _), (.failed, _): shares.add(tree.part, to: "none")
    }
  }

  /// What requests get, from 2000 of them.
  private func pickedShares(_ delegation: Delegation, _ states: NamingStates) -> [String: Double] {
    var sequences: [UInt64] = []
    let route = RouteTree(delegation, state: states.state, cluster: { _ in 0 }) { _ in
      sequences.append(UInt64(sequences.count) &* 0x51_7c_c1_b7_27_22_0a_95)
      return Int32(sequences.count - 1)
    }
    var counts: [String: Int] = [:]
    for _ in 0..<2000 {
      let end: String
      switch route.pick(&sequences, isReady: { _ in true }) {
      case .leaf(let index): end = states.text("\(route.leaves[index].name)", "\(route.leaves[index].residual)")
      case .pending: end = "pending"
      case .noEndpoints, .noRoute, .failed: end = "none"
      }
      counts[end, default: 0] += 1
    }
    return counts.mapValues { Double($0) / 20 }
  }

  /// Within two per cent of all requests: draws of 2000 requests against shares to a hundredth.
  private func isClose(_ picked: [String: Double], _ shares: [String]) -> Bool {
    var expected: [String: Double] = [:]
    for text in shares {
      let words = text.split(separator: " ", maxSplits: 2).map(String.init)
      expected[words[2]] = Double(words[0])
    }
    return Set(picked.keys).union(expected.keys).allSatisfy { abs((picked[$0] ?? 0) - (expected[$0] ?? 0)) < 2 }
  }
}

/// The states of a case's concrete names.
private struct NamingStates {
  private let states: [Path: NamingCase.State]

  init(_ c: NamingCase) throws {
    states = try c.states.reduce(into: [:]) { $0[try Path(parsing: $1.key)] = $1.value }
  }

  func state(_ name: Path) -> NameState {
    switch states[name]?.state {
    case nil, "bound": .bound
    case "pending": .pending
    case "negative": .negative
    default: .failed
    }
  }

  /// What a leaf is called once its namer has said how much of the name it took.
  func leaf(_ leaf: ConcreteLeaf) -> String { text(leaf.name.description, leaf.residual.description) }

  func text(_ name: String, _ residual: String) -> String {
    let left = residual == "/" ? "" : residual
    guard let path = try? Path(parsing: name), let known = states[path], !known.id.isEmpty else {
      return left.isEmpty ? name : "\(name) + \(left)"
    }
    return known.residual + left == "" ? known.id : "\(known.id) + \(known.residual + left)"
  }
}
