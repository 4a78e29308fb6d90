import MeshProtocol
import Testing
import Traffic

@testable import DataPlane

/// A configuration as a controller encodes it.
struct ResourceSet {
  var resources: [(key: Heddle_Mesh_V1_ResourceKey, bytes: [UInt8])] = []

  mutating func rule(_ id: String, _ prefix: String, _ destination: String, order: UInt8 = 1, revision: UInt64 = 1) {
    var resource = Heddle_Mesh_V1_Resource()
    resource.key.kind = .rule
    resource.key.name = id
    resource.revision = revision
    resource.rule.prefix = prefix
    resource.rule.destination = destination
    resource.rule.sortKey = .init([order])
    put(resource)
  }

  mutating func split(_ name: String, _ prefix: String, _ backends: [(String, String, UInt32)]) {
    var resource = Heddle_Mesh_V1_Resource()
    resource.key.kind = .split
    resource.key.name = name
    resource.revision = 1
    resource.split.prefix = prefix
    resource.split.backends = backends.map { backend in
      var wire = Heddle_Mesh_V1_Backend()
      (wire.name, wire.destination, wire.weight) = backend
      return wire
    }
    put(resource)
  }

  mutating func route(_ name: String, _ route: HTTPRoute, revision: UInt64 = 1) {
    var resource = Heddle_Mesh_V1_Resource()
    resource.key.kind = .route
    resource.key.name = name
    resource.revision = revision
    resource.route = .init(route.wire.encodedBytes())
    put(resource)
  }

  mutating func authorization(_ name: String, _ authorization: Authorization, revision: UInt64 = 1) {
    var resource = Heddle_Mesh_V1_Resource()
    resource.key.kind = .authorization
    resource.key.name = name
    resource.revision = revision
    resource.authorization = .init(authorization.wire.encodedBytes())
    put(resource)
  }

  private mutating func put(_ resource: Heddle_Mesh_V1_Resource) {
    resources.removeAll { $0.key == resource.key }
    resources.append((resource.key, resource.encodedBytes()))
  }

  var hash: SetHash {
    resources.reduce(into: .empty) { $0.insert(SetHash(of: $1.bytes)) }
  }

  func version(_ revision: UInt64, epoch: UInt8 = 7) -> ConfigurationVersion {
    ConfigurationVersion(epoch: Array(repeating: epoch, count: 16), revision: revision, hash: hash)
  }

  func snapshot(_ revision: UInt64, epoch: UInt8 = 7) -> Heddle_Mesh_V1_Snapshot {
    var snapshot = Heddle_Mesh_V1_Snapshot()
    snapshot.version = version(revision, epoch: epoch).wire
    snapshot.last = true
    snapshot.resources = resources.map { .init($0.bytes) }
    return snapshot
  }
}

/// A compiler behind a replica, as a proxy has them: snapshots go in, each the whole configuration.
private final class Compilation {
  private let compiler: RuleCompiler
  private var replica = ConfigurationReplica()

  init(dtab: Dtab, identity: SPIFFEID? = nil, isStandalone: Bool = true) {
    compiler = RuleCompiler(dtab: dtab, identity: identity, isStandalone: isStandalone)
  }

  func current() -> CompiledTable { compiler.current() }

  func replaceFile(_ dtab: Dtab) -> CompiledTable { compiler.replaceFile(dtab, services: []) }

  func replaceIdentity(_ identity: SPIFFEID?) -> CompiledTable { compiler.replaceIdentity(identity, services: []) }

  func compile(
    _ set: ResourceSet, _ revision: UInt64, services: [Path] = []
  ) throws -> Result<CompiledTable, RefusedCandidate> {
    guard case .apply(let candidate) = replica.received(set.snapshot(revision)) else {
      throw StartFailure(description: "no candidate")
    }
    let result = compiler.compile(candidate, services: services)
    switch result {
    case .success: _ = replica.applied()
    case .failure(let refused): _ = replica.refused(refused.faults)
    }
    return result
  }
}

@Suite("Rule compiler")
struct RuleCompilerTests {
  private func path(_ text: String) throws -> Path { try Path(parsing: text) }

