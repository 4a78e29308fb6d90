import MeshProtocol
import Testing

@testable import Traffic

@Suite struct RequestRulesTests {
  @Test func linesAreConcatenatedInOrder() throws {
    let rules = try RequestRules.parse(context: ["/a=>/b"], request: ["/c=>/d;/e=>/f;", "", "/g=>/h"])
    #expect(rules.map(\.dentry.description) == ["/a=>/b", "/c=>/d", "/e=>/f", "/g=>/h"])
    #expect(rules.map(\.origin) == [.request(0), .request(1), .request(2), .request(3)])
    #expect(rules.map(\.order.tier) == [.context, .request, .request, .request])
    #expect(rules.map(\.order) == rules.map(\.order).sorted())
    #expect(RequestRules.text(rules) == "/a=>/b;/c=>/d;/e=>/f;/g=>/h")
  }

  @Test func limit() throws {
    let full = String(repeating: "/a=>/b;", count: 200)
    #expect(try RequestRules.parse(request: [full]).count == 200)
    #expect { try RequestRules.parse(context: [full], request: [full]) } throws: { error in
      (error as? NamingError)?.expected == "at most 56 dentries"
    }
  }

  /// naming.md, difference 10: the debug proxy's own call must not come back to it.
  @Test func spentDentriesStay() throws {
    let rules = try RequestRules.parse(request: ["/svc/E => /svc/P/svc/E ; /svc/B => /svc/B2"])
    let delegation = Interpreter.delegate(
      try Path(parsing: "/svc/E"), rules: RuleIndex(try entries("/svc => /#/registry")), local: rules)
    let route = TestRoute(delegation)
    let leaf = try #require(route.route.leaves.first)
    #expect("\(leaf.name)" == "/#/registry/P")
    #expect("\(leaf.residual)" == "/svc/E")
    #expect(RequestRules.text(RequestRules.travelling(rules, residual: leaf.residual)) == "/svc/B=>/svc/B2")
    #expect(RequestRules.travelling(rules, residual: .root).count == 2)
  }
}
