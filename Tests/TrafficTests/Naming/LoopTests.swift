import MeshProtocol
import Testing

@testable import Traffic

@Suite struct LoopTests {
  private func failure(_ tree: DelegatedTree) -> NamingFailure? {
    switch tree {
    case .failure(let failure): failure
    case .lookup(_, let steps): steps.first.flatMap { failure($0.tree) }
    default: nil
    }
  }

  @Test(arguments: [
    ("/s => /s/srv", "/s/foo/bar", 2, ["/s=>/s/srv"]),
    ("/s => /s/srv", "/s/foo/bar", 100, ["/s=>/s/srv"]),
    ("/a => /b; /b => /c; /c => /b", "/a", 100, ["/c=>/b", "/b=>/c"]),
    ("/x => /a; /a => /b; /b => /a", "/x", 101, ["/a=>/b", "/b=>/a"]),
  ])
  func loopsNameTheirDentries(_ dtab: String, _ path: String, _ limit: Int, _ dentries: [String]) throws {
    let found = failure(try delegate(dtab, path, depthLimit: limit).tree)
    guard case .loop(let reached, _, let loop) = found else {
      Issue.record("\(String(describing: found))")
      return
    }
    #expect(reached == limit)
    #expect(Set(loop.map(\.description)) == Set(dentries))
    #expect(loop.count == dentries.count)
    #expect(found?.code == "naming-loop")
    #expect(found?.description.hasPrefix("Max recursion level: \(limit) reached in Namer lookup") == true)
  }

  /// A chain of exactly `depthLimit` lookups, the concrete name's included, still binds.
  @Test func longChains() throws {
    let chain = (0..<99).map { "/n\($0) => /n\($0 + 1)" }.joined(separator: ";") + "; /n99 => /#/registry/x"
    #expect(try delegate(chain, "/n1").concreteNames.count == 1)
    let tooLong = try delegate(chain, "/n0")
    #expect(tooLong.concreteNames.isEmpty)
    guard case .loop(_, _, let dentries) = failure(tooLong.tree) else {
      Issue.record("no failure")
      return
    }
    #expect(dentries.count == 100)
  }

  /// Rules that double at each step, that grow the path, that nest: all end soon, with a failure where they were cut.
  @Test(arguments: [
    "/a => /a & /a", "/a => /a | /a", "/a => /b & /b; /b => /a & /a", "/a => ~ | (! & (~ | (/a & ! | /a)))",
    "/ => /x & /y", "/*/* => /a/b | /c/d",
  ])
  func explosions(_ dtab: String) throws {
    var route = try TestRoute(dtab, "/a/b")
    #expect(route.delegation.visited.count <= Interpreter.lookupLimit)
    #expect(route.pick() == "failed: naming-loop")
  }

  @Test func longPathsEnd() throws {
    let grow = "/a => /a" + String(repeating: "/x", count: 900)
    var route = try TestRoute(grow, "/a")
    #expect(route.delegation.visited.allSatisfy { $0.count <= NamingLimits.segments })
    #expect(route.pick() == "failed: naming-loop")
  }

  @Test func deepTreesEnd() throws {
    var tree = "/s"
    for _ in 0..<60 { tree = "! & (\(tree))" }
    let delegation = try delegate("/s => \(tree)", "/s")
    let oneDestination = 2 * NamingLimits.nesting  // the limit is looked at where a path is looked up
    #expect(depth(explain(delegation) { _ in .bound }) <= Interpreter.depthLimit + oneDestination)
  }

  private func depth(_ tree: ExplainTree) -> Int { 1 + (tree.children.map { depth($0) }.max() ?? 0) }

  /// Many alternatives on one name: those beyond the limit fail, and only when a request gets there.
  @Test func wideTablesServeTheirFirstAlternatives() throws {
    let wide = (0..<2000).map { "/a => /#/n/\($0)" }.joined(separator: ";")
    var route = try TestRoute(wide, "/a", states: ["/#/n/1999": .negative])
    #expect(route.pick() == "/#/n/1998")
    var none = try TestRoute(wide, "/a", others: .negative)
    #expect(none.pick() == "failed: naming-loop")
  }

  @Test(arguments: [
    ("", "/s => /s/srv", true),
    ("", "/svc => /svc/v2 | /#/registry", true),
    ("", "/svc/x => /#/registry/x | /svc/x", true),
    ("/b => /a", "/a => /b", true),
    ("/b/c => /a/c", "/a => /b", true),
    ("/b/*/c => /a/q/c", "/a => /b", true),
    ("", "/svc => /#/registry", false),
    ("/svc => /#/registry", "/svc/E => /svc/P/svc/E", false),
    ("/svc => /#/registry", "/svc/B => /svc/B2", false),
    ("/s => /s/srv", "/t => /#/registry", false),
    ("/s => /s/srv", "/t => /s", false),
  ])
  func visibleLoops(_ stored: String, _ written: String, _ isLoop: Bool) throws {
    let new = try entries(written, first: 100)
    let index = RuleIndex(try entries(stored) + new)
    let found = Interpreter.visibleLoop(through: new, in: index)
    #expect((found != nil) == isLoop, "\(String(describing: found))")
  }
}
