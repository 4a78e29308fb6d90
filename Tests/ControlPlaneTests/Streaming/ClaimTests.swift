import HTTP
import MeshProtocol
import SystemIO
import TestSupport
import Testing

@testable import ControlPlane

/// What proxies are told of where endpoints take mutual TLS, and as whom (bad-inputs 93).
@Suite struct ClaimTests {
  private let users = "/#/registry/users-v1"

  private func watcher(_ mesh: MeshHarness, capable: Bool = true) -> TestProxy {
    let proxy = TestProxy("watcher")
    if capable { proxy.capabilities = ["identity"] }
    mesh.connect(proxy)
    mesh.say(proxy, proxy.subscription(users))
    mesh.settle()
    return proxy
  }

  private func peer(_ host: String = "10.0.0.1", _ name: String = "users") throws -> StreamPeer {
    let identity: SPIFFEID = try #require(SPIFFEID(trustDomain: "heddle.local", namespace: "default", name: name))
    return StreamPeer(host: host, identity: identity)
  }

  private func taker(_ id: String, port: UInt32 = 4143, _ applications: [UInt32] = [8080]) -> TestProxy {
    let proxy = TestProxy(id)
    var inbound = Heddle_Mesh_V1_Inbound()
    inbound.port = port
    inbound.applications = applications
    proxy.inbound = inbound
    return proxy
  }

  /// What a proxy holds of the name: address, port, identity.
  private func told(_ proxy: TestProxy) throws -> [String] {
    let replica: EndpointReplica = try #require(proxy.endpoints[users])
    #expect(Set(replica.endpoints.keys) == Set(proxy.wholeEndpoints[users, default: [:]].keys))
    return proxy.wholeEndpoints[users, default: [:]].values.map { endpoint in
      endpoint.meshPort == 0 ? endpoint.address : "\(endpoint.address) \(endpoint.meshPort) \(endpoint.meshIdentity)"
    }.sorted()
  }

  @Test func aClaimReachesThoseWhoWatchTheName() throws {
    let mesh = try MeshHarness()
    mesh.register("users-v1", ["10.0.0.1:8080", "10.0.0.2:8080"])
    let watcher = watcher(mesh)
    #expect(try told(watcher) == ["10.0.0.1:8080", "10.0.0.2:8080"])
    watcher.forget()
    let taker = taker("taker")
    mesh.connect(taker, from: try peer())
    #expect(try told(watcher) == ["10.0.0.1:8080 4143 spiffe://heddle.local/ns/default/sa/users", "10.0.0.2:8080"])
    // A step with the one endpoint that changed, and nothing out of step.
    guard case .endpoints(let step)? = watcher.messages.last else { Issue.record("no endpoints came"); return }
    #expect(!step.full && step.adds.count == 1 && watcher.received[.endpoints] == 1)
    #expect(mesh.counters.desyncCount(.endpoints) == 0)
  }

  /// One proxy with a listener for each of two applications.
  @Test func eachApplicationIsClaimedAtItsOwnPort() throws {
    let mesh = try MeshHarness()
    mesh.register("users-v1", ["10.0.0.1:8080", "10.0.0.1:9090", "10.0.0.1:7070"])
    let watcher = watcher(mesh)
    let taker = taker("taker")
    var further = Heddle_Mesh_V1_Inbound()
    further.port = 4144
    further.applications = [9090, 8080]  // what is claimed twice is the first listener's
    taker.moreInbounds = [further]
    mesh.connect(taker, from: try peer())
    let identity = "spiffe://heddle.local/ns/default/sa/users"
    #expect(try told(watcher) == ["10.0.0.1:7070", "10.0.0.1:8080 4143 \(identity)", "10.0.0.1:9090 4144 \(identity)"])
  }

  @Test func whoAsksLaterIsToldAtOnce() throws {
    let mesh = try MeshHarness()
    mesh.register("users-v1", ["10.0.0.1:8080"])
    mesh.connect(taker("taker"), from: try peer())
    #expect(try told(watcher(mesh)) == ["10.0.0.1:8080 4143 spiffe://heddle.local/ns/default/sa/users"])
    mesh.register("users-v1", ["10.0.0.1:8080", "10.0.0.1:9090"])
    mesh.settle()
  }

