import HTTP
import Memory
import MeshProtocol
import SystemIO
import Testing

@testable import ControlPlane

@Suite struct EndpointStreamTests {
  let name = "/#/registry/users"

  @Test func subscriptionBringsTheWholeSetAndThenSteps() throws {
    let mesh = try MeshHarness()
    mesh.register("users", ["10.0.0.1:80", "10.0.0.2:80"])
    let proxies = (0..<20).map { TestProxy("p\($0)") }
    for proxy in proxies {
      mesh.connect(proxy)
      mesh.settle()
      mesh.say(proxy, proxy.subscription(name))
      #expect(proxy.endpoints[name]?.state == .bound && proxy.endpoints[name]?.endpoints.count == 2)
      #expect(proxy.endpoints[name]?.id == name && proxy.endpoints[name]?.residual == "/")
      proxy.forget()
    }
    mesh.register("users", ["10.0.0.2:80", "10.0.0.3:80"])
    for proxy in proxies {
      guard case .endpoints(let message)? = proxy.messages.last else {
        Issue.record("nothing came")
        continue
      }
      #expect(!message.full && message.adds.count == 1 && message.removes == ["10.0.0.1:80"])
      #expect(Set(proxy.endpoints[name]?.endpoints.keys.map { $0 } ?? []) == ["10.0.0.2:80", "10.0.0.3:80"])
    }
  }

  @Test func missingServiceIsNegativeAndThenBoundWhenItAppears() throws {
    let mesh = try MeshHarness()
    let proxy = connected(mesh)
    mesh.say(proxy, proxy.subscription(name))
    #expect(proxy.endpoints[name]?.state == .negative)
    #expect(proxy.endpoints[name]?.reason == "no service users in namespace default")
    mesh.register("users", [])
    #expect(proxy.endpoints[name]?.state == .bound, "a service without endpoints exists")
    mesh.register("users", ["10.0.0.1:80"])
    #expect(proxy.endpoints[name]?.endpoints.count == 1)
    mesh.register("users", nil)
    #expect(proxy.endpoints[name]?.state == .negative)
    mesh.register("users", ["10.0.0.9:80"])
    #expect(proxy.endpoints[name]?.endpoints.keys.first == "10.0.0.9:80")
    #expect(mesh.counters.desyncCount(.endpoints) == 0)
  }

  @Test func restOfTheNameIsTheResidual() throws {
    let mesh = try MeshHarness()
    mesh.register("users", ["10.0.0.1:80"])
    let proxy = connected(mesh)
    let long = name + "/a/b"
    mesh.say(proxy, proxy.subscription(long))
    #expect(proxy.endpoints[long]?.id == name && proxy.endpoints[long]?.residual == "/a/b")
  }

  @Test func otherNamespacesByTheirOwnPrefix() throws {
    let mesh = try MeshHarness()
    mesh.register("users", ["10.0.0.1:80"], namespace: "default")
    mesh.register("users", ["10.9.9.9:80"], namespace: "blue")
    let proxy = connected(mesh)
    let blue = "/#/registry.ns/blue/users"
    mesh.say(proxy, proxy.subscription(blue))
    mesh.say(proxy, proxy.subscription(name))
    #expect(proxy.endpoints[blue]?.endpoints.keys.first == "10.9.9.9:80")
    #expect(proxy.endpoints[name]?.endpoints.keys.first == "10.0.0.1:80")
  }

  @Test(arguments: [
    ("/#/io.l5d.consul/dc1/users", "no namer"), ("/#/registry", "no service"), ("/#/registry.ns/blue", "no service"),
    ("/#/registry.ns", "no namespace"), ("/svc/users", "not a concrete name"), ("nonsense", "not a path"),
    ("/", "not a concrete"),
  ])
  func namesThatNobodyAnswers(name: String, reason: String) throws {
    let mesh = try MeshHarness()
    let proxy = connected(mesh)
    mesh.say(proxy, proxy.subscription(name))
    #expect(proxy.endpoints[name]?.state == .negative)
    #expect(proxy.endpoints[name]?.reason.contains(reason) == true, "\(proxy.endpoints[name]?.reason ?? "")")
  }

  @Test func whoComesBackWithTheSameStateIsOnlyConfirmed() throws {
    let mesh = try MeshHarness()
    mesh.register("users", (0..<100).map { "10.0.0.\($0):80" })
    let proxy = connected(mesh)
    mesh.say(proxy, proxy.subscription(name))
    mesh.disconnect(proxy)
    proxy.forget()
    mesh.connect(proxy)
    mesh.say(proxy, proxy.subscription(name))
    #expect(proxy.received[.endpoints] == 1 && proxy.bytes < 300)
    mesh.disconnect(proxy)
    let keeper = connected(mesh, "keeper")
    mesh.say(keeper, keeper.subscription(name))
    mesh.register("users", (1..<101).map { "10.0.0.\($0):80" })
    proxy.forget()
    mesh.connect(proxy)
    mesh.say(proxy, proxy.subscription(name))
    guard case .endpoints(let message)? = proxy.messages.last else { throw Missing() }
    #expect(!message.full && message.adds.count == 1 && message.removes.count == 1)
    #expect(proxy.endpoints[name]?.endpoints.count == 100)
  }

