import HTTP
import Memory
import MeshProtocol
import SystemIO
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct LivenessTests {
  @Test func heartbeatsEveryFiveSeconds() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    mesh.connect(proxy)
    mesh.settle()
    mesh.pass(.seconds(60))
    #expect((10...12).contains(proxy.received[.heartbeat] ?? 0))
  }

  @Test func silenceEndsTheStream() throws {
    let mesh = try MeshHarness()
    let proxy = TestProxy("a")
    proxy.isLively = false
    let stream = mesh.connect(proxy)
    mesh.settle()
    mesh.pass(.seconds(14))
    #expect(mesh.finished[stream] == nil)
    mesh.pass(.seconds(3))
    #expect(mesh.finished[stream]?.code == .deadlineExceeded)
    #expect(mesh.ledger.list(namespace: nil).map(\.state) == [.disconnected])
    #expect(mesh.counters.closedCount(.silence) == 1)
  }

  @Test func streamWithoutHelloIsEnded() throws {
    let mesh = try MeshHarness()
    let stream = Handle(index: 5, generation: 1)
    #expect(mesh.hub.opened(stream, now: mesh.time.now) == nil)
    mesh.pass(.seconds(12))
    #expect(mesh.finished[stream] != nil && mesh.hub.sessions.isEmpty)
  }

  @Test func proxyThatNeverAnswersBecomesStaleAndIsEnded() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let proxy = TestProxy("a")
    let stream = mesh.connect(proxy)
    mesh.pass(.seconds(17))
    #expect(mesh.ledger.list(namespace: nil).first?.state == .stale)
    mesh.pass(.seconds(15))
    #expect(mesh.finished[stream] != nil && mesh.counters.closedCount(.noAnswer) == 1)
  }

  /// Bad-inputs 112: what a proxy does not read is not queued for it; it gets the latest state when it reads again.
  @Test func slowReaderGetsTheLatestStateOnly() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let slow = TestProxy("slow")
    let other = TestProxy("other")
    mesh.connect(slow)
    mesh.connect(other)
    mesh.settle()
    slow.forget()
    mesh.queued[slow.stream] = 1 << 20
    for n in 2...100 {
      mesh.commit(["a": "/#/registry/\(n)"])
      mesh.settle()
    }
    #expect(slow.received.isEmpty, "nothing is queued for it")
    #expect(other.revision == 100, "and nobody waits for it")
    mesh.queued[slow.stream] = 0
    mesh.pass(.milliseconds(100))
    mesh.settle()
    #expect(slow.received == [.delta: 1] && slow.revision == 100)
  }

  @Test func readerThatStoppedIsCutOffAndCounted() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let slow = TestProxy("slow")
    let stream = mesh.connect(slow)
    mesh.settle()
    mesh.queued[stream] = 1 << 20
    mesh.commit(["a": "/#/registry/2"])
    mesh.pass(.seconds(14))
    #expect(mesh.finished[stream] == nil)
    mesh.pass(.seconds(2))
    #expect(mesh.finished[stream]?.code == .resourceExhausted)
    #expect(mesh.counters.closedCount(.slowReader) == 1)
  }

  @Test func readerThatDrainsSlowlyIsNotCutOff() throws {
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let slow = TestProxy("slow")
    let stream = mesh.connect(slow)
    mesh.settle()
    mesh.commit(["a": "/#/registry/2"])
    for n in 0..<60 {
      mesh.queued[stream] = (2 << 20) - n * 1000
      mesh.pass(.seconds(1))
      mesh.settle()
    }
    #expect(mesh.finished[stream] == nil)
  }

  @Test func largeSnapshotIsFedAsTheReaderTakesIt() throws {
    let mesh = try MeshHarness()
    let long = String(repeating: "x", count: 2000)
    mesh.commit(Dictionary(uniqueKeysWithValues: (0..<1000).map { ("r\($0)", "/#/registry/\(long)") }))
    let proxy = TestProxy("a")
    let stream = mesh.connect(proxy)
    let first = proxy.received[.snapshot] ?? 0
    #expect(first > 0 && first < 5)
    mesh.queued[stream] = 600 << 10
    mesh.pass(.seconds(1))
    #expect(proxy.received[.snapshot] == first)
    mesh.queued[stream] = 0
    mesh.pass(.seconds(1))
    mesh.settle()
    #expect(proxy.revision == 1 && proxy.rules.count == 1000)
  }

  @Test func drainSendsEveryoneAwayAndTakesNoNewOnes() throws {
    let mesh = try MeshHarness()
    let proxies = (0..<10).map { TestProxy("p\($0)") }
    for proxy in proxies { mesh.connect(proxy) }
    mesh.settle()
    mesh.hub.drain(reason: "restart")
    mesh.pump()
    var delays: Set<UInt32> = []
    for proxy in proxies {
      guard case .goAway(let message)? = proxy.messages.last else {
        Issue.record("no GoAway")
        continue
      }
      delays.insert(message.retryAfterMs)
      #expect(mesh.finished[proxy.stream]?.code == .unavailable)
    }
    #expect(delays.count == 10, "they come back one after the other")
    #expect(mesh.hub.opened(Handle(index: 999, generation: 1), now: mesh.time.now)?.code == .unavailable)
  }

  @Test func streamsBeyondTheLimitAreRefused() throws {
    var limits = StreamLimits()
    limits.streams = 2
    let mesh = try MeshHarness(limits: limits)
    mesh.connect(TestProxy("a"))
    mesh.connect(TestProxy("b"))
    #expect(mesh.hub.opened(Handle(index: 9, generation: 1), now: mesh.time.now)?.code == .resourceExhausted)
  }

  @Test func helloMustBeFirstOnceAndSensible() throws {
    let mesh = try MeshHarness()
    var hello = TestProxy("a").hello
    let broken: [(inout Heddle_Mesh_V1_Hello) -> Void] = [
      { $0.instanceID = "" }, { $0.instanceID = "a/b" }, { $0.instanceID = String(repeating: "x", count: 254) },
      { $0.namespace = "" }, { $0.namespace = "a b" }, { $0.node = "" },
      { $0.version = String(repeating: "x", count: 2000) },
      { $0.labels = Dictionary(uniqueKeysWithValues: (0..<100).map { ("\($0)", "") }) },
      { $0.capabilities = Array(repeating: "c", count: 100) }, { $0.last.epoch = .init([1]) },
    ]
    for (index, change) in broken.enumerated() {
      var copy = hello
      change(&copy)
      let stream = Handle(index: UInt32(index), generation: 1)
      #expect(mesh.hub.opened(stream, now: mesh.time.now) == nil)
      send(mesh, stream, .hello(copy))
      #expect(mesh.finished[stream]?.code == .invalidArgument, "case \(index)")
    }
    let stream = Handle(index: 100, generation: 1)
    #expect(mesh.hub.opened(stream, now: mesh.time.now) == nil)
    send(mesh, stream, .heartbeat(Heddle_Mesh_V1_Heartbeat()))
    #expect(mesh.finished[stream]?.code == .failedPrecondition)
    let twice = Handle(index: 101, generation: 1)
    #expect(mesh.hub.opened(twice, now: mesh.time.now) == nil)
    hello.instanceID = "twice"
    send(mesh, twice, .hello(hello))
    send(mesh, twice, .hello(hello))
    #expect(mesh.finished[twice]?.code == .invalidArgument)
    #expect(mesh.hub.sessions.isEmpty && mesh.hub.members.isEmpty)
  }

  /// Whatever bytes come, the hub stands and the other proxies are served.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func garbageNeverTraps(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let mesh = try MeshHarness()
    mesh.commit(["a": "/#/registry/1"])
    let good = TestProxy("good")
    mesh.connect(good)
    mesh.settle()
    for round in 0..<500 {
      let bad = TestProxy("bad\(round % 7)")
      let stream = mesh.connect(bad)
      for _ in 0..<5 {
        var message = Heddle_Mesh_V1_ProxyMessage()
        message.message = bad.subscription("/#/registry/s\(random.below(5))")
        var bytes = message.encodedBytes()
        for _ in 0..<random.below(4) where !bytes.isEmpty {
          bytes[random.below(bytes.count)] = UInt8(random.below(256))
        }
        if random.below(3) == 0 { bytes = (0..<random.below(40)).map { _ in UInt8(random.below(256)) } }
        mesh.hub.received(stream, bytes, now: mesh.time.now)
        mesh.pump()
      }
      if random.below(2) == 0 { mesh.disconnect(bad) }
      mesh.pass(.milliseconds(100))
    }
    mesh.commit(["b": "/#/registry/1"])
    mesh.settle()
    #expect(good.revision == 2)
  }

  private func send(_ mesh: MeshHarness, _ stream: Handle, _ content: Heddle_Mesh_V1_ProxyMessage.OneOf_Message) {
    var message = Heddle_Mesh_V1_ProxyMessage()
    message.message = content
    mesh.hub.received(stream, message.encodedBytes(), now: mesh.time.now)
    mesh.pump()
  }
}