  @Test func aServicesChangeKeepsTheClaims() throws {
    let mesh = try MeshHarness()
    mesh.register("users-v1", ["10.0.0.1:8080"])
    let watcher = watcher(mesh)
    mesh.connect(taker("taker", [8080, 9090]), from: try peer())
    mesh.register("users-v1", ["10.0.0.1:8080", "10.0.0.1:9090", "10.0.0.3:80"])
    let identity = "spiffe://heddle.local/ns/default/sa/users"
    #expect(try told(watcher) == ["10.0.0.1:8080 4143 \(identity)", "10.0.0.1:9090 4143 \(identity)", "10.0.0.3:80"])
    mesh.register("users-v1", ["10.0.0.1:9090"])
    #expect(try told(watcher) == ["10.0.0.1:9090 4143 \(identity)"])
    #expect(mesh.counters.desyncCount(.endpoints) == 0)
  }

  /// Without a certificate anybody could draw traffic to itself.
  @Test func withoutACertificateNothingIsBelieved() throws {
    let mesh = try MeshHarness()
    mesh.register("users-v1", ["10.0.0.1:8080"])
    let watcher = watcher(mesh)
    mesh.connect(taker("taker"), from: StreamPeer(host: "10.0.0.1"))
    #expect(try told(watcher) == ["10.0.0.1:8080"])
  }

  /// Nobody claims for another host than its own.
  @Test func theHostIsTheStreamsOwn() throws {
    let mesh = try MeshHarness()
    mesh.register("users-v1", ["10.0.0.1:8080"])
    let watcher = watcher(mesh)
    mesh.connect(taker("taker"), from: try peer("10.0.0.9"))
    #expect(try told(watcher) == ["10.0.0.1:8080"])
  }

  @Test func withoutTheCapabilityNothingIsTold() throws {
    let mesh = try MeshHarness()
    mesh.register("users-v1", ["10.0.0.1:8080"])
    let watcher = watcher(mesh, capable: false)
    mesh.connect(taker("taker"), from: try peer())
    #expect(try told(watcher) == ["10.0.0.1:8080"])
    #expect(watcher.received[.endpoints] == 1)
  }

  /// Bad-inputs 93: the address goes to another service; who connects expects the new one from then on.
  @Test func anotherIdentityTakesTheAddress() throws {
    let mesh = try MeshHarness()
    mesh.register("users-v1", ["10.0.0.1:8080"])
    let watcher = watcher(mesh)
    let first = taker("first")
    mesh.connect(first, from: try peer())
    mesh.disconnect(first)
    #expect(try told(watcher) == ["10.0.0.1:8080 4143 spiffe://heddle.local/ns/default/sa/users"], "it may come back")
    mesh.connect(taker("second", port: 5000), from: try peer("10.0.0.1", "orders"))
    #expect(try told(watcher) == ["10.0.0.1:8080 5000 spiffe://heddle.local/ns/default/sa/orders"])
  }

  /// A proxy that comes back under a new instance id and takes less than before.
  @Test func whoStartsAnewClaimsAnew() throws {
    let mesh = try MeshHarness()
    mesh.register("users-v1", ["10.0.0.1:8080", "10.0.0.1:9090"])
    let watcher = watcher(mesh)
    let first = taker("first", [8080, 9090])
    mesh.connect(first, from: try peer())
    mesh.disconnect(first)
    mesh.connect(taker("again", [9090]), from: try peer())
    #expect(try told(watcher) == ["10.0.0.1:8080", "10.0.0.1:9090 4143 spiffe://heddle.local/ns/default/sa/users"])
  }

  @Test func aForgottenProxyClaimsNothing() throws {
    let mesh = try MeshHarness()
    mesh.register("users-v1", ["10.0.0.1:8080"])
    let watcher = watcher(mesh)
    let taker = taker("taker")
    mesh.connect(taker, from: try peer())
    mesh.disconnect(taker)
    #expect(mesh.ledger.forget("taker"))
    mesh.hub.forgot(mesh.ledger.store())
    mesh.pump()
    #expect(try told(watcher) == ["10.0.0.1:8080"])
  }