  @Test func desyncIsHealedAndCounted() throws {
    let mesh = try MeshHarness()
    mesh.register("users", ["10.0.0.1:80"])
    let proxy = connected(mesh)
    mesh.say(proxy, proxy.subscription(name))
    proxy.endpoints[name] = EndpointReplica(name: name)
    mesh.register("users", ["10.0.0.1:80", "10.0.0.2:80"])
    mesh.settle()
    #expect(proxy.endpoints[name]?.endpoints.count == 2)
    #expect(mesh.counters.desyncCount(.endpoints) == 1)
  }

  @Test func capOfSubscriptionsFailsTheNewNameAndKeepsTheOld() throws {
    var limits = StreamLimits()
    limits.subscriptions = 3
    let mesh = try MeshHarness(limits: limits)
    mesh.register("s0", ["10.0.0.1:80"])
    let proxy = connected(mesh)
    for n in 0..<4 { mesh.say(proxy, proxy.subscription("/#/registry/s\(n)")) }
    #expect(proxy.endpoints["/#/registry/s3"]?.state == .failed)
    #expect(proxy.endpoints["/#/registry/s0"]?.state == .bound)
    var unsubscribe = Heddle_Mesh_V1_Unsubscribe()
    unsubscribe.name = "/#/registry/s1"
    mesh.say(proxy, .unsubscribe(unsubscribe))
    mesh.say(proxy, proxy.subscription("/#/registry/s3"))
    #expect(proxy.endpoints["/#/registry/s3"]?.state == .negative)
  }

  @Test func overlongNameEndsTheStream() throws {
    let mesh = try MeshHarness()
    let proxy = connected(mesh)
    mesh.say(proxy, proxy.subscription("/#/registry/" + String(repeating: "x", count: 3000)))
    #expect(mesh.finished[proxy.stream]?.code == .invalidArgument)
  }

  @Test func unsubscribedNamesAreForgotten() throws {
    let mesh = try MeshHarness()
    mesh.register("users", ["10.0.0.1:80"])
    let proxy = connected(mesh)
    mesh.say(proxy, proxy.subscription(name))
    #expect(mesh.hub.watches.count == 1)
    var unsubscribe = Heddle_Mesh_V1_Unsubscribe()
    unsubscribe.name = name
    mesh.say(proxy, .unsubscribe(unsubscribe))
    mesh.say(proxy, .unsubscribe(unsubscribe))
    proxy.forget()
    mesh.register("users", ["10.0.0.2:80"])
    #expect(proxy.received.isEmpty && mesh.hub.watches.count == 0)
    mesh.say(proxy, proxy.subscription(name))
    mesh.disconnect(proxy)
    #expect(mesh.hub.watches.count == 0)
  }

  @Test func slowReaderGetsTheLatestSet() throws {
    let mesh = try MeshHarness()
    mesh.register("users", ["10.0.0.1:80"])
    let proxy = connected(mesh)
    mesh.say(proxy, proxy.subscription(name))
    proxy.forget()
    mesh.queued[proxy.stream] = 1 << 20
    for n in 2...50 { mesh.register("users", ["10.0.0.\(n):80"]) }
    #expect(proxy.received.isEmpty)
    mesh.queued[proxy.stream] = 0
    mesh.pass(.milliseconds(100))
    mesh.settle()
    #expect(proxy.received[.endpoints] == 1)
    #expect(proxy.endpoints[name]?.endpoints.keys.first == "10.0.0.50:80")
  }

  @Test func setThatFitsInNoMessageIsFailedNotCut() throws {
    let mesh = try MeshHarness()
    mesh.register("users", (0..<40_000).map { "10.\($0 >> 16).\(($0 >> 8) & 255).\($0 & 255):8080" })
    let proxy = connected(mesh)
    mesh.say(proxy, proxy.subscription(name))
    #expect(proxy.endpoints[name]?.state == .failed)
    mesh.register("users", ["10.0.0.1:80"])
    #expect(proxy.endpoints[name]?.state == .bound && proxy.endpoints[name]?.endpoints.count == 1)
  }

  private struct Missing: Error {}

  private func connected(_ mesh: MeshHarness, _ id: String = "a") -> TestProxy {
    let proxy = TestProxy(id)
    mesh.connect(proxy)
    mesh.settle()
    return proxy
  }
}
