import Discovery
import MeshProtocol
import Synchronization
import Testing

@testable import ControlPlane

/// Names that a namer answers for, on their way through the hub.
@Suite struct DiscoveredNameTests {
  let name = "/#/io.l5d.k8s/prod/http/users"

  @Test func aNameIsAskedForOnceAndToldToAll() throws {
    let names = TestNames()
    let mesh = try MeshHarness(names: names)
    let proxies = (0..<5).map { TestProxy("p\($0)") }
    for proxy in proxies {
      mesh.connect(proxy)
      mesh.settle()
      mesh.say(proxy, proxy.subscription(name))
      #expect(proxy.endpoints[name]?.state == .pending)
    }
    #expect(names.wanted == [name: 1])
    mesh.tell(bound(1, ["10.0.0.1:80", "10.0.0.2:80"]))
    for proxy in proxies {
      #expect(proxy.endpoints[name]?.state == .bound && proxy.endpoints[name]?.endpoints.count == 2)
      #expect(proxy.endpoints[name]?.id == name)
    }
    mesh.tell(bound(2, ["10.0.0.2:80", "10.0.0.3:80"]))
    for proxy in proxies {
      #expect(Set(proxy.endpoints[name]?.endpoints.keys.map { $0 } ?? []) == ["10.0.0.2:80", "10.0.0.3:80"])
      guard case .endpoints(let message)? = proxy.messages.last else { continue }
      #expect(!message.full && message.adds.count == 1 && message.removes == ["10.0.0.1:80"], "a step, not everything")
    }
    #expect(mesh.counters.desyncCount(.endpoints) == 0)
  }

  @Test func whoComesLaterIsToldAtOnceAlsoInAnotherNamespace() throws {
    let names = TestNames()
    let mesh = try MeshHarness(names: names)
    let first = connected(mesh, "p1")
    mesh.say(first, first.subscription(name))
    mesh.tell(bound(1, ["10.0.0.1:80"]))
    let later = TestProxy("p2")
    later.namespace = "blue"
    mesh.connect(later)
    mesh.settle()
    mesh.say(later, later.subscription(name))
    #expect(later.endpoints[name]?.endpoints.count == 1)
    #expect(names.wanted == [name: 1])
  }

  @Test func theLastWatcherReleasesTheName() throws {
    let names = TestNames()
    let mesh = try MeshHarness(names: names)
    let (first, second) = (connected(mesh, "p1"), connected(mesh, "p2"))
    mesh.say(first, first.subscription(name))
    mesh.say(second, second.subscription(name))
    mesh.say(first, .unsubscribe(.with { $0.name = name }))
    #expect(names.wanted == [name: 1])
    mesh.disconnect(second)
    #expect(names.wanted == [name: 0])
    mesh.tell(bound(1, ["10.0.0.1:80"]))  // nobody's any more: ignored
    #expect(mesh.hub.watches.count == 0)
  }

  @Test func residualAndReasonReachTheProxy() throws {
    let mesh = try MeshHarness(names: TestNames())
    let long = name + "/v2"
    let proxy = connected(mesh, "p1")
    mesh.say(proxy, proxy.subscription(long))
    let path = try Path(parsing: long)
    mesh.tell(
      DiscoveredName(
        name: path, version: 1, state: .failed, reason: "10.1.1.1:443: connection refused", id: path))
    #expect(proxy.endpoints[long]?.state == .failed)
    #expect(proxy.endpoints[long]?.reason == "10.1.1.1:443: connection refused")
    mesh.tell(
      DiscoveredName(
        name: path, version: 2, state: .bound, id: path.prefix(5), residual: path.dropFirst(5),
        endpoints: [FoundEndpoint(address: "10.0.0.1:80", weight: 2, zone: "a")], serviceProtocol: .http2))
    let held = try #require(proxy.endpoints[long])
    #expect(held.state == .bound && held.id == name && held.residual == "/v2" && held.protocol == .http2)
    #expect(held.endpoints["10.0.0.1:80"]?.weight == 2 && held.endpoints["10.0.0.1:80"]?.zone == "a")
  }

  @Test func namesOfNobodyAreNegativeAndAskNobody() throws {
    let names = TestNames()
    let mesh = try MeshHarness(names: names)
    let proxy = connected(mesh, "p1")
    mesh.say(proxy, proxy.subscription("/#/io.l5d.nobody/x"))
    #expect(proxy.endpoints["/#/io.l5d.nobody/x"]?.state == .negative)
    #expect(names.wanted.isEmpty)
  }

  // MARK: kit

  private func connected(_ mesh: MeshHarness, _ id: String) -> TestProxy {
    let proxy = TestProxy(id)
    mesh.connect(proxy)
    mesh.settle()
    return proxy
  }

  private func bound(_ version: UInt64, _ addresses: [String]) -> DiscoveredName {
    let path = try! Path(parsing: name)
    return DiscoveredName(
      name: path, version: version, state: .bound, id: path, endpoints: addresses.map { FoundEndpoint(address: $0) })
  }
}

/// Namers of `/#/io.l5d.k8s` that a test speaks for.
final class TestNames: NameSource {
  private let counts = Mutex<[String: Int]>([:])
  var wanted: [String: Int] { counts.withLock { $0 } }

  func claims(_ name: Path) -> Bool { name.description.hasPrefix("/#/io.l5d.k8s/") }
  func want(_ name: Path) { counts.withLock { $0[name.description, default: 0] += 1 } }
  func release(_ name: Path) { counts.withLock { $0[name.description, default: 0] -= 1 } }
}
