import MeshProtocol
import Testing
import Traffic

@Suite struct ExplainTests {
  private func drawn(
    _ dtab: String, _ name: String, states: [String: NameState] = [:], onUnbound: OnUnbound = .guard
  ) throws -> [String] {
    let rules = RuleIndex(try entries(dtab, onUnbound: onUnbound))
    let delegation = Interpreter.delegate(try Path(parsing: name), rules: rules)
    return explain(delegation) { states[$0.description] ?? .bound }.drawn()
  }

  @Test func oneRule() throws {
    #expect(
      try drawn("/svc => /#/registry", "/svc/users/x") == [
        "* /svc/users/x",
        "└─ * /#/registry/users + /x [rules r0@1 /svc => /#/registry] bound",
      ])
  }

  /// The reference's cases 151 to 155: every branch, also those that binding never reaches.
  @Test func delegationTraces() throws {
    let dtab = """
      /beh => /#/error; /bah/humbug => /$/inet/127.1/8080; /foo => /bah | /beh | /$/fail; /foo => /bar; /boo => /foo;
      /meh => /heh; /neg => ~
      """
    let states = ["/#/error/humbug": NameState.failed]
    #expect(try drawn(dtab, "/nope", states: states) == ["* /nope negative (no rule matches)"])
    #expect(
      try drawn(dtab, "/boo/humbug", states: states) == [
        "* /boo/humbug",
        "└─ * /foo/humbug [rules r4@1 /boo => /foo]",
        "   ├─ - /bar/humbug [rules r3@1 /foo => /bar] negative (no rule matches)",
        "   └─ * | [rules r2@1 /foo => /bah | /beh | /$/fail] (the first that is not negative)",
        "      ├─ * /bah/humbug (first)",
        "      │  └─ * /$/inet/127.1/8080 [rules r1@1 /bah/humbug => /$/inet/127.1/8080] bound",
        "      ├─ - /beh/humbug (stands by until nothing before it is ready)",
        "      │  └─ - /#/error/humbug [rules r0@1 /beh => /#/error] failed (its namer failed before any answer)",
        "      └─ - /$/fail/humbug (stands by until nothing before it is ready)",
        "         └─ - ! [built-in /$/fail]",
      ])
    #expect(
      try drawn("/nah=>/#/namer", "/nah/bro") == ["* /nah/bro", "└─ * /#/namer/bro [rules r0@1 /nah => /#/namer] bound"])
  }

  @Test func missingShares() throws {
    let dtab = "/svc => /#/c; /svc => 60*/#/v1 & 40*/#/v2"
    #expect(
      try drawn(dtab, "/svc", states: ["/#/v1": .negative]) == [
        "* /svc",
        "├─ * & [rules r1@1 /svc => 60*/#/v1 & 40*/#/v2] (60 % missing: goes to the next alternative, or fails; first)",
        "│  ├─ - 0 % /#/v1 negative (no such name; not bound)",
        "│  └─ * 40 % /#/v2 bound",
        "└─ * /#/c [rules r0@1 /svc => /#/c] bound (takes the missing share of those before)",
      ])
    let taken = try drawn("/svc => 99*/#/v1 & 1*/#/v2", "/svc", states: ["/#/v2": .failed])
    #expect(taken[1].hasSuffix("(1 % not bound: the others take it)"))
    let failing = try drawn("/svc => 99*/#/v1 & 1*/#/v2", "/svc", states: ["/#/v2": .failed], onUnbound: .fail)
    #expect(failing[1].hasSuffix("(1 % missing: fails)"))
    let zero = try drawn("/svc => 0*/#/v1 & 0*/#/v2", "/svc")
    #expect(zero[1].hasSuffix("(all weights are zero)"))
  }

  @Test func valuesOfASplit() throws {
    let split = RuleEntry.split(
      name: "users", revision: 12, prefix: try Prefix(parsing: "/svc/users"),
      backends: [
        ("v1", Weighted(weight: Weight(3), tree: try NameTree(parsing: "/#/registry/users-v1"))),
        ("v2", Weighted(weight: Weight(1), tree: try NameTree(parsing: "/#/registry/users-v2"))),
      ])
    let local = try RequestRules.parse(context: ["/svc/x => /svc/users"])
    let delegation = Interpreter.delegate(try Path(parsing: "/svc/x"), rules: RuleIndex([split]), local: local)
    let tree = explain(delegation) { _ in .pending }
    #expect(tree.state == .pending)
    let hop = try #require(tree.children.first)
    #expect(hop.rule == .init(tier: "context", id: "0", revision: 0, dentry: "/svc/x => /svc/users"))
    let union = try #require(hop.children.first)
    #expect(union.kind == .union)
    #expect(
      union.rule
        == .init(
          tier: "splits", id: "users", revision: 12,
          dentry: "/svc/users => 3*/#/registry/users-v1 & /#/registry/users-v2"))
    #expect(union.children.map(\.branch) == ["v1", "v2"])
    #expect(union.children.map(\.share) == [0.75, 0.25])
    #expect(union.children.map(\.weight) == [3, 1])
    #expect(union.children.map(\.path) == ["/#/registry/users-v1", "/#/registry/users-v2"])
  }

  @Test func whyNotReached() throws {
    let stopped = try drawn("/svc => /#/b; /svc => ! | /#/a", "/svc")
    #expect(stopped.last?.hasSuffix("(not reached: an earlier one stops the search)") == true)
    let failed = try drawn("/svc => /#/b; /svc => /#/a", "/svc", states: ["/#/a": .failed])
    #expect(failed.last?.hasSuffix("(not reached: errors do not fall through)") == true)
    let pending = try drawn("/svc => /#/b; /svc => /#/a", "/svc", states: ["/#/a": .pending])
    #expect(pending.last?.hasSuffix("(not decided: an earlier one is pending)") == true)
    let bound = try drawn("/svc => /#/b; /svc => /#/a", "/svc")
    #expect(bound.last?.hasSuffix("(not reached: an earlier one is bound)") == true)
    let loop = try drawn("/svc => /svc", "/svc")
    #expect(loop.count == 101)
    #expect(loop.last?.contains("Max recursion level: 100 reached in Namer lookup of /svc, through /svc=>/svc") == true)
  }

  /// What is drawn as chosen is what requests get.
  @Test func agreesWithTheRoute() throws {
    var rules = RandomRules(seed: 61)
    let states: [NameState] = [.bound, .pending, .negative, .failed]
    for _ in 0..<600 {
      let index = RuleIndex((0..<5).map { rules.entry($0) })
      let delegation = Interpreter.delegate(rules.path(1...3), rules: index, depthLimit: 3)
      var known: [String: NameState] = [:]
      for name in delegation.concreteNames { known[name.description] = states[rules.random.below(4)] }
      let tree = explain(delegation) { known[$0.description] ?? .pending }
      var route = TestRoute(delegation, states: known)
      let pick = route.pick()
      switch tree.state {
      case .pending: #expect(pick == "pending")
      case .negative: #expect(pick == "no route: negative")
      case .fail: #expect(pick == "no route: fail")
      case .empty: #expect(pick == "no endpoints: empty")
      case .failed: #expect(pick.hasPrefix("failed"))
      case .bound:
        let certain = chosenLeaves(tree)
        if pick.hasPrefix("/"), !hasMissing(tree) { #expect(certain.contains(pick), "\(pick): \(tree.drawn())") }
      }
    }
  }

  private func chosenLeaves(_ tree: ExplainTree) -> Set<String> {
    guard tree.isChosen else { return [] }
    if tree.kind == .leaf { return [tree.residual.isEmpty ? tree.path : "\(tree.path) + \(tree.residual)"] }
    return tree.children.reduce(into: []) { $0.formUnion(chosenLeaves($1)) }
  }

  private func hasMissing(_ tree: ExplainTree) -> Bool {
    tree.missingShare > 0 || tree.children.contains { hasMissing($0) }
  }
}
