import MeshProtocol
import Testing

private func faults(_ authorization: Authorization) -> [String] {
  authorization.faults.map { $0.field.joined(separator: ".") }
}

private func rule(_ rule: AuthorizationRule) -> Authorization {
  Authorization(target: .workload("users"), rules: [rule])
}

@Suite struct AuthorizationTests {
  @Test func plainOnesAreFine() {
    #expect(Authorization(target: .everyWorkload).faults.isEmpty)
    let all = AuthorizationRule(
      from: ["web", "ns/other/sa/web", "spiffe://other.domain/ns/x/sa/y", "*", "anyone"].map { CallerPattern($0) },
      methods: ["GET", "M-SEARCH"], paths: ["/", "/api", "/a b/é/"])
    #expect(rule(all).faults.isEmpty)
  }

  @Test func callersAreReadAsWhatTheyAre() throws {
    let id = try #require(SPIFFEID(trustDomain: "d", namespace: "n", name: "s"))
    let read: [(String, CallerPattern)] = [
      ("anyone", .anyone), ("*", .everyIdentity), ("web", .name("web")),
      ("ns/n/sa/s", .workload(namespace: "n", name: "s")),
      ("spiffe://d/ns/n/sa/s", .identity(id)), ("Anyone", .name("Anyone")), ("ns", .name("ns")),
    ]
    for (text, pattern) in read {
      #expect(CallerPattern(text) == pattern)
      #expect(pattern.description == text)
    }
  }

  @Test func namesAreOfTheProxysOwnDomain() throws {
    let own = try #require(SPIFFEID(trustDomain: "d", namespace: "n", name: "s"))
    #expect(CallerPattern("web").identity(for: own)?.description == "spiffe://d/ns/n/sa/web")
    #expect(CallerPattern("ns/o/sa/web").identity(for: own)?.description == "spiffe://d/ns/o/sa/web")
    #expect(CallerPattern("spiffe://e/ns/o/sa/web").identity(for: own)?.description == "spiffe://e/ns/o/sa/web")
    #expect(CallerPattern("web").identity(for: nil) == nil)
    #expect(CallerPattern("spiffe://e/ns/o/sa/web").identity(for: nil) != nil)
    #expect(CallerPattern("*").identity(for: own) == nil)
  }

  @Test(arguments: [
    "", "a b", "a/b", "ns/a/sa", "ns//sa/b", "ns/a/sa/..", "spiffe://D/ns/a/sa/b", "spiffe://d/ns/a/sa/b/",
    "spiffe://d",
    String(repeating: "a", count: 254),
  ])
  func noSuchCaller(_ text: String) {
    #expect(faults(rule(AuthorizationRule(from: [CallerPattern(text)]))) == ["rules.0.from.0"])
  }

  @Test(arguments: ["", "a/b", "..", "ns/a/sa/b", "spiffe://d/ns/a/sa/b", "anyone?"])
  func noSuchTarget(_ text: String) {
    #expect(faults(Authorization(target: AuthorizationTarget(text))) == ["target"])
  }

  @Test func methodsAndPaths() {
    let bad = AuthorizationRule(
      from: [.anyone], methods: ["get", "", "A B"], paths: ["api", "/a//b", "/%61", "/..", "/a?b"])
    #expect(
      faults(rule(bad)) == (0..<3).map { "rules.0.methods.\($0)" } + (0..<5).map { "rules.0.paths.\($0)" })
    let twice = AuthorizationRule(from: [.anyone, .anyone], methods: ["GET", "GET"], paths: ["/", "/"])
    #expect(faults(rule(twice)) == ["rules.0.from", "rules.0.methods", "rules.0.paths"])
    #expect(faults(rule(AuthorizationRule(from: []))) == ["rules.0.from"])
  }

  @Test func limits() {
    let many = AuthorizationRule(
      from: (0...64).map { .name("c\($0)") }, methods: (0...64).map { "M\($0)" }, paths: (0...64).map { "/\($0)" })
    #expect(faults(rule(many)) == ["rules.0.from", "rules.0.methods", "rules.0.paths"])
    let rules = Array(repeating: AuthorizationRule(from: [.anyone]), count: 257)
    #expect(faults(Authorization(target: .everyWorkload, rules: rules)) == ["rules"])
  }
}

@Suite struct AuthorizationWireTests {
  private func resource(_ bytes: [UInt8]) -> [UInt8] {
    var resource = Heddle_Mesh_V1_Resource()
    resource.key.kind = .authorization
    resource.key.name = "users"
    resource.revision = 9
    resource.authorization = .init(bytes)
    return resource.encodedBytes()
  }

  private func read(_ bytes: [UInt8]) throws -> Authorization? {
    if case .authorization(let authorization) = try ConfigurationResource(decoding: bytes).body { return authorization }
    return nil
  }

  @Test func theyComeBackAsTheyWere() throws {
    let callers = ["web", "ns/other/sa/web", "spiffe://d/ns/x/sa/y", "*", "anyone"].map { CallerPattern($0) }
    for mode in Authorization.Mode.allCases {
      for target in [AuthorizationTarget.everyWorkload, .workload("users")] {
        let authorization = Authorization(
          target: target, mode: mode,
          rules: [
            AuthorizationRule(from: callers, methods: ["GET", "PUT"], paths: ["/a", "/"]),
            AuthorizationRule(from: [.anyone]),
          ])
        #expect(try read(resource(authorization.wire.encodedBytes())) == authorization)
      }
    }
    #expect(try read(resource(Authorization(target: .everyWorkload).wire.encodedBytes()))?.rules == [])
  }

  @Test func theyAreReplicatedUnderTheirName() throws {
    let replicated = try ReplicatedResource(
      reading: resource(Authorization(target: .workload("users")).wire.encodedBytes()))
    #expect(replicated.identity.description == "authorization users")
    #expect(replicated.prefix == nil)
    #expect(replicated.kind == .authorization)
  }

  @Test func whatIsNoneIsRefusedByName() {
    let empty = #expect(throws: ResourceFault.self) { _ = try read(resource([])) }
    #expect(empty?.identity?.description == "authorization users")
    #expect(throws: ResourceFault.self) { _ = try read(resource([0xff, 0xff])) }
    let bad = Authorization(target: .everyWorkload, rules: [AuthorizationRule(from: [])])
    #expect(throws: ResourceFault.self) { _ = try read(resource(bad.wire.encodedBytes())) }
  }
}
