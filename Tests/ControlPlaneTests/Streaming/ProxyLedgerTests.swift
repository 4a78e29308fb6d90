import HTTP
import Memory
import MeshProtocol
import SystemIO
import Testing

@testable import ControlPlane

@Suite struct ProxyLedgerTests {
  @Test func barrierOpensWhenNobodyIsPending() async throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxies = ["a", "b", "c"].map { TestProxy($0) }
    for proxy in proxies { mesh.connect(proxy) }
    mesh.settle()
    mesh.commit(["b": "/#/registry/1"])
    let waiter = wait(mesh, 2)
    #expect(await waiter.isWaiting)
    mesh.settle()
    let result = await waiter.result
    #expect(result.complete && result.applied == 3 && result.pending == [] && result.revision == 2)
  }

  @Test func laterRevisionCounts() async throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    mesh.connect(TestProxy("a"))
    mesh.commit(["b": "/#/registry/1"])
    mesh.commit(["c": "/#/registry/1"])
    mesh.settle()
    let result = await mesh.ledger.barrier(namespace: "default", revision: 2, timeout: .seconds(5), minApplied: 1)
    #expect(result.complete && result.applied == 1)
  }

  @Test func timeoutNamesWhoIsPending() async throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let quick = TestProxy("quick")
    let slow = TestProxy("slow")
    mesh.connect(quick)
    mesh.connect(slow)
    mesh.settle()
    mesh.commit(["b": "/#/registry/1"])
    let waiter = wait(mesh, 2)
    #expect(await waiter.isWaiting)
    for answer in quick.takeAnswers() { mesh.say(quick, answer) }
    #expect(await waiter.isWaiting)
    mesh.pass(.seconds(6))
    let result = await waiter.result
    #expect(!result.complete && result.applied == 1 && result.pending == ["slow"])
  }

  @Test func refusalAndDisconnectionOpenItButDoNotCompleteIt() async throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let good = TestProxy("good")
    let bad = TestProxy("bad")
    let gone = TestProxy("gone")
    bad.refuses = 2
    for proxy in [good, bad, gone] { mesh.connect(proxy) }
    mesh.settle()
    mesh.commit(["b": "/#/registry/1"])
    let waiter = wait(mesh, 2)
    #expect(await waiter.isWaiting)
    mesh.disconnect(gone)
    mesh.settle()
    let result = await waiter.result
    #expect(!result.complete && result.applied == 1 && result.pending == [] && result.disconnected == ["gone"])
    #expect(result.rejected.map(\.id) == ["bad"] && result.rejected.map(\.error) == ["rule b: no"])
  }

  @Test func withoutProxiesTheAnswerComesAtOnceAndIsNotComplete() async throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let one = await mesh.ledger.barrier(namespace: "default", revision: 1, timeout: .seconds(60), minApplied: 1)
    #expect(!one.complete && one.applied == 0)
    let none = await mesh.ledger.barrier(namespace: "default", revision: 1, timeout: .seconds(60), minApplied: 0)
    #expect(none.complete)
  }

  @Test func newcomerIsWaitedForToo() async throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let first = TestProxy("first")
    mesh.connect(first)
    mesh.settle()
    mesh.commit(["b": "/#/registry/1"])
    let waiter = wait(mesh, 2)
    #expect(await waiter.isWaiting)
    let second = TestProxy("second")
    mesh.connect(second)
    for answer in first.takeAnswers() { mesh.say(first, answer) }
    #expect(await waiter.isWaiting)
    mesh.settle()
    let result = await waiter.result
    #expect(result.complete && result.applied == 2)
  }

  @Test func revisionOfAnotherEpochDoesNotCount() async throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    mesh.disconnect(proxy)
    let other = try MeshHarness()
    _ = other.source.commit("default", put: ["a": "/#/registry/1"])
    other.source.restore("default", epoch: 5, revision: 1)
    other.connect(proxy, pumping: false)
    let result = await other.ledger.barrier(namespace: "default", revision: 1, timeout: .zero, minApplied: 1)
    #expect(result.pending == ["a"] && result.applied == 0)
  }

  @Test func knownProxiesSurviveARestartForADay() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a", node: "host-1")
    mesh.connect(proxy)
    mesh.settle()
    mesh.disconnect(proxy)
    mesh.ledger.store()
    let source = mesh.source
    let restarted = try ProxyLedger(archive: mesh.archive, clocks: mesh.time.clocks, epoch: { source.epoch })
    let status = try #require(restarted.list(namespace: "default").first)
    #expect(status.id == "a" && status.node == "host-1" && status.state == .disconnected)
    #expect(status.revisionAcknowledged == 1)
    mesh.time.advance(.seconds(24 * 3600 + 1))
    restarted.store()
    #expect(restarted.list(namespace: nil).isEmpty)
    #expect(try mesh.archive.knownProxies().isEmpty)
  }

  @Test func forgettingAProxy() throws {
    let mesh = try MeshHarness()
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    #expect(!mesh.ledger.forget("nobody"))
    #expect(mesh.ledger.forget("a"))
    #expect(mesh.ledger.list(namespace: nil).count == 1, "a connected one stays until it leaves")
    mesh.disconnect(proxy)
    mesh.ledger.store()
    #expect(mesh.ledger.list(namespace: nil).isEmpty)
    #expect(try mesh.archive.knownProxies().isEmpty)
  }

  @Test func numberOfKnownProxiesIsBounded() {
    var limits = LedgerLimits()
    limits.known = 10
    var known = KnownProxies(limits: limits)
    for n in 0..<50 {
      let wall = WallTime(milliseconds: Int64(n) * 1000)
      known.connected(TestProxy("p\(n)").hello, wall: wall)
      if n < 45 { _ = known.disconnected("p\(n)", wall: wall) }
    }
    _ = known.unstoredChanges(wall: WallTime(milliseconds: 60_000))
    #expect(known.entries.count == 10)
    #expect((45..<50).allSatisfy { known.entries["p\($0)"] != nil }, "connected ones are not forgotten")
  }

  @Test func recordThatDoesNotReadIsLeftOut() throws {
    let mesh = try MeshHarness()
    mesh.archive.keep([
      KnownProxy(id: "x", namespace: "default", document: [0xff, 0xff], seenAt: mesh.time.wall)
    ])
    let source = mesh.source
    let ledger = try ProxyLedger(archive: mesh.archive, clocks: mesh.time.clocks, epoch: { source.epoch })
    #expect(ledger.list(namespace: nil).isEmpty)
    ledger.store()
    #expect(try mesh.archive.knownProxies().isEmpty)
  }

  // MARK: waiting

  /// A caller of the barrier; `isWaiting` gives it time to get there.
  private struct Waiter {
    let task: Task<BarrierResult, Never>
    let registered: @Sendable () -> Bool
    var result: BarrierResult { get async { await task.value } }
    var isWaiting: Bool {
      get async {
        for _ in 0..<10_000 where !registered() { await Task.yield() }
        return registered()
      }
    }
  }

  private func wait(_ mesh: MeshHarness, _ revision: UInt64) -> Waiter {
    let ledger = mesh.ledger
    let task = Task {
      await ledger.barrier(namespace: "default", revision: revision, timeout: .seconds(5), minApplied: 1)
    }
    return Waiter(task: task, registered: { ledger.barrierCount > 0 })
  }
}
