import MeshProtocol
import TestSupport
import Testing

@testable import Traffic

@Suite struct DelegationTests {
  static let iceCream = """
    /iceCreamStore => /smitten; /smitten/try => /smittenLocation/waitInLine/thenTry;
    /smittenLocation => /sanfrancisco/octavia/432; /california => /USA/CA; /sanfrancisco => /california/SF
    """

  @Test func stepsOfTheIceCreamStore() throws {
    let delegation = try delegate(Self.iceCream, "/iceCreamStore/try/allFlavors")
    #expect(
      delegation.visited.map(\.description) == [
        "/iceCreamStore/try/allFlavors", "/smitten/try/allFlavors", "/smittenLocation/waitInLine/thenTry/allFlavors",
        "/sanfrancisco/octavia/432/waitInLine/thenTry/allFlavors",
        "/california/SF/octavia/432/waitInLine/thenTry/allFlavors",
        "/USA/CA/SF/octavia/432/waitInLine/thenTry/allFlavors",
      ])
    #expect(delegation.concreteNames.isEmpty)
  }

  @Test func everyBranchIsFollowed() throws {
    let delegation = try delegate(
      "/svc => /#/a | /#/b/x & 0*/#/c; /svc => ! | /#/d; /#/d => /#/e", "/svc/u")
    #expect(delegation.concreteNames.map(\.description) == ["/#/e/u", "/#/a/u", "/#/b/x/u", "/#/c/u"])
  }

  @Test func localRulesWin() throws {
    let local = try delegate("/s/foo=>/$/inet/1234", "/s/foo", local: "/s/foo=>/$/inet/5678")
    #expect(local.concreteNames.first?.description == "/$/inet/5678")
    #expect(try delegate("", "/foo/fah", local: "/foo => /bar").concreteNames.isEmpty)
  }

  /// Rules may capture `/#/…` and `/$/…`; a lone `~` is as no rule, two are not.
  @Test(arguments: [
    ("/#/a => /#/b", "/#/a", ["/#/b"]),
    ("/$/inet => /#/registry", "/$/inet/80", ["/#/registry/80"]),
    ("/#/a => ~", "/#/a", ["/#/a"]),
    ("/#/a => ~; /#/a => ~", "/#/a", []),
    ("/#/a => ~; /#/a => /#/b", "/#/a", ["/#/b"]),
    ("/h => /$/io.buoyant.hostportPfx/#", "/h/registry:80", ["/#/registry/80"]),
  ])
  func capture(_ dtab: String, _ path: String, _ names: [String]) throws {
    #expect(try delegate(dtab, path).concreteNames.map(\.description) == names)
  }

  @Test func splitsNameTheirBranches() throws {
    let one = Weighted(weight: .one, tree: try NameTree<Path>(parsing: "/#/registry/u1"))
    let two = Weighted(weight: .one, tree: try NameTree<Path>(parsing: "/inner/x | /#/registry/u2"))
    let outer = RuleEntry.split(
      name: "users", revision: 7, prefix: try Prefix(parsing: "/svc/u"), backends: [("v1", one), ("v2", two)])
    let inner = RuleEntry.split(
      name: "deep", revision: 8, prefix: try Prefix(parsing: "/inner"), backends: [("only", one)])
    let alone = RuleEntry(
      origin: .split(name: "alone", revision: 1), order: RuleOrder(tier: .splits, position: 9),
      dentry: try Dentry(parsing: "/svc/w => /#/registry/w"), branches: ["w1"])
    let rules = RuleIndex([outer, inner, alone])
    let route = TestRoute(Interpreter.delegate(try Path(parsing: "/svc/u"), rules: rules))
    let seen = Set(route.route.leaves.map { "\($0.name) \($0.split).\($0.branch) \($0.crossings.count)" })
    #expect(seen == ["/#/registry/u1 users.v1 1", "/#/registry/u1 deep.only 2", "/#/registry/u2 users.v2 1"])
    let single = TestRoute(Interpreter.delegate(try Path(parsing: "/svc/w"), rules: rules))
    #expect(single.route.leaves.map { "\($0.split).\($0.branch)" } == ["alone.w1"])
  }

  @Test func overridesThatLeadToSystemNames() throws {
    let rules = "/svc => /#/registry; /ext => /$/inet/example.com"
    #expect(try delegate(rules, "/ext/80").requestedSystemPaths.isEmpty)
    let denied = try delegate(rules, "/svc/a", local: "/svc/a => /ext/80 | /$/inet/10.0.0.1/80")
    #expect(denied.requestedSystemPaths.map(\.description) == ["/$/inet/example.com/80", "/$/inet/10.0.0.1/80"])
    let allowed = [try Prefix(parsing: "/$/inet/example.com"), try Prefix(parsing: "/$/inet/*/443")]
    #expect(denied.deniedOverride(allowing: allowed)?.description == "/$/inet/10.0.0.1/80")
    #expect(denied.deniedOverride(allowing: [try Prefix(parsing: "/$")]) == nil)
  }

  /// Whenever a change of rules alters a delegation, it says so beforehand.
  @Test func affectedIsSound() {
    var rules = RandomRules(seed: 53)
    var altered = 0
    var spared = 0
    for _ in 0..<1200 {
      var index = RuleIndex((0..<6).map { rules.entry($0) })
      let path = rules.path(1...3)
      let before = Interpreter.delegate(path, rules: index, depthLimit: 3)
      let changed = rules.entry(rules.random.below(8))
      let prefixes = [index.remove(changed.key)?.dentry.prefix].compactMap { $0 } + [changed.dentry.prefix]
      if rules.random.below(3) > 0 { index.insert(changed) }
      let after = Interpreter.delegate(path, rules: index, depthLimit: 3)
      if shape(before) != shape(after) {
        altered += 1
        #expect(before.isAffected(by: prefixes), "\(path): \(prefixes)")
      } else if !before.isAffected(by: prefixes) {
        spared += 1
      }
    }
    #expect(altered > 150, "only \(altered) changes did anything: the test says little")
    #expect(spared > 150, "only \(spared) changes were told apart")
  }

  /// Everything that a delegation decides, as numbers: comparing texts would take most of the test's time.
  private func shape(_ delegation: Delegation) -> [Int] {
    var shape: [Int] = []
    add(delegation.tree, to: &shape)
    return shape
  }

  private func add(_ tree: DelegatedTree, to shape: inout [Int]) {
    switch tree {
    case .lookup(let path, let steps):
      shape += [1, path.hashValue, steps.count]
      for step in steps {
        if case .rule(let entry) = step.source { shape.append(entry.dentry.hashValue) }
        add(step.tree, to: &shape)
      }
    case .alternatives(let trees):
      shape += [2, trees.count]
      for tree in trees { add(tree, to: &shape) }
    case .union(let union):
      shape += [3, union.branches.count]
      for branch in union.branches {
        shape.append(branch.weight.hashValue)
        add(branch.tree, to: &shape)
      }
    case .leaf(let leaf): shape += [4, leaf.hashValue]
    case .negative: shape.append(5)
    case .fail: shape.append(6)
    case .empty: shape.append(7)
    case .failure: shape.append(8)
    }
  }
}
