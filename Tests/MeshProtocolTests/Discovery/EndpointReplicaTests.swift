import Testing

@testable import MeshProtocol

@Suite struct EndpointReplicaTests {
  let name = "/#/registry/users"

  @Test func fullThenStep() {
    var replica = EndpointReplica(name: name)
    #expect(replica.subscription.version == 0)
    #expect(replica.received(full(3, ["a:1", "b:1"])) == .changed)
    #expect(replica.state == .bound && replica.version == 3 && replica.endpoints.count == 2)
    #expect(replica.received(step(3, 4, adds: ["c:1"], removes: ["a:1"], then: ["b:1", "c:1"])) == .changed)
    #expect(Set(replica.endpoints.keys) == ["b:1", "c:1"])
    #expect(replica.subscription.version == 4)
    #expect(replica.subscription.setHash == .init(setHash(["b:1", "c:1"]).bytes))
  }

  @Test func confirmationChangesNothing() {
    var replica = EndpointReplica(name: name)
    _ = replica.received(full(3, ["a:1"]))
    #expect(replica.received(step(3, 3, then: ["a:1"])) == .unchanged)
    #expect(replica.version == 3)
  }

  @Test func changedWeightReplacesTheEndpoint() {
    var replica = EndpointReplica(name: name)
    _ = replica.received(full(1, ["a:1"]))
    var message = step(1, 2, then: [])
    let heavier = endpoint("a:1", weight: 5)
    message.adds = [.init(heavier)]
    message.setHash = .init(SetHash(of: heavier).bytes)
    #expect(replica.received(message) == .changed)
    #expect(replica.endpoints["a:1"]?.weight == 5)
  }

  @Test func whatDoesNotFitLeavesEverythingAsItWas() {
    var held = EndpointReplica(name: name)
    _ = held.received(full(3, ["a:1", "b:1"]))
    var otherName = full(4, ["a:1"])
    otherName.name = "/#/registry/other"
    var wrongHash = full(4, ["a:1"])
    wrongHash.setHash = .init(SetHash.empty.bytes)
    var shortHash = full(4, ["a:1"])
    shortHash.setHash = .init([1])
    var garbage = full(4, ["a:1"])
    garbage.adds.append(.init([0xff, 0xff, 0xff]))
    var nameless = full(4, [])
    nameless.adds = [.init(endpoint(""))]
    var twice = full(4, ["a:1"])
    twice.adds.append(twice.adds[0])
    var both = step(3, 4, adds: ["c:1"], removes: ["c:1"], then: ["a:1", "b:1", "c:1"])
    both.full = false
    var stateless = full(4, ["a:1"])
    stateless.state = .unspecified
    var later = stateless
    later.state = .UNRECOGNIZED(99)
    let cases: [(Heddle_Mesh_V1_Endpoints, EndpointGap)] = [
      (otherName, .name), (wrongHash, .hash), (shortHash, .hash), (garbage, .malformed), (nameless, .malformed),
      (twice, .malformed), (both, .malformed), (stateless, .state), (later, .state),
      (step(2, 4, adds: ["c:1"], then: ["a:1", "b:1", "c:1"]), .base),
      (step(4, 5, adds: ["c:1"], then: ["a:1", "b:1", "c:1"]), .base),
      (step(3, 4, adds: ["c:1"], then: ["a:1", "c:1"]), .hash),
      (step(3, 4, removes: ["nobody:1"], then: ["a:1"]), .hash),
    ]
    for (message, gap) in cases {
      var replica = held
      #expect(replica.received(message) == .resubscribe(gap))
      #expect(replica.endpoints == held.endpoints && replica.version == 3 && replica.state == .bound)
      #expect(replica.subscription == held.subscription, "what it tells that it holds stays true")
      #expect(replica.gapsInARow == 1)
    }
  }

  @Test func stepBeforeAnythingIsAGap() {
    var replica = EndpointReplica(name: name)
    #expect(replica.received(step(0, 1, adds: ["a:1"], then: ["a:1"])) == .resubscribe(.base))
  }

  @Test func pendingAndFailedNeverReplaceBound() {
    var replica = EndpointReplica(name: name)
    #expect(replica.received(state(.pending)) == .changed)
    #expect(replica.received(state(.failed, reason: "no answer")) == .changed)
    #expect(replica.reason == "no answer")
    _ = replica.received(full(3, ["a:1"]))
    for lost in [Heddle_Mesh_V1_NameState.pending, .failed] {
      #expect(replica.received(state(lost, reason: "away")) == .kept)
      #expect(replica.state == .bound && replica.endpoints.count == 1 && replica.version == 3)
    }
    #expect(replica.received(step(3, 4, adds: ["b:1"], then: ["a:1", "b:1"])) == .changed, "and steps go on")
  }

  @Test func negativeEmptiesAndOnlyAFullStateFollows() {
    var replica = EndpointReplica(name: name)
    _ = replica.received(full(3, ["a:1"]))
    #expect(replica.received(state(.negative, version: 4)) == .changed)
    #expect(replica.endpoints.isEmpty && replica.subscription.version == 0)
    #expect(replica.received(state(.negative, version: 4)) == .unchanged)
    #expect(replica.received(step(4, 5, adds: ["a:1"], then: ["a:1"])) == .resubscribe(.base))
    #expect(replica.received(full(5, ["a:1"])) == .changed)
  }

  @Test func boundWithoutEndpointsIsNotNegative() {
    var replica = EndpointReplica(name: name)
    #expect(replica.received(full(1, [])) == .changed)
    #expect(replica.state == .bound && replica.endpoints.isEmpty && replica.subscription.version == 1)
  }

  @Test(arguments: [Double.nan, -1, .infinity, -.infinity])
  func weightThatIsNoneMakesTheEndpointUnusable(weight: Double) throws {
    #expect(try ReplicatedEndpoint(decoding: endpoint("a:1", weight: weight)).weight == nil)
  }

  @Test func giganticWeightIsCut() throws {
    #expect(try ReplicatedEndpoint(decoding: endpoint("a:1", weight: 1e300)).weight == EndpointLimits.weight)
  }

  // MARK: messages

  private func endpoint(_ address: String, weight: Double = 1) -> [UInt8] {
    var endpoint = Heddle_Mesh_V1_Endpoint()
    endpoint.address = address
    endpoint.weight = weight
    return endpoint.encodedBytes()
  }

  private func setHash(_ addresses: [String]) -> SetHash { hash(addresses.map { endpoint($0) }) }

  private func state(
    _ state: Heddle_Mesh_V1_NameState, reason: String = "", version: UInt64 = 0
  ) -> Heddle_Mesh_V1_Endpoints {
    var message = Heddle_Mesh_V1_Endpoints()
    message.name = name
    message.state = state
    message.reason = reason
    message.version = version
    return message
  }

  private func full(_ version: UInt64, _ addresses: [String]) -> Heddle_Mesh_V1_Endpoints {
    var message = state(.bound, version: version)
    message.full = true
    message.adds = addresses.map { .init(endpoint($0)) }
    message.setHash = .init(setHash(addresses).bytes)
    return message
  }

  private func step(
    _ base: UInt64, _ version: UInt64, adds: [String] = [], removes: [String] = [], then addresses: [String]
  ) -> Heddle_Mesh_V1_Endpoints {
    var message = full(version, adds)
    message.full = false
    message.base = base
    message.removes = removes
    message.setHash = .init(setHash(addresses).bytes)
    return message
  }
}
