import HTTP
import Memory
import MeshProtocol
import SystemIO
import Testing

@testable import ControlPlane

@Suite struct ConfigurationStreamTests {
  @Test func newcomerGetsASnapshotAndIsSyncedWhenItAcknowledged() throws {
    let mesh = try MeshHarness()
    mesh.commit(["users": "/#/registry/v1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    #expect(proxy.received[.snapshot] == 1)
    #expect(mesh.ledger.list(namespace: nil).map(\.state) == [.pending])
    mesh.settle()
    #expect(proxy.revision == 1 && proxy.rules == ["users"])
    #expect(mesh.ledger.list(namespace: nil).map(\.state) == [.synced])
    #expect(mesh.ledger.list(namespace: nil).first?.revisionAcknowledged == 1)
  }

  @Test func changeTravelsAsOneDeltaWhoseBytesAreSharedByAll() throws {
    let mesh = try MeshHarness()
    mesh.commit(["users": "/#/registry/v1", "other": "/#/registry/o"])
    mesh.time.advance(.milliseconds(1))
    let proxies = (0..<50).map { TestProxy("p\($0)") }
    for proxy in proxies { mesh.connect(proxy) }
    mesh.settle()
    for proxy in proxies { proxy.forget() }
    mesh.commit(["users": "/#/registry/v2"], delete: ["other"])
    for proxy in proxies { #expect(proxy.received == [.delta: 1]) }
    mesh.settle()
    #expect(proxies.allSatisfy { $0.revision == 2 && $0.rules == ["users"] })
    #expect(mesh.counters.propagation.count == 50, "what was there before a proxy came is not propagation to it")
  }

  @Test func snapshotOfManyResourcesComesInPartsWithinTheLimit() throws {
    let mesh = try MeshHarness()
    let long = String(repeating: "x", count: 1000)
    mesh.commit(Dictionary(uniqueKeysWithValues: (0..<1000).map { ("r\($0)", "/#/registry/\(long)") }))
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.pass(.seconds(1))
    mesh.settle()
    #expect(proxy.rules.count == 1000 && proxy.revision == 1)
    #expect((proxy.received[.snapshot] ?? 0) >= 4)
    for message in proxy.messages {
      guard case .snapshot(let part) = message else { continue }
      #expect(part.resources.reduce(0) { $0 + $1.count } <= MeshLimits.snapshotPart)
    }
  }

  @Test func atMostOneRevisionIsUnansweredAndNewerReplaceWaitingOnes() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    proxy.forget()
    for n in 2...50 { mesh.commit(["a": "/#/registry/\(n)"]) }
    #expect(proxy.received == [.delta: 1], "the first was sent, none after it before its answer")
    mesh.settle()
    #expect(proxy.received == [.delta: 2], "then one step to the newest")
    #expect(proxy.revision == 50)
  }

  /// Bad-inputs 106: an update every 10 ms for 10 minutes, answered every 100 ms: converges, and nothing piles up.
  @Test func constantChangeIsCoalesced() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/0"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    for n in 1...6000 {
      mesh.commit(["r\(n % 7)": "/#/registry/\(n)"])
      if n % 10 == 0 { mesh.settle() }
      if n % 100 == 0 { mesh.pass(.milliseconds(100)) }
    }
    mesh.settle()
    #expect(proxy.revision == 6001)
    #expect(proxy.received[.delta] ?? 0 <= 1300)
    #expect(proxy.received[.snapshot] == 1, "never a snapshot again")
    #expect(proxy.rules == ["a", "r0", "r1", "r2", "r3", "r4", "r5", "r6"])
  }

  @Test func proxyFarBehindGetsASnapshotInsteadOfADelta() throws {
    var limits = StreamLimits()
    limits.rememberedSteps = 8
    let mesh = try MeshHarness(limits: limits)
    mesh.commit(["a": "/#/registry/0"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    mesh.disconnect(proxy)
    for n in 1...20 { mesh.commit(["a": "/#/registry/\(n)"]) }
    proxy.forget()
    mesh.connect(proxy)
    #expect(proxy.received == [.snapshot: 1])
    mesh.settle()
    #expect(proxy.revision == 21)
  }

  @Test func namespacesDoNotMix() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"], namespace: "default")
    mesh.commit(["b": "/#/registry/1"], namespace: "blue")
    let here = TestProxy("here")
    let there = TestProxy("there")
    there.namespace = "blue"
    mesh.connect(here)
    mesh.connect(there)
    mesh.settle()
    #expect(here.rules == ["a"] && there.rules == ["b"])
    here.forget()
    mesh.commit(["c": "/#/registry/1"], namespace: "blue")
    #expect(here.received.isEmpty && there.received[.delta] == 1)
  }

  @Test func namespaceThatNeverExistedIsEmptyAndFollowsItsCreation() throws {
    let mesh = try MeshHarness()
    let proxy = TestProxy("a")
    proxy.namespace = "new"
    mesh.connect(proxy)
    mesh.settle()
    #expect(proxy.revision == 0 && proxy.rules.isEmpty)
    #expect(mesh.ledger.list(namespace: "new").first?.warnings.contains { $0.contains("does not exist") } == true)
    mesh.commit(["a": "/#/registry/1"], namespace: "new")
    mesh.settle()
    #expect(proxy.revision == 1)
    #expect(mesh.ledger.list(namespace: "new").first?.warnings == [])
  }

  @Test func foreignNamespacesDoNotPileUp() throws {
    let mesh = try MeshHarness()
    for n in 0..<100 {
      let proxy = TestProxy("p\(n)")
      proxy.namespace = "ns\(n)"
      mesh.connect(proxy)
      mesh.disconnect(proxy)
    }
    #expect(mesh.hub.feeds.isEmpty && mesh.hub.members.isEmpty && mesh.hub.sessions.isEmpty)
  }
}
