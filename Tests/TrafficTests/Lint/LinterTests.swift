import MeshProtocol
import TestSupport
import Testing

@testable import Traffic

@Suite struct LinterTests {
  /// `code rule place` of everything found in a table of `r0`, `r1`, …
  private func found(_ dtab: String, namers: Set<String> = ["registry"]) throws -> [String] {
    let entries = try entries(dtab)
    let linter = Linter(RuleIndex(entries)) { namers.contains($0.segments[1].text) }
    return entries.flatMap { linter.findings($0) }.map { finding in
      "\(finding.code.rawValue) \(finding.rule.name)" + (finding.place.map { " \($0)" } ?? "")
    }
  }

  @Test(arguments: [
    // What is usual is not found.
    ("/svc => /#/registry ; /svc/users => /#/registry/a | /#/registry/b", []),
    ("/svc => /$/inet ; /host => /svc", []),
    ("/a => /b ; /b => /#/registry/x & 0*/#/registry/y", []),
    ("/a => /$/io.buoyant.hostportPfx/b ; /b => /#/registry", []),
    ("/a => /b ; /*/c => /#/registry/x", []),
    // Behind what never falls through.
    ("/svc/users => /#/registry/a ; /svc => !", ["unreachable_rule r0", "shadows r1"]),
    ("/svc => /#/registry/a ; /svc => $", ["unreachable_rule r0", "shadows r1"]),
    ("/svc => /#/registry/a ; /svc => /$/inet/127.0.0.1/80", ["unreachable_rule r0", "shadows r1"]),
    ("/svc/*/x => /#/registry/a ; /svc/* => !", ["unreachable_rule r0", "shadows r1"]),
    ("/svc/u => /#/registry/a ; /*/u => /#/registry/b | !", ["unreachable_rule r0", "shadows r1"]),
    ("/svc => ! ; /svc/users => /#/registry/a", []),
    ("/svc/*/x => /#/registry/a ; /svc/u => !", []),
    ("/svc => /#/registry/a ; /svc/u => !", []),
    ("/svc => /#/registry/a ; /svc => ~", []),
    ("/svc => /#/registry/a ; /svc => /$/inet", []),
    ("/svc => /#/registry/a ; /svc => 9*/#/registry/b & 1*!", []),
    ("/svc => /#/registry/a ; /svc => 9*$ & 1*/$/nil", ["unreachable_rule r0", "shadows r1"]),
    // Twice.
    ("/svc => /#/registry/a ; /svc => /#/registry/a", ["duplicate r0", "duplicate r1"]),
    ("/svc => /#/registry/a ; /svc => /#/registry/a | ~", ["duplicate r0", "duplicate r1"]),
    ("/svc => /#/registry/a ; /svc => /#/registry/b", []),
    // In one tree.
    ("/svc => /#/registry/a | ! | /#/registry/b", ["unreachable_alternative r0 2"]),
    ("/svc => /$/inet/1/2 | /#/registry/b | /#/registry/c", ["unreachable_alternative r0 1"]),
    ("/svc => /#/registry/a | (~ | $) | /#/registry/b", ["unreachable_alternative r0 3"]),
    ("/svc => 0*/#/registry/a & 0*/#/registry/b", ["zero_weights r0 0"]),
    ("/svc => 1*/#/registry/a & 1*(0*/#/registry/b & 0*$)", ["zero_weights r0 1"]),
    // Names that lead nowhere.
    ("/svc => /#/nobody/x", ["unknown_namer r0 0"]),
    ("/svc => /#/registry/a | /#/nobody", ["unknown_namer r0 1"]),
    ("/svc => /$/com.example/x", ["never_binds r0 0"]),
    ("/svc => /$/inet/host/port", ["never_binds r0 0"]),
    ("/svc => /$/io.buoyant.hostportPfx/a/b:c:d", ["never_binds r0 0"]),
    ("/svc => /host/x", ["dead_end r0 0"]),
    ("/svc => /host/x ; /host/y => /#/registry", ["dead_end r0 0"]),
    ("/svc => /host/x ; /host/x/y => /#/registry", []),
    ("/svc => /#/nobody/x ; /#/nobody => /#/registry", []),
  ])
  func finds(_ dtab: String, _ expected: [String]) throws {
    #expect(try found(dtab).sorted() == expected.sorted())
  }

  @Test func namesWhatWinsAndWhatToDo() throws {
    let rules = try entries("/svc/users => /#/registry/a ; /svc => !")
    let linter = Linter(RuleIndex(rules)) { _ in true }
    #expect(
      linter.findings(rules[0]).map(\.message) == [
        "rule r0 is never reached: rule r1 (/svc=>!) wins and never falls through; remove it, or move it behind rule r1"
      ])
  }

  /// What the linter calls unreachable is never picked, and what follows an alternative it calls a stop is not either.
  @Test func unreachableRulesAreNotReached() throws {
    var rules = RandomRules(seed: 97)
    var checked = 0
    for _ in 0..<400 {
      let entries = (0..<6).map { rules.entry($0) }
      let index = RuleIndex(entries)
      let linter = Linter(index) { _ in true }
      let unreachable = entries.filter { entry in
        linter.findings(entry).contains { $0.code == .unreachableRule }
      }
      guard !unreachable.isEmpty else { continue }
      checked += 1
      for _ in 0..<2 {
        let delegation = Interpreter.delegate(rules.path(1...3), rules: index, depthLimit: 3)
        let tree = explain(delegation) { _ in rules.random.below(2) == 0 ? .bound : .negative }
        for entry in unreachable { #expect(!reaches(tree, entry), "\(entry.dentry): \(tree.drawn())") }
      }
    }
    #expect(checked > 20)
  }

  /// Whether requests come to `entry` at a step where its winner stands as well: everywhere it matches.
  private func reaches(_ tree: ExplainTree, _ entry: RuleEntry) -> Bool {
    if tree.isChosen, tree.rule?.id == entry.key.name, tree.rule?.tier == "\(entry.order.tier)" { return true }
    return tree.children.contains { reaches($0, entry) }
  }

  @Test func aLargeTableCostsNoMore() throws {
    var entries = try entries((0..<3000).map { "/svc/s\($0) => /#/registry/s\($0)" }.joined(separator: ";"))
    entries += try TrafficTests.entries("/svc => /#/registry ; /svc => !", first: 3000)
    let linter = Linter(RuleIndex(entries)) { _ in true }
    let found = linter.findings(entries[3001])
    #expect(found.map(\.code) == [.shadows])
    #expect(found[0].message.contains("and others"))
    #expect(linter.findings(entries[7]).map(\.code) == [.unreachableRule])
  }
}