  /// After a restart of the controller claims stand, and a proxy that holds them is told nothing anew.
  @Test func claimsSurviveARestart() throws {
    let mesh = try MeshHarness()
    mesh.register("users-v1", ["10.0.0.1:8080"])
    let watcher = watcher(mesh)
    mesh.connect(taker("taker"), from: try peer())
    mesh.ledger.store()
    let held = try #require(watcher.endpoints[users])
    mesh.time.advance(.seconds(5))
    let source = mesh.source
    let ledger = try ProxyLedger(archive: mesh.archive, clocks: mesh.time.clocks, epoch: { source.epoch })
    let hub = MeshHub(source: source, ledger: ledger, counters: mesh.counters, journal: mesh.journal)
    #expect(ledger.list(namespace: nil).map(\.identity) == ["spiffe://heddle.local/ns/default/sa/users", nil])
    let stream = watcher.stream
    #expect(hub.opened(stream, now: mesh.time.now) == nil)
    for content in [.hello(watcher.hello), watcher.subscription(users)] as [Heddle_Mesh_V1_ProxyMessage.OneOf_Message] {
      var message = Heddle_Mesh_V1_ProxyMessage()
      message.message = content
      hub.received(stream, message.encodedBytes(), now: mesh.time.now)
    }
    hub.pump(mesh.time.now) { _ in 0 }
    watcher.forget()
    for output in hub.takeOutputs() { if case .send(_, let framed, let kind) = output { watcher.receive(framed, kind) } }
    guard case .endpoints(let step)? = watcher.messages.last else { Issue.record("no endpoints came"); return }
    #expect(!step.full && step.adds.isEmpty && step.version > held.version)
    #expect(try told(watcher) == ["10.0.0.1:8080 4143 spiffe://heddle.local/ns/default/sa/users"])
  }

  @Test func theNamespaceMustBeTheCertificates() throws {
    let mesh = try MeshHarness()
    let proxy = TestProxy("p")
    proxy.namespace = "other"
    let stream = mesh.connect(proxy, from: try peer())
    #expect(mesh.finished[stream]?.code == .permissionDenied)
    #expect(mesh.counters.closedCount(.wrongIdentity) == 1)
  }

  private static let bad: [(UInt32, [UInt32])] = [(0, [80]), (70_000, [80]), (443, [0]), (443, [70_000]), (443, Array(1...65))]

  @Test(arguments: bad)
  func anInboundThatIsNone(_ port: UInt32, _ applications: [UInt32]) throws {
    let mesh = try MeshHarness()
    let stream = mesh.connect(taker("p", port: port, applications), from: try peer())
    #expect(mesh.finished[stream]?.code == .invalidArgument)
    // As a further one beside one that is well.
    let proxy = taker("q")
    proxy.moreInbounds = try [#require(taker("r", port: port, applications).inbound)]
    let second = mesh.connect(proxy, from: try peer())
    #expect(mesh.finished[second]?.code == .invalidArgument)
  }

  /// Whatever comes and goes, the index says what a plain look at all claims says.
  @Test func randomClaims() throws {
    var random = SeededRandom(seed: 0x1d)
    var claims = InboundClaims()
    var known: [(id: String, inbound: InboundClaims.Inbound, isConnected: Bool)] = []
    for round in 0..<2000 {
      let id = "p\(Int.random(in: 0..<12, using: &random))"
      switch Int.random(in: 0..<4, using: &random) {
      case 0, 1:
        let name = ["users", "orders"].randomElement(using: &random) ?? ""
        let host = "10.0.0.\(Int.random(in: 1...2, using: &random))"
        let proxy = taker(id, port: UInt32(round + 1), [80, 81].filter { _ in Bool.random(using: &random) })
        guard let inbound = InboundClaims.Inbound(proxy.hello, try peer(host, name)) else { continue }
        _ = claims.set(id, inbound, isConnected: true)
        known.removeAll {
          $0.id == id || !$0.isConnected && $0.inbound.host == host && $0.inbound.identity == inbound.identity
        }
        known.append((id, inbound, true))
      case 2:
        _ = claims.left(id)
        for place in known.indices where known[place].id == id { known[place].isConnected = false }
      default:
        _ = claims.remove(id)
        known.removeAll { $0.id == id }
      }
      for address in ["10.0.0.1:80", "10.0.0.1:81", "10.0.0.2:80", "10.0.0.2:81"] {
        let those = known.filter { $0.inbound.addresses.contains(address) }
        #expect(claims[address] == (those.last { $0.isConnected } ?? those.last)?.inbound.claims[address], "seed 0x1d, round \(round)")
      }
    }
  }
}
