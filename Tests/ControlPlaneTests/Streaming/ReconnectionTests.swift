import HTTP
import Memory
import MeshProtocol
import SystemIO
import Testing

@testable import ControlPlane

@Suite struct ReconnectionTests {
  /// Bad-inputs 99: a proxy that comes back with what is current costs a few bytes.
  @Test func sameHashResumesWithoutConfiguration() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    mesh.disconnect(proxy)
    proxy.forget()
    mesh.connect(proxy)
    #expect(proxy.received == [.current: 1])
    #expect(proxy.bytes < 100)
    #expect(mesh.ledger.list(namespace: nil).map(\.state) == [.synced])
  }

  /// The same over a restart of the controller, whose hub remembers no steps.
  @Test func sameHashResumesAtANewController() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    let restarted = MeshHub(source: mesh.source, ledger: mesh.ledger, counters: mesh.counters, journal: mesh.journal)
    let stream = Handle(index: 99, generation: 1)
    #expect(restarted.opened(stream, now: mesh.time.now) == nil)
    var message = Heddle_Mesh_V1_ProxyMessage()
    message.hello = proxy.hello
    restarted.received(stream, message.encodedBytes(), now: mesh.time.now)
    restarted.pump(mesh.time.now) { _ in 0 }
    let kinds = restarted.takeOutputs().map { output in
      if case .send(_, _, let kind) = output { kind } else { PushKind.goAway }
    }
    #expect(kinds == [.current])
  }

  @Test func whoMissedStepsGetsOneDelta() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    mesh.disconnect(proxy)
    mesh.commit(["b": "/#/registry/1"])
    mesh.commit(["c": "/#/registry/1"], delete: ["b"])
    proxy.forget()
    mesh.connect(proxy)
    mesh.settle()
    #expect(proxy.received == [.delta: 1] && proxy.revision == 3 && proxy.rules == ["a", "c"])
  }

  @Test func sameRevisionWithAnotherHashIsReplaced() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let elsewhere = MemorySource(time: mesh.time)
    let change = elsewhere.commit("default", put: ["z": "/#/registry/9"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    mesh.disconnect(proxy)
    let hello = { () -> Heddle_Mesh_V1_Hello in
      var hello = proxy.hello
      hello.last.hash = .init(change.after.hash.bytes)
      return hello
    }()
    proxy.forget()
    let stream = Handle(index: 77, generation: 1)
    #expect(mesh.hub.opened(stream, now: mesh.time.now) == nil)
    var message = Heddle_Mesh_V1_ProxyMessage()
    message.hello = hello
    mesh.hub.received(stream, message.encodedBytes(), now: mesh.time.now)
    mesh.hub.pump(mesh.time.now) { _ in 0 }
    guard case .send(_, _, .snapshot) = mesh.hub.takeOutputs().first else {
      Issue.record("no snapshot")
      return
    }
    #expect(mesh.ledger.list(namespace: nil).map(\.state) == [.pending], "it is not synced with something else")
    #expect(mesh.counters.desyncCount(.configuration) == 1)
  }

  /// The store was put back and written up to the revision that the proxy holds: it keeps what it has, and says so.
  @Test func sameRevisionOfALostHistoryIsKept() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    proxy.forget()
    let other = try MeshHarness()
    other.commit(["z": "/#/registry/9"])
    other.source.lose()
    other.connect(proxy)
    other.settle()
    #expect(proxy.received.isEmpty && proxy.revision == 1)
    #expect(other.counters.desyncCount(.configuration) == 0)
    let status = try #require(other.ledger.list(namespace: nil).first)
    #expect(status.state == .stale && status.warnings.contains { $0.contains("lost") })
    other.commit(["y": "/#/registry/9"])
    other.settle()
    #expect(proxy.received.isEmpty && proxy.revision == 1)
  }

  /// Bad-inputs 102: the store lost history. The store is told, and the proxy keeps what it has; a new epoch is taken.
  @Test func proxyAheadOfTheStoreKeepsWhatItHasUntilANewEpoch() throws {
    let mesh = try MeshHarness()
    for n in 1...5 { mesh.commit(["a": "/#/registry/\(n)"]) }
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    let old = try MeshHarness()
    old.commit(["a": "/#/registry/1"])
    proxy.forget()
    old.connect(proxy)
    old.settle()
    #expect(proxy.received.isEmpty && proxy.revision == 5)
    #expect(old.source.reports.last?.revision == 5)
    let status = try #require(old.ledger.list(namespace: nil).first)
    #expect(status.state == .stale && status.warnings.contains { $0.contains("lost") })

    let renewed = try MeshHarness()
    _ = renewed.source.commit("default", put: ["a": "/#/registry/1"])
    renewed.source.restore("default", epoch: 9, revision: 1)
    renewed.connect(proxy)
    renewed.settle()
    #expect(proxy.received == [.snapshot: 1] && proxy.revision == 1)
    #expect(proxy.replica.held?.epoch == [UInt8](repeating: 9, count: 16))
    #expect(renewed.ledger.list(namespace: nil).map(\.state) == [.synced])
  }

  /// Bad-inputs 113: thousands come back with nothing in hand. Snapshots go out as the budget allows, in order;
  /// meanwhile the steps of those that are connected are not held up.
  @Test func snapshotsOfAMassReconnectionDoNotStarveOthers() throws {
    var limits = StreamLimits()
    limits.snapshotBytesPerSecond = 4 << 20
    limits.snapshotBurstBytes = 1 << 20
    let mesh = try MeshHarness(limits: limits)
    mesh.commit(Dictionary(uniqueKeysWithValues: (0..<20).map { ("r\($0)", "/#/registry/v1") }))
    let settled = TestProxy("settled")
    mesh.connect(settled)
    mesh.settle()
    settled.forget()
    let crowd = (0..<5000).map { TestProxy("p\($0)") }
    for proxy in crowd { mesh.connect(proxy, pumping: false) }
    mesh.pump()
    let served = crowd.count { $0.received[.snapshot] != nil }
    #expect(served > 0 && served < 500, "the budget's burst and no more: \(served)")
    mesh.commit(["r0": "/#/registry/v2"])
    #expect(settled.received[.delta] == 1)
    mesh.pass(.seconds(10))
    mesh.settle()
    #expect(crowd.allSatisfy { $0.revision == 2 }, "all are there within 10 s")
    #expect(mesh.hub.waiting.isEmpty && mesh.hub.crowded.isEmpty)
  }

  @Test func resumptionIsFreeOfTheSnapshotBudget() throws {
    var limits = StreamLimits()
    limits.snapshotBytesPerSecond = 1
    limits.snapshotBurstBytes = 1
    let mesh = try MeshHarness(limits: limits)
    mesh.commit(["a": "/#/registry/1"])
    let first = TestProxy("first")
    mesh.connect(first)
    mesh.settle()
    #expect(first.revision == 1, "a full bucket lets a larger snapshot through")
    let hungry = TestProxy("hungry")
    mesh.connect(hungry)
    #expect(hungry.received.isEmpty, "and is empty then")
    mesh.disconnect(first)
    first.forget()
    mesh.connect(first)
    #expect(first.received == [.current: 1])
  }

  /// Bad-inputs 115: the newer stream of an instance wins; instances that share a node name are both served, and warned
  /// about.
  @Test func sameInstanceTwice() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    let older = mesh.connect(proxy)
    mesh.settle()
    let again = TestProxy("a")
    mesh.connect(again)
    mesh.settle()
    #expect(mesh.finished[older]?.code == .aborted)
    #expect(again.revision == 1)
    mesh.hub.closed(older)
    #expect(mesh.ledger.connectedCount(namespace: "default") == 1)
    #expect(mesh.ledger.list(namespace: nil).map(\.state) == [.synced])
    #expect(mesh.counters.closedCount(.replaced) == 1)
  }

  @Test func sameNodeTwice() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let one = TestProxy("one", node: "host-1")
    let two = TestProxy("two", node: "host-1")
    mesh.connect(one)
    mesh.connect(two)
    mesh.settle()
    #expect(one.revision == 1 && two.revision == 1)
    for status in mesh.ledger.list(namespace: nil) { #expect(status.warnings.contains { $0.contains("host-1") }) }
    mesh.disconnect(two)
    #expect(mesh.ledger.list(namespace: nil).first?.warnings == [])
  }
}
