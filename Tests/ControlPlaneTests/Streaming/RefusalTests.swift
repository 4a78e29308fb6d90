import HTTP
import Memory
import MeshProtocol
import SystemIO
import Testing

@testable import ControlPlane

@Suite struct RefusalTests {
  /// Bad-inputs 103: a refused revision is not sent again, also not after reconnection; the next one is.
  @Test func refusedRevisionIsNotSentAgain() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    proxy.refuses = 2
    proxy.forget()
    mesh.commit(["b": "/#/registry/1"])
    mesh.settle()
    let status = try #require(mesh.ledger.list(namespace: nil).first)
    #expect(status.state == .rejected && status.lastError == "rule b: no")
    #expect(proxy.revision == 1)
    mesh.pass(.seconds(12))
    #expect(proxy.received[.delta] == 1, "not again")
    mesh.disconnect(proxy)
    proxy.forget()
    mesh.connect(proxy)
    mesh.pass(.seconds(1))
    #expect(proxy.received[.delta] == nil && proxy.received[.snapshot] == nil, "not after coming back either")
    #expect(mesh.ledger.list(namespace: nil).first?.state == .rejected)
    mesh.commit(["b": "/#/registry/2"])
    mesh.settle()
    #expect(proxy.revision == 3)
    #expect(mesh.ledger.list(namespace: nil).first?.state == .synced)
    #expect(mesh.ledger.list(namespace: nil).first?.lastError == nil)
  }

  @Test func newerRevisionThatWaitedFollowsARefusalAtOnce() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    proxy.refuses = 2
    mesh.commit(["b": "/#/registry/1"])
    mesh.commit(["b": "/#/registry/2"])
    mesh.settle()
    #expect(proxy.revision == 3)
  }

  @Test func resyncBringsASnapshotAndIsCounted() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    mesh.commit(["b": "/#/registry/1"])
    _ = proxy.takeAnswers()
    proxy.forget()
    proxy.replica = ConfigurationReplica()
    var nack = Heddle_Mesh_V1_Nack()
    nack.revision = 2
    nack.resync = true
    mesh.say(proxy, .nack(nack))
    #expect(proxy.received == [.snapshot: 1])
    mesh.settle()
    #expect(proxy.revision == 2 && mesh.counters.desyncCount(.configuration) == 1)
  }

  @Test func endsThatCannotAgreeStopTrying() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    for _ in 0..<20 {
      _ = proxy.takeAnswers()
      proxy.replica = ConfigurationReplica()
      var nack = Heddle_Mesh_V1_Nack()
      nack.revision = 1
      nack.resync = true
      mesh.say(proxy, .nack(nack))
    }
    #expect(proxy.received[.snapshot] == 4, "the first and three more")
    #expect(mesh.ledger.list(namespace: nil).first?.state == .rejected)
  }

  @Test func acknowledgementWithAnotherHashIsADesync() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    _ = proxy.takeAnswers()
    var ack = Heddle_Mesh_V1_Ack()
    ack.revision = 1
    ack.hash = .init([UInt8](repeating: 7, count: 16))
    proxy.forget()
    mesh.say(proxy, .ack(ack))
    #expect(mesh.counters.desyncCount(.ackHash) == 1 && proxy.received == [.snapshot: 1])
    #expect(mesh.ledger.list(namespace: nil).first?.state == .pending)
  }

  @Test func answersThatNobodyWaitsForChangeNothing() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    for revision in [0, 1, 2, UInt64.max] {
      var ack = Heddle_Mesh_V1_Ack()
      ack.revision = revision
      mesh.say(proxy, .ack(ack))
      var nack = Heddle_Mesh_V1_Nack()
      nack.revision = revision
      mesh.say(proxy, .nack(nack))
    }
    #expect(mesh.ledger.list(namespace: nil).first?.state == .synced)
    #expect(mesh.counters.strayCount == 8)
  }
}