  @Test("The file's rules are the weakest, then rules in order, then splits")
  func order() throws {
    let compiler = Compilation(dtab: try Dtab(parsing: "/svc/a => /#/registry/file"))
    #expect(compiler.current().table.generation == 1)
    var set = ResourceSet()
    set.rule("r2", "/svc/a", "/#/registry/second", order: 2)
    set.rule("r1", "/svc/a", "/#/registry/first", order: 1)
    set.split("s", "/svc/a", [("v1", "/#/registry/split", 1)])
    let compiled = try compiler.compile(set, 5, services: [path("/svc/a")]).get()
    let matches = compiled.table.rules.matches(try path("/svc/a"))
    #expect(matches.map(\.key.description) == ["split s", "rule r2", "rule r1", "file 0"])
    #expect(compiled.table.revision == 5)
    #expect(compiled.table.generation == 2)
    #expect(compiled.reachable.map(\.description).contains("/#/registry/split"))
  }

  @Test("Only what differs counts as changed")
  func changed() throws {
    let compiler = Compilation(dtab: Dtab())
    _ = compiler.current()
    var set = ResourceSet()
    set.rule("r1", "/svc/a", "/#/registry/a")
    set.rule("r2", "/svc/b", "/#/registry/b")
    _ = try compiler.compile(set, 1).get()
    set.rule("r2", "/svc/c", "/#/registry/c", revision: 2)
    let moved = try compiler.compile(set, 2).get()
    #expect(Set(try #require(moved.table.changed).map(\.description)) == ["/svc/b", "/svc/c"])
    set.resources.removeFirst()
    let removed = try compiler.compile(set, 3).get()
    #expect(removed.table.changed?.map(\.description) == ["/svc/a"])
    #expect(removed.table.rules.count == 1)
    let same = try compiler.compile(set, 4).get()
    #expect(same.table.changed?.isEmpty == true)
  }

  @Test("Two splits on one prefix are refused by name, and nothing changes")
  func twoSplits() throws {
    let compiler = Compilation(dtab: Dtab())
    var set = ResourceSet()
    set.split("one", "/svc/a", [("v1", "/#/registry/a", 1)])
    _ = try compiler.compile(set, 1).get()
    var both = set
    both.split("two", "/svc/a", [("v1", "/#/registry/b", 1)])
    both.rule("r", "/svc/x", "/#/registry/x")
    switch try compiler.compile(both, 2) {
    case .success: Issue.record("compiled")
    case .failure(let refused):
      #expect(refused.faults.map(\.description) == ["split two: split one stands on /svc/a already"])
    }
    let after = compiler.current().table
    #expect(after.revision == 1)
    #expect(after.rules.count == 1)
    // Moving a split off a prefix and another onto it in one revision is no clash.
    var swapped = ResourceSet()
    swapped.split("one", "/svc/b", [("v1", "/#/registry/a", 1)])
    swapped.split("two", "/svc/a", [("v1", "/#/registry/b", 1)])
    #expect(try compiler.compile(swapped, 3).get().table.rules.count == 2)
  }

