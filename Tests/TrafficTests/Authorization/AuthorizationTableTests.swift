import HTTP
import MeshProtocol
import TestSupport
import Testing
import Traffic

@Suite struct AuthorizationTableTests {
  @Test func withoutAnAuthorizationAllMayCall() {
    let table = AuthorizationTable(["other": authorization("carts", allow("web"))], for: ownIdentity)
    #expect(table.isEmpty && AuthorizationTable.empty.isEmpty)
    #expect(table.enforced(nil) == "-")
    #expect(table.ask(nil).verdict == .allowed)
  }

  @Test func noRulesMeansNobody() {
    let table = AuthorizationTable(["a": authorization()], for: ownIdentity)
    #expect(table.enforced("web") == "!a")
    #expect(table.ask("web").verdict == .denied(by: 0))
    #expect(table.decide(table.scope(of: callerID("web"))).verdict == .denied(by: 0))
  }

  @Test func callers() {
    let rules = [
      allow("web"), allow("ns/other/sa/web"), allow("spiffe://far.away/ns/x/sa/y"),
    ]
    let table = AuthorizationTable(["a": Authorization(target: .everyWorkload, rules: rules)], for: ownIdentity)
    #expect(table.enforced("web") == "a/0")
    #expect(table.enforced("spiffe://heddle.local/ns/other/sa/web") == "a/1")
    #expect(table.enforced("spiffe://far.away/ns/x/sa/y") == "a/2")
    for stranger in [nil, "cart", "spiffe://far.away/ns/shop/sa/web", "spiffe://heddle.local/ns/x/sa/y", "spiffe://x"] {
      #expect(table.enforced(stranger) == "!a", "\(stranger ?? "nil")")
    }
    let identified = AuthorizationTable(["a": authorization(allow("*"))], for: ownIdentity)
    #expect(identified.enforced("whoever") == "a/0")
    #expect(identified.enforced(nil) == "!a")
    let open = AuthorizationTable(["a": authorization(allow("anyone"))], for: ownIdentity)
    #expect(open.enforced("whoever") == "a/0" && open.enforced(nil) == "a/0")
  }

  @Test func anyRuleOfAnyAuthorizationAllows() {
    let table = AuthorizationTable(
      [
        "b": authorization(allow("web")), "a": authorization("*", allow("cart")),
        "c": authorization("carts", allow("x")),
      ],
      for: ownIdentity)
    #expect(table.authorizations == ["b", "a"])
    #expect(table.enforced("web") == "b/0" && table.enforced("cart") == "a/0")
    #expect(table.enforced("x") == "!b")
  }

