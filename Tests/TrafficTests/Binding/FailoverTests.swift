import MeshProtocol
import Testing
import Traffic

/// naming.md, difference 2: written alternatives yield by health too, implied ones by naming only.
@Suite struct FailoverTests {
  @Test(
    arguments: [
      ("/svc => /#/a | /#/b", ["/#/a"], "/#/b"),
      ("/svc => /#/a | /#/b", [], "/#/a"),
      ("/svc => /#/a | /#/b", ["/#/b"], "/#/a"),
      ("/svc => /#/a | /#/b", ["/#/a", "/#/b"], "/#/a"),
      ("/svc => /#/a | /#/b | /#/c", ["/#/a", "/#/b"], "/#/c"),
      ("/svc => /#/a | (/#/b | /#/c)", ["/#/a", "/#/b"], "/#/c"),
      ("/svc => (/#/a | /#/b) | /#/c", ["/#/a", "/#/b"], "/#/c"),
      // A rule below another one is no failover: an outage of prod must not reach staging.
      ("/svc => /#/staging; /svc => /#/prod", ["/#/prod"], "/#/prod"),
      ("/svc => /x | /#/b; /x => /#/a1; /x => /#/a2", ["/#/a2"], "/#/b"),
      // Where a search stops, health does not go on.
      ("/svc => /#/a | ! | /#/b", ["/#/a"], "/#/a"),
      ("/svc => /#/a | $ | /#/b", ["/#/a"], "/#/a"),
    ] as [(String, [String], String)])
  func health(_ dtab: String, _ unready: [String], _ expected: String) throws {
    var route = try TestRoute(dtab)
    #expect(route.pick(unready: Set(unready)) == expected)
  }

  @Test func unionsYieldOnlyWhole() throws {
    var route = try TestRoute("/svc => 1*/#/a & 1*/#/b & 0*/#/z | /#/c")
    #expect(route.shares(unready: ["/#/a"]) == "50 % /#/a, 50 % /#/b")
    #expect(route.shares(unready: ["/#/a", "/#/b"]) == "100 % /#/c", "a branch of weight 0 keeps nothing ready")
    #expect(route.shares(unready: ["/#/a", "/#/b", "/#/c"]) == "50 % /#/a, 50 % /#/b")
  }

  @Test func namesOnTheirWayAreNotReady() throws {
    var route = try TestRoute("/svc => /#/a | /#/b | /#/c", states: ["/#/b": .pending])
    #expect(route.pick() == "/#/a")
    #expect(route.pick(unready: ["/#/a"]) == "/#/c")
    #expect(route.pick(unready: ["/#/a", "/#/c"]) == "/#/a")
    var failed = try TestRoute("/svc => /#/a | /#/b", states: ["/#/b": .failed])
    #expect(failed.pick(unready: ["/#/a"]) == "/#/a")
  }

  @Test func missingShareFollowsHealth() throws {
    var route = try TestRoute("/svc => 60*/#/v1 & 40*/#/v2 | /#/c | /#/d", states: ["/#/v1": .negative])
    #expect(route.shares() == "40 % /#/v2, 60 % /#/c")
    #expect(route.shares(unready: ["/#/c"]) == "40 % /#/v2, 60 % /#/d")
    #expect(route.shares(unready: ["/#/v2", "/#/c"]) == "100 % /#/d")
  }

  @Test func byNamingOnlyOnRequest() throws {
    var route = try TestRoute("/svc => /#/a | /#/b", failover: .naming)
    #expect(route.pick(unready: ["/#/a"]) == "/#/a")
    #expect(route.route.leaves.map { "\($0.name)" } == ["/#/a"])
  }
}
