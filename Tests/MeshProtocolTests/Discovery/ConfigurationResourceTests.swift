import Testing

@testable import MeshProtocol

@Suite struct ConfigurationResourceTests {
  @Test func ruleReadsAsADentry() throws {
    let resource = try ConfigurationResource(decoding: rule("a", to: "/#/registry/a | /#/registry/b", revision: 4))
    #expect(resource.identity == ResourceIdentity(kind: .rule, name: "a") && resource.revision == 4)
    guard case .rule(let rule) = resource.body else { throw Unexpected() }
    #expect(rule.dentry == (try Dentry(parsing: "/svc/a => /#/registry/a | /#/registry/b")))
  }

  @Test func splitReadsAsAUnionInOrder() throws {
    let resource = try ConfigurationResource(decoding: split().encodedBytes())
    guard case .split(let split) = resource.body else { throw Unexpected() }
    #expect(split.backends.map(\.name) == ["v1", "v2"] && split.onUnbound == .guard)
    #expect(split.dentry == (try Dentry(parsing: "/svc/users => 90 * /#/registry/users-v1 & 0 * /#/registry/users-v2")))
  }

  @Test func whatDoesNotReadNamesResourceAndReason() {
    var prefix = split()
    prefix.split.prefix = "svc"
    var destination = split()
    destination.split.backends[1].destination = "/a &"
    var twice = split()
    twice.split.backends[1].name = "v1"
    var heavy = split()
    heavy.split.backends[0].weight = 1_000_001
    var policy = split()
    policy.split.onUnbound = "maybe"
    var none = split()
    none.split.backends = []
    var nameless = split()
    nameless.key.name = ""
    var mismatch = split()
    mismatch.key.kind = .rule
    let cases: [(Heddle_Mesh_V1_Resource, String)] = [
      (prefix, "its prefix"), (destination, "backend v2"), (twice, "two backends"), (heavy, "weighs over"),
      (policy, "on_unbound"), (none, "backends"), (nameless, "its name"), (mismatch, "does not know"),
    ]
    for (wire, reason) in cases {
      #expect {
        try ConfigurationResource(decoding: wire.encodedBytes())
      } throws: { error in
        let fault = error as? ResourceFault
        return fault?.message.contains(reason) == true && fault?.identity?.name == wire.key.name
      }
    }
  }

  @Test func messageOfAFaultIsBounded() {
    #expect(ResourceFault(identity: nil, message: String(repeating: "x", count: 5000)).message.count == 1000)
  }

  private struct Unexpected: Error {}

  private func split() -> Heddle_Mesh_V1_Resource {
    var resource = Heddle_Mesh_V1_Resource()
    resource.key.kind = .split
    resource.key.name = "users"
    resource.split.prefix = "/svc/users"
    resource.split.backends = ([("v1", 90), ("v2", 0)] as [(String, UInt32)]).map { name, weight in
      var backend = Heddle_Mesh_V1_Backend()
      backend.name = name
      backend.destination = "/#/registry/users-\(name)"
      backend.weight = weight
      return backend
    }
    return resource
  }
}