  @Test func methodsAreTakenAsTheyStand() {
    let table = AuthorizationTable(
      ["a": authorization(allow("web", methods: ["GET", "HEAD"]), allow("cart", methods: ["PURGE"]))], for: ownIdentity)
    #expect(table.enforced("web", "HEAD") == "a/0")
    #expect(table.enforced("web", "PURGE") == "!a" && table.enforced("cart", "PURGE") == "a/1")
    #expect(
      table.enforced("web", "get") == "!a" && table.enforced("web", "GETS") == "!a" && table.enforced("web", "") == "!a"
    )
  }

  @Test func pathsByWholeSegments() {
    let table = AuthorizationTable(
      [
        "a": authorization(
          allow("web", paths: ["/api", "/x/y/"]), allow("cart", methods: ["PUT"], paths: ["/api/carts"]))
      ],
      for: ownIdentity)
    for path in ["/api", "/api/", "/api/users", "/api?x=/", "//api", "/%61pi/x", "/x/y", "/x/y/z"] {
      #expect(table.enforced("web", "GET", path) == "a/0", "\(path)")
    }
    for path in ["/", "", "/apis", "/API", "/x", "/x/yz", "/y/api", "?/api", "/api;x"] {
      #expect(table.enforced("web", "GET", path) == "!a", "\(path)")
    }
    #expect(table.enforced("cart", "PUT", "/api/carts/1") == "a/1")
    #expect(table.enforced("cart", "GET", "/api/carts/1") == "!a" && table.enforced("cart", "PUT", "/api") == "!a")
  }

  /// What programs read differently is no path that a rule could mean.
  @Test(arguments: [
    "/api/../admin", "/api/%2e%2e/x", "/api/..;/x", "/api%2fx", "/api\\x", "/api/%00", "/api/%zz", "*", "api",
  ])
  func noNormalFormNoPath(_ path: String) {
    let byPath = AuthorizationTable(["a": authorization(allow("web", paths: ["/", "/api"]))], for: ownIdentity)
    #expect(byPath.enforced("web", "GET", path) == "!a")
    let also = AuthorizationTable(
      ["a": authorization(allow("web", paths: ["/"]), allow("web", methods: ["GET"]))], for: ownIdentity)
    #expect(also.enforced("web", "GET", path) == "a/1" && also.enforced("web", "PUT", path) == "!a")
  }

  @Test func theRootIsEveryPath() {
    let table = AuthorizationTable(["a": authorization(allow("web", paths: ["/"]))], for: ownIdentity)
    for path in ["/", "", "?x", "/a/b"] { #expect(table.enforced("web", "GET", path) == "a/0", "\(path)") }
  }

  @Test func connectionsOfBytesHaveNeither() {
    let table = AuthorizationTable(
      [
        "a": authorization(
          allow("web", methods: ["GET"]), allow("cart", paths: ["/"]), allow("db"), allow("*", paths: ["/"]))
      ],
      for: ownIdentity)
    func bytes(_ caller: String?) -> String { table.say(table.decide(table.scope(of: callerID(caller))).enforced) }
    #expect(bytes("db") == "a/2")
    #expect([bytes("web"), bytes("cart"), bytes("x"), bytes(nil)] == ["!a", "!a", "!a", "!a"])
    let open = AuthorizationTable(
      ["a": authorization(allow("*")), "b": authorization(allow("anyone"))], for: ownIdentity)
    #expect(open.say(open.decide(.unnamed).enforced) == "a/0" && open.say(open.decide(.anonymous).enforced) == "b/0")
  }

  @Test func dryRunsSpeakForThemselves() {
    let dry = dryRun(allow("web"))
    let alone = AuthorizationTable(["dry": dry], for: ownIdentity)
    #expect(alone.ask("cart").verdict == .wouldDeny(by: 0) && alone.ask("web").verdict == .allowed)
    #expect(alone.enforced("cart") == "-")
    let both = AuthorizationTable(["dry": dry, "all": authorization(allow("*"))], for: ownIdentity)
    #expect(both.say(both.ask("cart").enforced) == "all/0" && both.say(both.ask("cart").dryRun) == "!dry")
    #expect(both.ask("cart").verdict == .wouldDeny(by: 1))
    #expect(both.ask(nil).verdict == .denied(by: 0))
  }

  @Test func theRuleThatNamesTheCallerDecides() {
    let table = AuthorizationTable(
      [
        "a": authorization(
          allow("anyone"), allow("*", paths: ["/"]), allow("web", paths: ["/a"]), allow("web", paths: ["/a/b"]),
          allow("cart"), allow("cart"))
      ], for: ownIdentity)
    #expect(table.enforced("web", "GET", "/a/b/c") == "a/3" && table.enforced("web", "GET", "/a/c") == "a/2")
    #expect(table.enforced("web", "GET", "/c") == "a/1" && table.enforced("web", "GET", "*") == "a/0")
    #expect(table.enforced("cart", "GET", "/a") == "a/4" && table.enforced(nil, "GET", "/a") == "a/0")
  }

  /// Without an identity a proxy has no name, and cannot tell whom a name means.
  @Test func aProxyWithoutIdentity() {
    let table = AuthorizationTable(
      ["named": authorization(allow("web")), "all": authorization("*", allow("web"), allow("spiffe://d/ns/n/sa/s"))],
      for: nil)
    #expect(table.authorizations == ["all"])
    #expect(table.enforced("web") == "!all" && table.enforced("spiffe://d/ns/n/sa/s") == "all/1")
  }

  @Test func headsOfRequests() {
    let table = AuthorizationTable(
      ["a": authorization(allow("web", methods: ["GET"], paths: ["/api"]), allow("cart", paths: ["/"]))],
      for: ownIdentity)
    func ask(_ caller: String, _ line: String) -> String {
      let bytes = Array("\(line) HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
      var head = RequestHead()
      guard case .complete = head.parse(bytes.span) else { return "no head" }
      var scratch = RouteScratch()
      return table.say(table.decide(table.scope(of: callerID(caller)), head, bytes.span, scratch: &scratch).enforced)
    }
    #expect(ask("web", "GET /api/x?y") == "a/0" && ask("web", "POST /api") == "!a")
    #expect(ask("web", "GET http://h/api") == "a/0" && ask("web", "GET http://h/other") == "!a")
    #expect(ask("cart", "GET http://h") == "a/1" && ask("cart", "GET http://h?q") == "a/1")
    #expect(ask("cart", "OPTIONS *") == "!a" && ask("cart", "OPTIONS http://h") == "!a")
    #expect(ask("cart", "CONNECT h:80") == "!a")
  }

  @Test func scopesAreFoundOncePerCallerAndTable() {
    let first = AuthorizationTable(["a": authorization(allow("web"))], for: ownIdentity)
    let second = AuthorizationTable(["a": authorization(allow("cart"), allow("web"))], for: ownIdentity)
    var scopes = CallerScopes()
    var asked: [String] = []
    func text(_ name: String) -> String {
      asked.append(name)
      return callerID(name)!
    }
    for _ in 0..<2 {
      #expect(scopes.scope(of: 3, in: first, identity: text("web")) == first.scope(of: callerID("web")))
      #expect(scopes.scope(of: 0, in: first, identity: text("x")) == .unnamed)
    }
    #expect(asked == ["web", "x"])
    #expect(scopes.scope(of: 3, in: second, identity: text("web")) == second.scope(of: callerID("web")))
    #expect(second.scope(of: callerID("web")) != second.scope(of: callerID("cart")))
    #expect(asked == ["web", "x", "web"])
  }
}
