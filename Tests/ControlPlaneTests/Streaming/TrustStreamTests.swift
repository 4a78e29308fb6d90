import MeshProtocol
import SystemIO
import TestSupport
import Testing

@testable import ControlPlane

/// The trust bundle on its way to the proxies.
@Suite struct TrustStreamTests {
  private func bundle(_ version: UInt64) throws -> TrustBundle {
    TrustBundle(version: version, roots: [], settings: IdentitySettings())
  }

  private func proxy(_ id: String, capable: Bool = true) -> TestProxy {
    let proxy = TestProxy(id)
    if capable { proxy.capabilities = ["identity"] }
    return proxy
  }

  @Test func itIsTheFirstThingAfterHello() throws {
    let mesh = try MeshHarness()
    mesh.hub.trustChanged(try bundle(1))
    mesh.commit(["a": "/b"])
    let (one, plain) = (proxy("one"), proxy("plain", capable: false))
    mesh.connect(one)
    mesh.connect(plain)
    #expect(one.received[.trust] == 1 && plain.received[.trust] == nil)
    guard case .trust(let told)? = one.messages.first, case .snapshot? = one.messages.last else {
      Issue.record("the order is another: \(one.messages.count) messages")
      return
    }
    #expect(told.version == 1 && told.trustDomain == "heddle.local" && told.outageGraceS == 259_200)
  }

  @Test func aChangeReachesAllAndTheirAnswersAreCounted() throws {
    let mesh = try MeshHarness()
    mesh.hub.trustChanged(try bundle(1))
    let (one, other) = (proxy("one"), proxy("other"))
    mesh.connect(one)
    mesh.connect(other)
    mesh.connect(proxy("plain", capable: false))
    #expect(!mesh.hub.everyoneHoldsTrust)
    mesh.settle()
    #expect(mesh.hub.everyoneHoldsTrust)
    mesh.hub.trustChanged(try bundle(2))
    mesh.pump()
    #expect(one.received[.trust] == 2 && other.received[.trust] == 2)
    #expect(!mesh.hub.everyoneHoldsTrust)
    mesh.settle()
    #expect(mesh.hub.everyoneHoldsTrust)
    // An older one that comes late changes nothing.
    mesh.hub.trustChanged(try bundle(1))
    mesh.pump()
    #expect(one.received[.trust] == 2)
  }
}
