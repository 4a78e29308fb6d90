import TestSupport
import Testing

@testable import MeshProtocol

@Suite struct MeshMessagesTests {
  @Test func tooLargeEmptyAndGarbageAreTypedFaults() {
    let large = [UInt8](repeating: 0, count: MeshLimits.message + 1)
    #expect(throws: MeshMessageFault.tooLarge(bytes: large.count)) { try Heddle_Mesh_V1_ControlMessage.decode(large) }
    #expect(throws: MeshMessageFault.unknown) { try Heddle_Mesh_V1_ControlMessage.decode([]) }
    #expect(throws: MeshMessageFault.malformed) { try Heddle_Mesh_V1_ControlMessage.decode([0x0a, 0x7f]) }
    #expect(throws: MeshMessageFault.unknown) { try Heddle_Mesh_V1_ProxyMessage.decode([0xfa, 0x01, 0x00]) }
  }

  /// Real messages with random bytes changed, cut and inserted, into real replicas: anything may come out but a trap,
  /// and what is held always has the hash it claims.
  @Test(arguments: [11, 12, 13, 14] as [UInt64])
  func mangledMessagesNeverTrap(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let resources = ["a", "b", "c"].map { rule($0) }
    let corpus = messages(resources)
    var replica = replica(resources, at: 5)
    var endpoints = EndpointReplica(name: "/#/registry/users")
    for _ in 0..<4000 {
      var bytes = corpus[Int.random(in: 0..<corpus.count, using: &random)]
      mangle(&bytes, &random)
      guard let message = try? Heddle_Mesh_V1_ControlMessage.decode(bytes) else { continue }
      switch message {
      case .snapshot(let part): if replica.received(part).candidate != nil { _ = replica.applied() }
      case .delta(let step): if replica.received(step).candidate != nil { _ = replica.applied() }
      case .current(let current): _ = replica.received(current)
      case .endpoints(let message): _ = endpoints.received(message)
      case .heartbeat, .goAway, .trust: break
      }
      #expect(replica.held?.hash == hash(replica.resources.map(\.bytes)))
    }
  }

  private func messages(_ resources: [[UInt8]]) -> [[UInt8]] {
    let added = rule("d")
    var all: [Heddle_Mesh_V1_ControlMessage.OneOf_Message] = parts(resources, version(6, resources)).map {
      .snapshot($0)
    }
    all.append(.snapshot(snapshot(resources, version(7, resources))))
    all.append(.delta(delta(5, version(6, resources + [added]), upserts: [added])))
    all.append(.delta(delta(5, version(6, [resources[0]]), removes: ["b", "c"])))
    var current = Heddle_Mesh_V1_Current()
    current.version = version(5, resources).wire
    all.append(.current(current))
    var endpoints = Heddle_Mesh_V1_Endpoints()
    endpoints.name = "/#/registry/users"
    endpoints.state = .bound
    endpoints.full = true
    endpoints.version = 1
    endpoints.setHash = .init(SetHash.empty.bytes)
    all.append(.endpoints(endpoints))
    return all.map { content in
      var message = Heddle_Mesh_V1_ControlMessage()
      message.message = content
      return message.encodedBytes()
    }
  }

  private func mangle(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
    for _ in 0..<Int.random(in: 0...3, using: &random) {
      let at = Int.random(in: 0..<max(1, bytes.count), using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0 where !bytes.isEmpty: bytes[at] = UInt8.random(in: 0...255, using: &random)
      case 1 where !bytes.isEmpty: bytes.remove(at: at)
      case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: min(at, bytes.count))
      default: bytes = Array(bytes.prefix(at))
      }
    }
  }
}
