import MeshProtocol
import SwiftProtobuf
import TestSupport
import Testing

/// A controller that sends anything at all: nothing makes a replica trap, what it holds always fits its hash, and a right
/// snapshot on a new stream brings it back.
@Suite struct ReplicaFuzzTests {
  private static let rules = ["a", "b", "c"].map { rule($0) }
  private static let more = rules + [rule("d", to: "/#/registry/d | (/e & 2*/f)")]

  /// Right messages of a short life: two snapshots, steps, a confirmation.
  private static let snapshots =
    [snapshot(rules, version(3, rules)), snapshot([], version(1, []))]
    + parts(more, version(4, more))
  private static let deltas = [
    delta(3, version(4, more), upserts: [more[3]]), delta(4, version(5, rules), removes: ["d"]),
    delta(3, version(4, []), removes: ["a", "b", "c"]),
  ]

  private static func mutator(_ messages: [some Message], seed: UInt64) -> Mutator {
    let corpus = messages.map { (try? $0.serializedBytes() as [UInt8]) ?? [] }
    return Mutator(corpus: corpus, alphabet: [0, 1, 2, 0x08, 0x0a, 0x10, 0x12, 0x1a, 0x22, 0x7f, 0x80, 0xff], seed: seed)
  }

  @Test func configurationHoldsWhatItsHashSays() throws {
    var snapshots = Self.mutator(Self.snapshots, seed: 0x5a)
    var deltas = Self.mutator(Self.deltas, seed: 0xde)
    var random = SeededRandom(seed: 0xc0 ^ fuzzSeed)
    var replica = ConfigurationReplica()
    var applied = 0
    for _ in 0..<fuzzRounds {
      // An edited revision may be far ahead, and then nothing older is taken: another proxy starts.
      if random.below(20) == 0 { replica = ConfigurationReplica() }
      feed(&replica, &snapshots, &deltas, &random)
      if replica.isJudging, random.below(4) > 0 {
        if random.below(5) == 0 { _ = replica.refused([]) } else { _ = replica.applied() }
        applied += 1
      }
      let held = replica.resources.reduce(into: SetHash.empty) { $0.insert($1.hash) }
      #expect(held == replica.held?.hash ?? .empty)
      #expect(replica.resources.allSatisfy { replica.resources[$0.resource.identity] === $0 })
    }
    #expect(applied > fuzzRounds / 50, "too few applied to mean anything: \(applied)")
    expectRecovers(&replica)
  }

  private func feed(
    _ replica: inout ConfigurationReplica, _ snapshots: inout Mutator, _ deltas: inout Mutator,
    _ random: inout SeededRandom
  ) {
    let isGood = random.below(3) == 0
    switch random.below(8) {
    case 0: replica.disconnected()
    case 1:
      var current = Heddle_Mesh_V1_Current()
      if let held = replica.held { current.version = held.wire }
      if !isGood { current.version.revision &+= random.next() }
      _ = replica.received(current)
    case 2...4:
      let bytes = isGood ? snapshots.good() : snapshots.next()
      if let message = try? Heddle_Mesh_V1_Snapshot(serializedBytes: bytes) { _ = replica.received(message) }
    default:
      let bytes = isGood ? deltas.good() : deltas.next()
      if let message = try? Heddle_Mesh_V1_Delta(serializedBytes: bytes) { _ = replica.received(message) }
    }
  }

  private func expectRecovers(_ replica: inout ConfigurationReplica) {
    _ = replica.refused([])
    replica.disconnected()
    let version = version(UInt64.max, Self.rules, epoch: replica.held?.epoch ?? epochA)
    #expect(replica.received(snapshot(Self.rules, version)).candidate != nil)
    #expect(replica.applied()?.revision == UInt64.max)
    #expect(replica.resources.count == 3)
  }

  @Test func resourcesReadOrSayWhy() {
    var mutator = Mutator(corpus: Self.more, alphabet: [0, 1, 0x0a, 0x12, 0x2f, 0x28, 0x7c, 0x80, 0xff], seed: 0x4e)
    for _ in 0..<fuzzRounds {
      do throws(ResourceFault) {
        let resource = try ConfigurationResource(decoding: mutator.next())
        #expect(!resource.identity.name.isEmpty)
      } catch { #expect(!error.message.isEmpty) }
    }
  }

  // MARK: Endpoints

  private static func endpoint(_ address: String, weight: Double = 1) -> [UInt8] {
    var endpoint = Heddle_Mesh_V1_Endpoint()
    endpoint.address = address
    endpoint.weight = weight
    endpoint.metadata = ["k": "v"]
    return (try? endpoint.serializedBytes()) ?? []
  }

  private static func endpoints(_ version: UInt64, base: UInt64? = nil, _ adds: [[UInt8]], all: [[UInt8]], removes: [String] = [])
    -> Heddle_Mesh_V1_Endpoints
  {
    var message = Heddle_Mesh_V1_Endpoints()
    message.name = "/#/registry/a"
    message.state = .bound
    message.full = base == nil
    message.base = base ?? 0
    message.version = version
    message.adds = adds.map { .init($0) }
    message.removes = removes
    message.setHash = .init(hash(all).bytes)
    return message
  }

  private static let one = endpoint("10.0.0.1:80"), two = endpoint("[::1]:80", weight: .infinity)
  private static let sets = [
    endpoints(1, [one], all: [one]), endpoints(2, [], all: []), endpoints(3, base: 1, [two], all: [one, two]),
    endpoints(4, base: 3, [], all: [two], removes: ["10.0.0.1:80"]), endpoints(1, base: 1, [], all: [one]),
  ]

  @Test func endpointsHoldWhatTheirHashSays() {
    var mutator = Self.mutator(Self.sets, seed: 0xe9)
    var replica = EndpointReplica(name: "/#/registry/a")
    var changes = 0
    for _ in 0..<fuzzRounds {
      let bytes = mutator.random.below(3) == 0 ? mutator.good() : mutator.next()
      guard let message = try? Heddle_Mesh_V1_Endpoints(serializedBytes: bytes) else { continue }
      let before = replica.endpoints
      switch replica.received(message) {
      case .changed: changes += 1
      case .unchanged, .kept, .resubscribe: #expect(replica.endpoints == before)
      }
      #expect(replica.endpoints.values.reduce(into: SetHash.empty) { $0.insert($1.hash) } == replica.setHash)
      #expect(replica.endpoints.values.allSatisfy { $0.weight.map { $0 >= 0 && $0 <= EndpointLimits.weight } ?? true })
    }
    #expect(changes > fuzzRounds / 50, "too few changes to mean anything: \(changes)")
    _ = replica.received(Self.sets[0])
    #expect(replica.state == .bound && replica.endpoints.keys.sorted() == ["10.0.0.1:80"])
  }
}
