import TestSupport
import Testing

@testable import MeshProtocol

@Suite struct ConfigurationReplicaTests {
  @Test func snapshotInPartsIsAppliedWhenTheLastPartCame() throws {
    let resources = ["a", "b", "c"].map { rule($0) }
    var replica = ConfigurationReplica()
    let all = parts(resources, version(7, resources))
    for part in all.dropLast() { #expect(replica.received(part).isMore) }
    let candidate = try #require(replica.received(all[2]).candidate)
    #expect(candidate.isWhole && candidate.changes.count == 3 && !candidate.changesEpoch)
    #expect(replica.held == nil, "nothing is in force before the proxy says so")
    let given = replica.applied()
    let ack = try #require(given)
    #expect(ack.revision == 7)
    #expect(replica.held == version(7, resources))
    #expect(replica.resources.count == 3)
    #expect(replica.applied() == nil, "a verdict is given once")
  }

  @Test func emptySnapshotIsAConfiguration() throws {
    var replica = ConfigurationReplica()
    #expect(replica.received(parts([], version(1, []))[0]).candidate != nil)
    #expect(replica.applied()?.revision == 1)
    #expect(replica.held?.hash == .empty)
  }

  /// Only the one right order of four parts makes a configuration; every other order is a gap, not a partial
  /// configuration.
  @Test func everyOrderOfParts() {
    let resources = ["a", "b", "c", "d"].map { rule($0) }
    let all = parts(resources, version(3, resources))
    for order in permutations([0, 1, 2, 3]) {
      var replica = ConfigurationReplica()
      var outcomes: [ConfigurationStep] = []
      for index in order { outcomes.append(replica.received(all[index])) }
      let made = outcomes.contains { $0.candidate != nil }
      #expect(made == (order == [0, 1, 2, 3]), "order \(order)")
      #expect(made || outcomes.contains { $0.gap == .partOrder }, "order \(order)")
    }
  }

  @Test func partOfAnotherVersionIsAGapAndANewSnapshotReplacesAnUnfinishedOne() {
    let first = ["a", "b"].map { rule($0) }
    let second = ["c", "d"].map { rule($0) }
    let old = parts(first, version(3, first))
    let new = parts(second, version(4, second))
    var replica = ConfigurationReplica()
    #expect(replica.received(old[0]).isMore)
    #expect(replica.received(new[1]).gap == .partOrder)
    #expect(replica.received(old[0]).isMore)
    #expect(replica.received(new[0]).isMore)
    #expect(replica.received(new[1]).candidate?.version.revision == 4)
  }

  @Test func disconnectionDropsParts() {
    let resources = ["a", "b"].map { rule($0) }
    let all = parts(resources, version(3, resources))
    var replica = ConfigurationReplica()
    #expect(replica.received(all[0]).isMore)
    replica.disconnected()
    #expect(replica.received(all[1]).gap == .partOrder)
  }

  @Test func stepReplacesAddsAndRemoves() throws {
    let before = ["a", "b", "c"].map { rule($0) }
    let changed = rule("b", to: "/#/registry/users-v2")
    let added = rule("d")
    let after = version(9, [before[0], changed, added])
    var replica = replica(before, at: 5)
    let candidate = try #require(
      replica.received(delta(5, after, upserts: [changed, added], removes: ["c", "never-there"])).candidate)
    #expect(!candidate.isWhole && candidate.changes.count == 3)
    #expect(replica.applied()?.hash == .init(after.hash.bytes))
    #expect(replica.held == after)
    #expect(Set(replica.resources.map(\.identity.name)) == ["a", "b", "d"])
  }

  /// What came again unchanged is not held twice, and nobody compiles it again.
  @Test func aSnapshotGivesWhatDiffers() throws {
    let before = ["a", "b", "c"].map { rule($0) }
    var replica = replica(before, at: 5)
    let kept = try #require(replica.resources[ResourceIdentity(kind: .rule, name: "a")])
    let after = [before[0], rule("b", to: "/#/registry/other"), rule("d")]
    let candidate = try #require(replica.received(snapshot(after, version(6, after))).candidate)
    let names = candidate.changes.map { [$0.old?.identity.name, $0.new?.identity.name] }
    #expect(Set(names) == [["b", "b"], ["c", nil], [nil, "d"]])
    #expect(replica.applied()?.revision == 6)
    #expect(replica.resources[kept.identity] === kept)
    #expect(Set(replica.resources.map(\.bytes)) == Set(after))
    let same = try #require(replica.received(snapshot(after, version(7, after))).candidate)
    #expect(same.isWhole && same.changes.isEmpty)
  }

