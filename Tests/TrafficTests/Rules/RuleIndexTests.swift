import MeshProtocol
import TestSupport
import Testing

@testable import Traffic

@Suite struct RuleIndexTests {
  /// The trie against the definition: filter all dentries, last one first. Changes go on, and copies stay as they were.
  @Test func agreesWithTheNaiveLookup() {
    var rules = RandomRules(seed: 41)
    var index = RuleIndex()
    var model: [RuleKey: RuleEntry] = [:]
    var copies: [(RuleIndex, [RuleKey: RuleEntry])] = []
    for round in 0..<1500 {
      let number = rules.random.below(60)
      if rules.random.below(3) == 0 {
        #expect(index.remove(.rule("r\(number)")) === model.removeValue(forKey: .rule("r\(number)")))
      } else {
        let entry = rules.entry(number, revision: UInt64(round))
        index.insert(entry)
        model[entry.key] = entry
      }
      if round % 100 == 0 { copies.append((index, model)) }
      compare(index, model, rules.path())
    }
    for (copy, model) in copies {
      for _ in 0..<50 { compare(copy, model, rules.path()) }
    }
  }

  private func compare(_ index: RuleIndex, _ model: [RuleKey: RuleEntry], _ path: Path) {
    let table = model.values.sorted { $1.isPreferred(over: $0) }
    let expected = table.reversed().filter { $0.dentry.prefix.matches(path) }
    let found = index.matches(path)
    #expect(found.map(\.key) == expected.map(\.key), "\(path)")
    #expect(index.count == model.count)
    let trees = found.map { $0.dentry.destination.appending(path.dropFirst($0.dentry.prefix.count)) }
    let tree: NameTree<Path> = trees.isEmpty ? .neg : trees.count == 1 ? trees[0] : .alt(trees)
    #expect(tree == Dtab(table.map(\.dentry)).lookup(path), "\(path)")
  }

  /// Rules that are kept encoded are found as those that are kept read, in the same order, and go again.
  @Test func encodedRulesAreFoundAsReadOnes() throws {
    var rules = RandomRules(seed: 42)
    var (index, model) = (RuleIndex(), RuleIndex())
    var held: [String: ReplicatedResource] = [:]
    for round in 0..<1500 {
      let name = "r\(rules.random.below(60))"
      if let old = held.removeValue(forKey: name) {
        let (prefix, other) = (index.remove(old), model.remove(.rule(name))?.dentry.prefix)
        #expect(prefix != nil && prefix == other)
      }
      if rules.random.below(3) > 0 {
        let entry = rules.entry(round)
        let resource = try encoded(entry, name: name, sortKey: UInt8(rules.random.below(9)))
        held[name] = resource
        let prefix = index.insert(resource)
        #expect(prefix == entry.dentry.prefix)
        model.insert(try #require(RuleEntry(resource.resource)))
      }
      let path = rules.path()
      #expect(same(index.matches(path), model.matches(path)), "\(path)")
      #expect(index.count == model.count && index.isPruned)
    }
    #expect(same(index.entries, model.entries))
    for resource in held.values { index.remove(resource) }
    #expect(index.count == 0 && index.isPruned)
  }

  private func same(_ a: [RuleEntry], _ b: [RuleEntry]) -> Bool {
    a.elementsEqual(b) { $0.isSame(as: $1) && $0.dentry == $1.dentry && $0.origin == $1.origin }
  }

  private func encoded(_ entry: RuleEntry, name: String, sortKey: UInt8) throws -> ReplicatedResource {
    var wire = Heddle_Mesh_V1_Resource()
    wire.key.kind = .rule
    wire.key.name = name
    wire.revision = 300
    wire.rule.prefix = entry.dentry.prefix.description
    wire.rule.destination = entry.dentry.destination.description
    wire.rule.sortKey = .init([sortKey])
    return try ReplicatedResource(reading: wire.encodedBytes())
  }

  /// Most nodes of a large table are one rule: what a node takes is taken for each rule.
  @Test func aNodeIsOnePointer() {
    #expect(MemoryLayout<RuleNode>.size == MemoryLayout<Int>.size)
    #expect(MemoryLayout<StoredRule>.size == MemoryLayout<Int>.size)
  }

  @Test func removalLeavesNothingBehind() throws {
    let all = try entries("/ => /x; /a/*/c => /x; /a/b => /x; /*/* => /x; /a/b/c/d => /y; /a/b => /z")
    var index = RuleIndex(all)
    #expect(index.entries.map(\.key.name) == ["r0", "r1", "r2", "r3", "r4", "r5"])
    for entry in all.shuffled() { #expect(index.remove(entry.key) === entry) }
    #expect(index.count == 0)
    #expect(index.isPruned)
    #expect(index.remove(.rule("r0")) == nil)
  }

  @Test func sameKeyReplaces() throws {
    var index = RuleIndex(try entries("/a => /x"))
    let moved = RuleEntry(
      origin: .rule(id: "r0", revision: 2), order: RuleOrder(tier: .rules, position: 0),
      dentry: try Dentry(parsing: "/b => /y"))
    index.insert(moved)
    #expect(index.count == 1)
    #expect(index.matches(try Path(parsing: "/a")).isEmpty)
    #expect(index.matches(try Path(parsing: "/b"))[0] === moved)
  }

  /// naming.md, difference 5: proxy file, rules in order, splits by length, `l5d-ctx-dtab`, `l5d-dtab`.
  @Test func effectiveOrder() throws {
    let dentry = try Dentry(parsing: "/svc => /x")
    func split(_ name: String, _ prefix: String) throws -> RuleEntry {
      .split(
        name: name, revision: 1, prefix: try Prefix(parsing: prefix),
        backends: [("one", Weighted(weight: .one, tree: dentry.destination))])
    }
    var index = RuleIndex(RuleEntry.file(Dtab([dentry, dentry])))
    index.insert(try split("long", "/svc/users"))
    index.insert(try split("short", "/svc"))
    index.insert(.rule(id: "late", revision: 1, sortKey: [9], dentry: dentry))
    index.insert(.rule(id: "early", revision: 1, sortKey: [5, 200, 1], dentry: dentry))
    let local = try RequestRules.parse(context: ["/svc => /c"], request: ["/svc => /r; /svc => /s"])
    let path = try Path(parsing: "/svc/users")
    let delegation = Interpreter.delegate(path, rules: index, local: local)
    guard case .lookup(_, let steps) = delegation.tree else {
      Issue.record("no rules found")
      return
    }
    let keys = steps.map(\.source.description)
    #expect(
      keys == [
        "request 2", "request 1", "request 0", "split long", "split short", "rule late", "rule early", "file 1",
        "file 0",
      ])
  }
}
