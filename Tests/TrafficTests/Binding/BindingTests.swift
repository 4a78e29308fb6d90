import MeshProtocol
import Testing
import Traffic

/// Where requests go, given what is known of the concrete names: the reference's cases 55–93, with naming.md's
/// differences.
@Suite struct BindingTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let dtab: String
    let states: [String: NameState]
    let expected: String
    var testDescription: String { "\(dtab) \(states)" }

    init(_ dtab: String, _ expected: String, _ states: [String: NameState] = [:]) {
      self.dtab = dtab
      self.states = states
      self.expected = expected
    }
  }

  static let p = NameState.pending
  static let n = NameState.negative
  static let f = NameState.failed

  @Test(arguments: [
    // Unions while names are on their way. A pending branch keeps its share and its requests wait.
    Case("/svc => /#/0 & /#/1", "100 % pending", ["/#/0": p, "/#/1": p]),
    Case("/svc => /#/0 & /#/1", "50 % /#/1, 50 % pending", ["/#/0": p]),
    Case("/svc => /#/0 & /#/1", "50 % /#/0, 50 % /#/1"),
    Case("/svc => /#/0 & /#/1", "100 % no route: negative", ["/#/0": n, "/#/1": n]),
    Case("/svc => /#/0 & /#/1", "100 % failed: binding-timeout", ["/#/0": f, "/#/1": n]),
    Case("/svc => /#/0 & /#/1", "100 % pending", ["/#/0": p, "/#/1": f]),
    Case("/svc => ~ & !", "100 % no route: negative"),
    // Alternatives: on negative only.
    Case("/svc => /#/0 | /#/1 & /#/2", "100 % pending", ["/#/0": p, "/#/1": p, "/#/2": p]),
    Case("/svc => /#/0 | /#/1 & /#/2", "100 % /#/0", ["/#/1": p, "/#/2": p]),
    Case("/svc => /#/0 | /#/1 & /#/2", "100 % /#/2", ["/#/0": n, "/#/1": n]),
    Case("/svc => /#/0 | /#/1", "100 % pending", ["/#/0": p]),
    Case("/svc => /#/0 | /#/1", "100 % failed: binding-timeout", ["/#/0": f]),
    Case("/svc => (! | /#/1 | /#/2)", "100 % no route: fail"),
    Case("/svc => (/$/nil | /$/fail | /#/1)", "100 % no endpoints: empty"),
    Case("/svc => ~ | $ | /#/1", "100 % no endpoints: empty"),
    Case("/svc => ~ | ! | /#/1", "100 % no route: fail"),
    Case("/svc => /$/unknown | /#/1", "100 % failed: no-route"),
    Case("/svc => /#/0 | /#/1; /svc => /#/2", "100 % /#/2"),
    Case("/svc => /#/0; /svc => /#/1 | /#/2", "100 % /#/0", ["/#/1": n, "/#/2": n]),
    Case("/svc => /#/0; /svc => !", "100 % no route: fail"),
    Case("/svc => /#/0; /svc => ~", "100 % /#/0"),
    Case("/svc => /#/0; /svc => $", "100 % no endpoints: empty"),
    // A failing branch of a union is dropped, an empty one keeps its share.
    Case("/svc => /#/0 & !", "100 % /#/0"),
    Case("/svc => 9*/#/1 & 1*$", "10 % no endpoints: empty, 90 % /#/1"),
    Case("/svc => 1*$ & 9*/#/1", "100 % no endpoints: empty", ["/#/1": n]),
    // Weights.
    Case("/svc => 7*/#/a & 2*/#/s & 1*/#/p", "10 % /#/p, 20 % /#/s, 70 % /#/a"),
    Case("/svc => 0*/#/a & 1*/#/b", "100 % /#/b"),
    Case("/svc => 0*/#/a & 0*/#/b", "100 % no endpoints: zeroWeights"),
    Case("/svc => /#/c; /svc => 0*/#/a & 0*/#/b", "100 % no endpoints: zeroWeights"),
    Case("/svc => (0*/#/a & 0*/#/b) | /#/c", "100 % /#/c"),  // by health: nothing there can be ready
    Case("/svc => 3*(1*/#/a & 2*/#/b) & 1*/#/c", "25 % /#/a, 25 % /#/c, 50 % /#/b"),
    Case(
      "/svc => /bar; /svc => 3 * /baz & 2 * /booz & /x; /x => /#/7; /baz => 3 * /#/8 & 2 * /#/9; /booz => ~",
      "25 % /#/7, 30 % /#/9, 45 % /#/8"),
    // The share of what is not bound (guard): the others take it while they hold at least half.
    Case("/svc => 90*/#/v1 & 10*/#/v2", "100 % /#/v1", ["/#/v2": n]),
    Case("/svc => 90*/#/v1 & 10*/#/v2", "100 % /#/v1", ["/#/v2": f]),
    Case("/svc => 50*/#/v1 & 50*/#/v2", "100 % /#/v1", ["/#/v2": n]),
    Case("/svc => 99*/#/v1 & 1*/#/v2", "1 % /#/v2, 99 % no endpoints: missingShare", ["/#/v1": n]),
    Case("/svc => 60*/#/v1 & 40*/#/v2", "40 % /#/v2, 60 % no endpoints: missingShare", ["/#/v1": f]),
    Case(
      "/svc => 60*/#/v1 & 30*/#/v2 & 10*/#/v3", "30 % /#/v2, 60 % no endpoints: missingShare, 10 % pending".sorted,
      ["/#/v1": n, "/#/v3": p]),
    Case("/svc => 60*/#/v1 & 40*/#/v2 | /#/c", "40 % /#/v2, 60 % /#/c", ["/#/v1": n]),
    Case("/svc => /#/c; /svc => 60*/#/v1 & 40*/#/v2", "40 % /#/v2, 60 % /#/c", ["/#/v1": n]),
    Case("/svc => /#/c; /svc => ~; /svc => 60*/#/v1 & 40*/#/v2", "40 % /#/v2, 60 % /#/c", ["/#/v1": n]),
    Case("/svc => 60*/#/v1 & 40*/#/v2 | /#/c", "40 % /#/v2, 60 % pending", ["/#/v1": n, "/#/c": p]),
    Case("/svc => 60*/#/v1 & 40*/#/v2 | /#/c | /#/d", "40 % /#/v2, 60 % pending", ["/#/v1": n, "/#/c": p]),
    Case("/svc => 60*/#/v1 & 40*/#/v2 | /#/c | /#/d", "40 % /#/v2, 60 % /#/d", ["/#/v1": n, "/#/c": n]),
    Case("/svc => 60*/#/v1 & 40*/#/v2 | ! | /#/d", "40 % /#/v2, 60 % no endpoints: missingShare", ["/#/v1": n]),
    Case("/svc => 60*/#/v1 & 40*/#/v2 | $ | /#/d", "40 % /#/v2, 60 % no endpoints: missingShare", ["/#/v1": n]),
    Case(
      "/svc => (60*/#/v1 & 40*/#/v2 | 80*/#/c & 20*/#/d) | /#/e", "40 % /#/v2, 48 % /#/e, 12 % /#/d".sorted,
      ["/#/v1": n, "/#/c": n]),
    Case("/svc => 1*((60*/#/v1 & 40*/#/v2) | /#/c) & 1*/#/d", "20 % /#/v2, 30 % /#/c, 50 % /#/d", ["/#/v1": n]),
    Case("/svc => 1*/#/v1 & 0*/#/v2", "100 % no endpoints: missingShare", ["/#/v1": n]),
    Case("/svc => 1*/#/v1 & 0*/#/v2 | /#/c", "100 % /#/c", ["/#/v1": n]),
    // Zero-weight branches that are not bound are no loss.
    Case("/svc => 1*/#/v1 & 0*/#/v2", "100 % /#/v1", ["/#/v2": n]),
    // Fallbacks of built-in names.
    Case("/svc => /$/inet/8080", "100 % /$/inet/8080"),
    Case("/svc => /$/inet/127.1/8080/rest", "100 % /$/inet/127.1/8080 + /rest"),
    Case("/other => /#/x", "100 % no route: negative"),
  ])
  func guarded(_ c: Case) throws {
    var route = try TestRoute(c.dtab, states: c.states)
    #expect(route.shares() == c.expected)
  }

  @Test(arguments: [
    Case("/svc => 99*/#/v1 & 1*/#/v2", "100 % /#/v2", ["/#/v1": n]),
    Case("/svc => 99*/#/v1 & 0*/#/v2", "100 % no endpoints: zeroWeights", ["/#/v1": n]),
    Case("/svc => 60*/#/v1 & 30*/#/v2 & 10*/#/v3", "75 % /#/v2, 25 % /#/v3".sorted, ["/#/v1": f]),
  ])
  func redistributed(_ c: Case) throws {
    var route = try TestRoute(c.dtab, states: c.states, onUnbound: .redistribute)
    #expect(route.shares() == c.expected)
  }

  @Test(arguments: [
    Case("/svc => 99*/#/v1 & 1*/#/v2", "1 % no endpoints: missingShare, 99 % /#/v1", ["/#/v2": n]),
    Case("/svc => 99*/#/v1 & 1*/#/v2 | /#/c", "1 % no endpoints: missingShare, 99 % /#/v1", ["/#/v2": n]),
    Case("/svc => 99*/#/v1 & 1*/#/v2 | /#/c", "100 % /#/c", ["/#/v2": n, "/#/v1": n]),
    Case("/svc => 99*/#/v1 & 1*/#/v2", "1 % /#/v2, 99 % /#/v1"),
  ])
  func failing(_ c: Case) throws {
    var route = try TestRoute(c.dtab, states: c.states, onUnbound: .fail)
    #expect(route.shares() == c.expected)
  }

  @Test(arguments: [
    ("/foo=>/bar;/bar=>/$/inet/8080", "/foo", "/$/inet/8080"),
    ("/foo=>/biz;/biz=>/$/inet/8080;/bar=>/$/inet/9090;/foo => /bar", "/foo", "/$/inet/9090"),
    ("/svc => /#/registry", "/svc/users", "/#/registry/users"),
    ("/svc => /#/registry", "/svc/users/more", "/#/registry/users + /more"),
    ("/svc => /#/io.l5d.k8s/prod/http", "/svc/users", "/#/io.l5d.k8s/prod/http/users"),
    ("/svc => /#/registry.ns/prod", "/svc/users/a", "/#/registry.ns/prod/users + /a"),
    (DelegationTests.iceCream, "/iceCreamStore/try/allFlavors", "no route: negative"),
    ("/host => /v1 & /v2", "/nobody", "no route: negative"),
  ])
  func wholeTables(_ dtab: String, _ name: String, _ expected: String) throws {
    var route = try TestRoute(dtab, name)
    #expect(route.pick() == expected)
  }

  @Test func nothing() {
    var sequences: [UInt64] = []
    #expect(RouteTree.nothing.pick(&sequences) { _ in true } == .noRoute(.negative))
    #expect(RouteTree.nothing.leaves.isEmpty)
  }
}

extension String {
  /// Parts in the order in which `TestRoute.shares` lists them.
  fileprivate var sorted: String {
    split(separator: ", ").map(String.init).sorted().joined(separator: ", ")
  }
}