  @Test func stepThatDoesNotFitAsksForASnapshot() {
    let before = [rule("a")]
    let added = rule("b")
    let after = version(6, [before[0], added])
    let other = version(6, [before[0], added], epoch: epochB)
    let cases: [(Heddle_Mesh_V1_Delta, ConfigurationGap)] = [
      (delta(4, after, upserts: [added]), .base),
      (delta(6, after, upserts: [added]), .base),
      (delta(5, other, upserts: [added]), .base),
      (delta(5, version(5, before)), .base),
      (delta(5, version(4, before)), .base),
      (delta(5, after), .hash),
      (delta(5, after, upserts: [rule("b", to: "/#/registry/x")]), .hash),
      (delta(5, after, upserts: [added], removes: ["a"]), .hash),
    ]
    for (step, gap) in cases {
      var replica = replica(before, at: 5)
      let outcome = replica.received(step)
      #expect(outcome.gap == gap)
      if case .resync(let nack, _) = outcome { #expect(nack.resync && nack.revision == step.version.revision) }
      #expect(replica.held == version(5, before))
    }
    var empty = ConfigurationReplica()
    #expect(empty.received(delta(0, after, upserts: [added])).gap == .base)
  }

  @Test func wrongHashOfASnapshotIsNeverAppliedAndNotAskedForForEver() {
    var replica = ConfigurationReplica()
    let wrong = snapshot([rule("a")], version(2, [rule("b")]))
    for _ in 0..<3 { #expect(replica.received(wrong).gap == .hash) }
    #expect(replica.received(wrong).breach == .cannotAgree)
    #expect(replica.held == nil)
  }

  @Test func shortEpochOrHashIsAGap() {
    var part = snapshot([], version(1, []))
    part.version.epoch = .init([1, 2, 3])
    var replica = ConfigurationReplica()
    #expect(replica.received(part).gap == .partOrder)
    part = snapshot([], version(1, []))
    part.version.hash = .init([])
    #expect(replica.received(part).gap == .partOrder)
  }

  @Test func currentMustBeWhatIsHeld() {
    let resources = [rule("a")]
    var replica = replica(resources, at: 5)
    var current = Heddle_Mesh_V1_Current()
    current.version = version(5, resources).wire
    #expect(replica.received(current).isCurrent)
    current.version = version(6, resources).wire
    #expect(replica.received(current).gap == .notCurrent)
    var empty = ConfigurationReplica()
    #expect(empty.received(current).gap == .notCurrent)
  }

  /// Bad-inputs 102: the same history going back is refused and named; another history is taken, and said to be one.
  @Test func olderRevisionIsRefusedUnlessTheEpochIsNew() throws {
    let held = [rule("a")]
    let old = [rule("z")]
    var replica = replica(held, at: 9)
    let nack = try #require(replica.received(snapshot(old, version(8, old))).refusal)
    #expect(!nack.resync && nack.revision == 8 && nack.errors.first?.message.contains("older") == true)
    #expect(replica.held == version(9, held))
    let candidate = try #require(replica.received(snapshot(old, version(2, old, epoch: epochB))).candidate)
    #expect(candidate.changesEpoch)
    _ = replica.applied()
    #expect(replica.held == version(2, old, epoch: epochB))
  }

  @Test func nothingMayComeBeforeTheVerdict() {
    let one = [rule("a")]
    let two = [rule("b")]
    var replica = replica(one, at: 1)
    #expect(replica.received(snapshot(two, version(2, two))).candidate != nil)
    #expect(replica.isJudging)
    #expect(replica.received(snapshot(one, version(3, one))).breach == .unanswered)
    #expect(replica.received(delta(1, version(3, two), upserts: two)).breach == .unanswered)
    #expect(replica.received(Heddle_Mesh_V1_Current()).breach == .unanswered)
    #expect(replica.applied()?.revision == 2, "the candidate was not disturbed")
  }

  @Test func refusalKeepsWhatIsHeldAndListsTheReasons() throws {
    let one = [rule("a")]
    let two = [rule("b")]
    var replica = replica(one, at: 1)
    _ = replica.received(snapshot(two, version(2, two)))
    let fault = ResourceFault(identity: ResourceIdentity(kind: .rule, name: "b"), message: "leads to itself")
    let given = replica.refused([fault])
    let nack = try #require(given)
    #expect(nack.revision == 2 && !nack.resync && nack.errors == [fault.wire])
    #expect(replica.held == version(1, one))
    #expect(replica.refused([fault]) == nil)
  }

  /// Bad-inputs 104: one invalid among many refuses the revision, and every invalid one is named.
  @Test func everyInvalidResourceIsNamed() throws {
    var bad = Heddle_Mesh_V1_Resource()
    bad.key.kind = .split
    bad.key.name = "users"
    bad.split.prefix = "/svc/users"
    var unknown = Heddle_Mesh_V1_Resource()
    unknown.key.kind = .UNRECOGNIZED(77)
    unknown.key.name = "later"
    let resources = (0..<99).map { rule("r\($0)") } + [bad.encodedBytes(), unknown.encodedBytes(), [0xff, 0xff, 0xff]]
    var replica = ConfigurationReplica()
    let nack = try #require(replica.received(snapshot(resources, version(1, resources))).refusal)
    #expect(nack.errors.count == 3)
    #expect(Set(nack.errors.map(\.key.name)) == ["users", "later", ""])
    #expect(replica.held == nil)
  }

  @Test func sameKeyTwiceIsRefused() throws {
    let resources = [rule("a"), rule("a", to: "/#/registry/other")]
    var replica = ConfigurationReplica()
    let nack = try #require(replica.received(snapshot(resources, version(1, resources))).refusal)
    #expect(nack.errors.first?.message.contains("twice") == true)
  }

  @Test func listOfErrorsIsBounded() throws {
    let resources = (0..<500).map { [0xff, 0xff, UInt8($0 & 0xff), UInt8($0 >> 8)] as [UInt8] }
    var replica = ConfigurationReplica()
    let nack = try #require(replica.received(snapshot(resources, version(1, resources))).refusal)
    #expect(nack.errors.count == 101)
    #expect(nack.errors.last?.message == "and 400 more")
  }

  @Test func hostileSizesEndTheStream() {
    var limits = ReplicaLimits()
    limits.resources = 3
    limits.bytes = 1000
    let many = ["a", "b", "c", "d"].map { rule($0) }
    var replica = ConfigurationReplica(limits: limits)
    #expect(replica.received(snapshot(many, version(1, many))).breach == .tooLarge)
    let large = [[UInt8](repeating: 0, count: 1001)]
    #expect(replica.received(snapshot(large, version(1, large))).breach == .tooLarge)
    var full = MeshProtocolTests.replica(Array(many.prefix(3)), at: 1, limits: limits)
    #expect(full.received(delta(1, version(2, many), upserts: [many[3]])).breach == .tooLarge)
  }

  @Test func diskCopyIsJudgedLikeASnapshot() {
    let resources = [rule("a"), rule("b")]
    var replica = ConfigurationReplica()
    #expect(replica.restored(version(4, [rule("a")]), resources: resources).gap == .hash)
    #expect(replica.restored(version(4, resources), resources: resources).candidate != nil)
    #expect(replica.applied()?.revision == 4)
  }

  /// Random histories: whatever steps are lost, a replica that answers resync with a snapshot ends at the controller's
  /// state.
  @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
  func lostStepsNeverLeaveAWrongState(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var truth: [String: [UInt8]] = [:]
    var replica = replica([], at: 0)
    for revision in 1...300 as ClosedRange<UInt64> {
      let id = "r\(Int.random(in: 0..<20, using: &random))"
      var upserts: [[UInt8]] = []
      var removes: [String] = []
      if truth[id] != nil, Bool.random(using: &random) {
        truth[id] = nil
        removes = [id]
      } else {
        truth[id] = rule(id, to: "/#/registry/v\(revision)")
        upserts = [truth[id] ?? []]
      }
      if Int.random(in: 0..<10, using: &random) == 0 { continue }
      let now = version(revision, Array(truth.values))
      let step = replica.received(delta(revision - 1, now, upserts: upserts, removes: removes))
      if step.gap != nil { #expect(replica.received(snapshot(Array(truth.values), now)).candidate != nil) }
      #expect(replica.applied()?.revision == revision)
      #expect(replica.held == now)
      #expect(hash(replica.resources.map(\.bytes)) == now.hash)
    }
  }

  private func permutations(_ items: [Int]) -> [[Int]] {
    guard !items.isEmpty else { return [[]] }
    return items.flatMap { first in permutations(items.filter { $0 != first }).map { [first] + $0 } }
  }
}