  @Test("Reachable names are those of active services, all branches and alternatives")
  func reachable() throws {
    let compiler = Compilation(dtab: Dtab())
    var set = ResourceSet()
    set.rule("r1", "/svc/a", "/#/registry/a1 | /#/registry/a2")
    set.split("s", "/svc/b", [("v1", "/#/registry/b1", 100), ("v2", "/#/registry/b2", 0)])
    set.rule("r3", "/svc/c", "/#/registry/c")
    let services = [try path("/svc/a"), try path("/svc/b")]
    let first = try compiler.compile(set, 1, services: services).get()
    #expect(
      Set(first.reachable.map(\.description)).isSuperset(of: ["/#/registry/a1", "/#/registry/a2", "/#/registry/b1"]))
    #expect(!first.reachable.map(\.description).contains("/#/registry/c"))
    set.rule("r1", "/svc/a", "/#/registry/a3", revision: 2)
    let second = try compiler.compile(set, 2, services: services).get()
    let names = second.reachable.map(\.description)
    #expect(names.contains("/#/registry/a3"))
    #expect(!names.contains("/#/registry/a1"))
    #expect(names.contains("/#/registry/b1"))
  }

  private func to(_ name: String, _ match: HTTPMatch = HTTPMatch()) throws -> HTTPRoute {
    HTTPRoute(hosts: [.exact("shop")], matches: [match], action: .forward(try path(name), Rewrite()))
  }

  @Test("Routes come and go with the revision; what new ones lead to is reached")
  func routes() throws {
    let compiler = Compilation(dtab: Dtab())
    var set = ResourceSet()
    set.rule("r", "/svc", "/#/registry")
    set.route("shop", try to("/svc/shop"))
    let first = try compiler.compile(set, 1).get()
    #expect(first.table.routes.routes.map(\.name) == ["shop"])
    #expect(first.reachable.map(\.description) == ["/#/registry/shop"])
    let same = try compiler.compile(set, 2).get()
    #expect(same.table.routes.version == first.table.routes.version)
    set.route("shop", try to("/svc/cart"), revision: 3)
    let third = try compiler.compile(set, 3).get()
    #expect(third.table.routes.version != first.table.routes.version)
    #expect(third.reachable.map(\.description) == ["/#/registry/cart"])
    #expect(third.table.changed?.isEmpty == true)
    set.resources.removeLast()
    #expect(try compiler.compile(set, 4).get().table.routes.count == 0)
  }

  @Test("A route that cannot be compiled is refused by name, and nothing changes")
  func badRoute() throws {
    let compiler = Compilation(dtab: Dtab())
    var set = ResourceSet()
    set.route("good", try to("/svc/a"))
    set.rule("r", "/svc/a", "/#/registry/a")
    _ = try compiler.compile(set, 1).get()
    set.rule("r", "/svc/b", "/#/registry/b", revision: 2)
    set.route("bad", try to("/svc/b", HTTPMatch(path: .regex("(a"))))
    switch try compiler.compile(set, 2) {
    case .success: Issue.record("compiled")
    case .failure(let refused):
      #expect(refused.faults.map(\.description) == ["route bad: matches.0.path.regex a ( without its ) (at byte 0)"])
    }
    let after = compiler.current().table
    #expect(after.revision == 1 && after.routes.count == 1)
    #expect(after.rules.entries.map(\.dentry.prefix.description) == ["/svc/a"])
  }

  @Test("Authorizations come and go with the revision; only a change of one, or of the identity, compiles them anew")
  func authorizations() throws {
    let users = SPIFFEID(trustDomain: "heddle.local", namespace: "shop", name: "users")
    let compiler = Compilation(dtab: Dtab(), identity: users)
    var set = ResourceSet()
    set.rule("r", "/svc", "/#/registry")
    set.authorization("a", Authorization(target: .workload("users"), rules: [AuthorizationRule(from: [.name("web")])]))
    set.authorization("b", Authorization(target: .workload("carts")))
    let first = try compiler.compile(set, 1).get().table.authorizations
    #expect(first.authorizations == ["a"])
    set.rule("r", "/svc", "/#/registry/x", revision: 2)
    #expect(try compiler.compile(set, 2).get().table.authorizations === first)
    set.authorization("b", Authorization(target: .everyWorkload), revision: 3)
    let third = try compiler.compile(set, 3).get()
    #expect(third.table.authorizations.authorizations == ["a", "b"])
    #expect(third.table.changed?.isEmpty == true)
    let carts = SPIFFEID(trustDomain: "heddle.local", namespace: "shop", name: "carts")
    let joined = compiler.replaceIdentity(carts).table
    #expect(joined.authorizations.authorizations == ["b"] && joined.revision == 3)
    set.resources.removeLast()
    #expect(try compiler.compile(set, 4).get().table.authorizations.isEmpty)
  }

  @Test("Who is not standalone lets nobody in until a first configuration says who may")
  func undecided() throws {
    let compiler = RuleCompiler(dtab: Dtab(), isStandalone: false)
    #expect(compiler.current().table.authorizations.isUndecided)
    let users = SPIFFEID(trustDomain: "heddle.local", namespace: "shop", name: "users")
    #expect(compiler.replaceIdentity(users, services: []).table.authorizations.isUndecided)
    #expect(compiler.replaceFile(Dtab(), services: []).table.authorizations.isUndecided)
    #expect(!RuleCompiler(dtab: Dtab()).current().table.authorizations.isUndecided)
    var replica = ResourceSet()
    replica.rule("r", "/svc", "/#/registry")
    let compiled = Compilation(dtab: Dtab(), isStandalone: false)
    #expect(try compiled.compile(replica, 1).get().table.authorizations.isEmpty)
  }

  @Test("A new file replaces the old file's rules only")
  func file() throws {
    let compiler = Compilation(dtab: try Dtab(parsing: "/a => /b ; /c => /d"))
    _ = compiler.current()
    var set = ResourceSet()
    set.rule("r", "/svc", "/#/registry")
    _ = try compiler.compile(set, 1).get()
    let table = compiler.replaceFile(try Dtab(parsing: "/e => /f")).table
    #expect(table.rules.entries.map(\.dentry.description) == ["/e=>/f", "/svc=>/#/registry"])
    #expect(table.revision == 1)
    #expect(Set(try #require(table.changed).map(\.description)) == ["/a", "/c", "/e"])
  }
}
