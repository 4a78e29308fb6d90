import TestSupport
import Testing

@testable import MeshProtocol

@Suite struct ReplicatedResourceTests {
  private func expectReadsTheSame(_ bytes: [UInt8]) throws {
    let decoded = try ConfigurationResource(decoding: bytes)
    let replicated = try ReplicatedResource(reading: bytes)
    #expect(replicated.identity == decoded.identity && replicated.kind == decoded.identity.kind)
    #expect(replicated.hash == SetHash(of: bytes) && replicated.bytes == bytes)
    let again = replicated.resource
    #expect(again.identity == decoded.identity && again.revision == decoded.revision)
    switch (again.body, decoded.body) {
    case (.rule(let a), .rule(let b)):
      #expect(a.dentry == b.dentry && a.sortKey == b.sortKey && replicated.prefix == b.dentry.prefix)
    case (.split(let a), .split(let b)): #expect(a.dentry == b.dentry && replicated.prefix == b.prefix)
    case (.route(let a), .route(let b)): #expect(a == b && replicated.prefix == nil)
    default: Issue.record("another kind")
    }
  }

  private func resource(_ kind: Heddle_Mesh_V1_ResourceKind, _ fill: (inout Heddle_Mesh_V1_Resource) -> Void) -> [UInt8] {
    var wire = Heddle_Mesh_V1_Resource()
    wire.key.kind = kind
    wire.key.name = "users"
    wire.revision = 1 << 40
    fill(&wire)
    return wire.encodedBytes()
  }

  private var full: [UInt8] {
    resource(.rule) {
      $0.rule.prefix = "/svc/*/users"
      $0.rule.destination = "3 * /#/registry/a & (/b | ~)"
      $0.rule.sortKey = .init([0, 255, 7])
    }
  }

  @Test func everyKindReadsTheSameAgain() throws {
    try expectReadsTheSame(full)
    try expectReadsTheSame(
      resource(.rule) {
        $0.key.name = "é ü"
        $0.rule.prefix = "/"
        $0.rule.destination = "!"
      })
    try expectReadsTheSame(
      resource(.split) {
        var backend = Heddle_Mesh_V1_Backend()
        (backend.name, backend.destination, backend.weight) = ("v1", "/#/registry/a", 7)
        $0.split.prefix = "/svc/users"
        $0.split.backends = [backend]
      })
    let route = HTTPRoute(hosts: [.exact("shop")], matches: [], action: .forward(try Path(parsing: "/svc/a"), Rewrite()))
    try expectReadsTheSame(resource(.route) { $0.route = .init(route.wire.encodedBytes()) })
  }

  /// Encodings that no controller makes: fields twice, of which the last counts; in parts, which count together; not
  /// known; in another order.
  @Test func unusualEncodingsReadTheSameAgain() throws {
    let prefix: [UInt8] = [0x1a, 4, 0x0a, 2, UInt8(ascii: "/"), UInt8(ascii: "z")]
    try expectReadsTheSame(full + prefix)
    try expectReadsTheSame(prefix + full)
    try expectReadsTheSame(full + full)
    try expectReadsTheSame(full + [0x10, 9])
    try expectReadsTheSame(full + [0x48, 1])
    try expectReadsTheSame(full + [0x0a, 3, 0x12, 1, UInt8(ascii: "q")])
    try expectReadsTheSame([0x10, 0x80, 0x80, 0x01] + prefix + [0x0a, 5, 0x12, 1, UInt8(ascii: "n"), 0x08, 1] + full)
  }

  /// Whatever the decoder takes, the shorter way takes alike.
  @Test(arguments: [11, 12, 13] as [UInt64])
  func mutatedBytesReadTheSameAgain(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var read = 0
    for _ in 0..<3000 {
      var bytes = full
      for _ in 0...Int.random(in: 0..<3, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes.remove(at: index)
        default: bytes.insert(UInt8.random(in: 0..<32, using: &random), at: index)
        }
      }
      guard (try? ConfigurationResource(decoding: bytes)) != nil else { continue }
      read += 1
      try expectReadsTheSame(bytes)
    }
    #expect(read > 50, "seed \(seed)")
  }
}
