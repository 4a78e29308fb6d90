import Discovery
import HTTP
import HashTreeCollections
import Memory
import MeshProtocol
import Synchronization
import SystemIO

@testable import ControlPlane

/// Time that a test moves.
final class TestTime: Sendable {
  private let nanoseconds = Mutex<UInt64>(1_000_000_000_000)
  var now: Instant { Instant(nanoseconds: nanoseconds.withLock { $0 }) }
  var wall: WallTime { WallTime(milliseconds: Int64(now.milliseconds) + 1_700_000_000_000) }
  func advance(_ by: Duration) { nanoseconds.withLock { $0 += UInt64(by.wholeNanoseconds) } }
  var clocks: Clocks { Clocks(wall: { [self] in wall }, monotonic: { [self] in now }) }
}

/// Known proxies kept in memory.
final class MemoryArchive: ProxyArchive {
  private let kept = Mutex<[String: KnownProxy]>([:])
  func knownProxies() throws -> [KnownProxy] { kept.withLock { Array($0.values) } }
  func keep(_ proxies: [KnownProxy]) { kept.withLock { kept in for proxy in proxies { kept[proxy.id] = proxy } } }
  func forget(_ ids: [String]) { kept.withLock { kept in for id in ids { kept[id] = nil } } }
}

/// A store without disk: namespaces and services as a test sets them.
final class MemorySource: MeshSource {
  struct Report: Equatable { let namespace: String, epoch: [UInt8], revision: UInt64, proxy: String }

  private struct State {
    var epoch = [UInt8](repeating: 1, count: 16)
    var snapshots: [String: NamespaceSnapshot] = [:]
    var services: [String: ServiceEndpoints] = [:]
    var reports: [Report] = []
    var hasLost = false
  }
  private let state = Mutex(State())
  let time: TestTime

  init(time: TestTime) { self.time = time }

  var epoch: [UInt8] { state.withLock { $0.epoch } }
  var reports: [Report] { state.withLock { $0.reports } }
  func snapshot(_ namespace: String) -> NamespaceSnapshot? { state.withLock { $0.snapshots[namespace] } }
  func endpoints(_ namespace: String, _ service: String) -> ServiceEndpoints {
    state.withLock { $0.services[namespace + "/" + service] } ?? Self.absent(namespace, service)
  }
  func proxyReported(namespace: String, holds version: ConfigurationVersion, proxy: String) -> Bool {
    state.withLock {
      $0.reports.append(Report(namespace: namespace, epoch: version.epoch, revision: version.revision, proxy: proxy))
      return $0.hasLost
    }
  }

  /// From now on whatever a proxy holds is said to be lost.
  func lose() { state.withLock { $0.hasLost = true } }

  private static func absent(_ namespace: String, _ service: String) -> ServiceEndpoints {
    ServiceEndpoints(
      namespace: namespace, service: service, version: 0, endpoints: [:], protocol: nil, setHash: .empty, exists: false)
  }

  /// Puts and deletes rules; each id leads to a destination.
  func commit(_ namespace: String, put: [String: String] = [:], delete: [String] = []) -> ConfigurationChange {
    let before = snapshot(namespace) ?? empty(namespace)
    let revision = before.revision + 1
    var resources = before.resources
    var hash = before.hash
    var upserts: [EncodedResource] = []
    for (id, destination) in put {
      let resource = Self.rule(id, destination, revision)
      if let old = resources.updateValue(resource, forKey: resource.key) { hash.remove(old.hash) }
      hash.insert(resource.hash)
      upserts.append(resource)
    }
    let removes = delete.map { ResourceKey(kind: .rule, name: $0) }
    for key in removes {
      if let old = resources.removeValue(forKey: key) { hash.remove(old.hash) }
    }
    let after = NamespaceSnapshot(
      name: namespace, epoch: epoch, revision: revision, hash: hash, resources: resources, committedAt: time.wall,
      publishedAt: time.now, exists: true)
    state.withLock { $0.snapshots[namespace] = after }
    return ConfigurationChange(
      before: before, after: after, upserts: upserts, removes: removes, urgent: false, who: "test", why: "")
  }

  /// Another history with these rules at this revision, as after a restore.
  func restore(_ namespace: String, epoch: UInt8, revision: UInt64) {
    state.withLock { state in
      state.epoch = [UInt8](repeating: epoch, count: 16)
      let old = state.snapshots[namespace]
      state.snapshots[namespace] = NamespaceSnapshot(
        name: namespace, epoch: state.epoch, revision: revision, hash: old?.hash ?? .empty,
        resources: old?.resources ?? [:],
        committedAt: time.wall, publishedAt: time.now, exists: true)
    }
  }

  private func empty(_ namespace: String) -> NamespaceSnapshot {
    NamespaceSnapshot(
      name: namespace, epoch: epoch, revision: 0, hash: .empty, resources: [:], committedAt: time.wall,
      publishedAt: time.now,
      exists: false)
  }

  private static func rule(_ id: String, _ destination: String, _ revision: UInt64) -> EncodedResource {
    var resource = Heddle_Mesh_V1_Resource()
    resource.key.kind = .rule
    resource.key.name = id
    resource.revision = revision
    resource.rule.prefix = "/svc/\(id)"
    resource.rule.destination = destination
    let bytes = resource.encodedBytes()
    return EncodedResource(key: ResourceKey(kind: .rule, name: id), bytes: bytes, hash: SetHash(of: bytes))
  }

  /// Replaces a service's endpoints; nil deletes the service.
  func register(_ namespace: String, _ service: String, _ addresses: [String]?) -> ServiceEndpoints {
    var endpoints: TreeDictionary<String, EncodedEndpoint> = [:]
    var hash = SetHash.empty
    for address in addresses ?? [] {
      var endpoint = Heddle_Mesh_V1_Endpoint()
      endpoint.address = address
      endpoint.weight = 1
      let bytes = endpoint.encodedBytes()
      endpoints[address] = EncodedEndpoint(address: address, bytes: bytes, hash: SetHash(of: bytes))
      hash.insert(SetHash(of: bytes))
    }
    let service = ServiceEndpoints(
      namespace: namespace, service: service, version: self.endpoints(namespace, service).version + 1,
      endpoints: endpoints,
      protocol: .http1, setHash: hash, exists: addresses != nil)
    state.withLock { $0.services[namespace + "/" + service.service] = service }
    return service
  }
}

/// A hub with everything around it, and proxies that behave: they take what comes, check it, and answer when asked to.
final class MeshHarness {
  let time = TestTime()
  let source: MemorySource
  let archive = MemoryArchive()
  let counters = MeshCounters()
  let journal = MeshJournal(run: "test")
  let ledger: ProxyLedger
  let hub: MeshHub
  private(set) var proxies: [Handle: TestProxy] = [:]
  private(set) var finished: [Handle: GRPCStatus] = [:]
  /// Bytes that a proxy has not read.
  var queued: [Handle: Int] = [:]
  private var lastStream: UInt32 = 0
  private var ticks = 0

  init(limits: StreamLimits = StreamLimits(), names: any NameSource = NoNamers()) throws {
    let source = MemorySource(time: time)
    self.source = source
    ledger = try ProxyLedger(archive: archive, clocks: time.clocks, epoch: { source.epoch })
    hub = MeshHub(
      source: source, names: names, ledger: ledger, counters: counters, journal: journal, limits: limits)
  }

  /// Opens a stream and says Hello with what the proxy holds.
  @discardableResult
  func connect(_ proxy: TestProxy, from peer: StreamPeer = StreamPeer(), pumping: Bool = true) -> Handle {
    lastStream += 1
    let stream = Handle(index: lastStream, generation: 1)
    proxy.stream = stream
    proxies[stream] = proxy
    guard hub.opened(stream, from: peer, now: time.now) == nil else { return stream }
    say(proxy, .hello(proxy.hello), pumping: pumping)
    return stream
  }

  func disconnect(_ proxy: TestProxy) {
    hub.closed(proxy.stream)
    proxies[proxy.stream] = nil
    proxy.replica.disconnected()
    pump()
  }

  func say(_ proxy: TestProxy, _ content: Heddle_Mesh_V1_ProxyMessage.OneOf_Message, pumping: Bool = true) {
    var message = Heddle_Mesh_V1_ProxyMessage()
    message.message = content
    hub.received(proxy.stream, message.encodedBytes(), now: time.now)
    if pumping { pump() }
  }

  func commit(_ put: [String: String] = [:], delete: [String] = [], namespace: String = "default") {
    hub.configurationChanged(source.commit(namespace, put: put, delete: delete))
    pump()
  }

  func register(_ service: String, _ addresses: [String]?, namespace: String = "default") {
    hub.endpointsChanged(source.register(namespace, service, addresses))
    pump()
  }

  func tell(_ name: DiscoveredName) {
    hub.nameChanged(name)
    pump()
  }

  func pump() {
    hub.pump(time.now) { queued[$0] ?? 0 }
    deliver()
  }

  /// Lets time pass in steps of the hub's tick. Proxies that are `isLively` send a heartbeat each second.
  func pass(_ duration: Duration) {
    var left = duration
    while left > .zero {
      time.advance(MeshHub.tickInterval)
      left -= MeshHub.tickInterval
      hub.tick(time.now)
      ledger.expire(now: time.now)
      hub.retry()
      pump()
      ticks += 1
      guard ticks % 10 == 0 else { continue }
      for proxy in proxies.values where proxy.isLively {
        say(proxy, .heartbeat(Heddle_Mesh_V1_Heartbeat()), pumping: false)
      }
    }
  }

  private func deliver() {
    for output in hub.takeOutputs() {
      switch output {
      case .send(let stream, let framed, let kind): proxies[stream]?.receive(framed, kind)
      case .finish(let stream, let status):
        finished[stream] = status
        proxies[stream] = nil
      }
    }
  }

  /// Every proxy answers what waits for an answer, until nobody has one.
  func settle() {
    for _ in 0..<100 {
      let answers = proxies.values.flatMap { proxy in proxy.takeAnswers().map { (proxy, $0) } }
      if answers.isEmpty { return }
      for (proxy, answer) in answers { say(proxy, answer, pumping: false) }
      pump()
    }
  }
}

/// A proxy as the contract wants it, over the same replicas as the real one.
final class TestProxy {
  let id: String
  var stream = Handle.none
  var node: String
  var namespace = "default"
  var capabilities: [String] = []
  var inbound: Heddle_Mesh_V1_Inbound?
  var moreInbounds: [Heddle_Mesh_V1_Inbound] = []
  var replica = ConfigurationReplica()
  var endpoints: [String: EndpointReplica] = [:]
  /// The same by name and address, as they came.
  private(set) var wholeEndpoints: [String: [String: Heddle_Mesh_V1_Endpoint]] = [:]
  /// What came, by kind, since the last `forget`.
  private(set) var received: [PushKind: Int] = [:]
  private(set) var messages: [Heddle_Mesh_V1_ControlMessage.OneOf_Message] = []
  private(set) var bytes = 0
  var isLively = true
  /// Refuses this revision.
  var refuses: UInt64?
  private var answers: [Heddle_Mesh_V1_ProxyMessage.OneOf_Message] = []

  init(_ id: String, node: String? = nil) {
    self.id = id
    self.node = node ?? "node-\(id)"
  }

  var revision: UInt64? { replica.held?.revision }
  var rules: Set<String> { Set(replica.resources.map(\.identity.name)) }

  var hello: Heddle_Mesh_V1_Hello {
    var hello = Heddle_Mesh_V1_Hello()
    hello.node = node
    hello.instanceID = id
    hello.namespace = namespace
    hello.capabilities = capabilities
    if let inbound { hello.inbound = inbound }
    hello.moreInbounds = moreInbounds
    if let held = replica.held { hello.last = held.wire }
    return hello
  }

  func forget() {
    received = [:]
    messages = []
    bytes = 0
  }

  func takeAnswers() -> [Heddle_Mesh_V1_ProxyMessage.OneOf_Message] { exchange(&answers, with: []) }

  func receive(_ framed: [UInt8], _ kind: PushKind) {
    received[kind, default: 0] += 1
    bytes += framed.count
    guard let message = try? Heddle_Mesh_V1_ControlMessage.decode(Array(framed.dropFirst(5))) else { return }
    messages.append(message)
    switch message {
    case .snapshot(let part): take(replica.received(part))
    case .delta(let delta): take(replica.received(delta))
    case .current(let current): take(replica.received(current))
    case .endpoints(let message):
      if message.full { wholeEndpoints[message.name] = [:] }
      for address in message.removes { wholeEndpoints[message.name]?[address] = nil }
      for bytes in message.adds {
        guard let endpoint = try? Heddle_Mesh_V1_Endpoint(serializedBytes: bytes) else { continue }
        wholeEndpoints[message.name, default: [:]][endpoint.address] = endpoint
      }
      if case .resubscribe = endpoints[message.name, default: EndpointReplica(name: message.name)].received(message) {
        answers.append(.subscribe(endpoints[message.name]?.subscription ?? Heddle_Mesh_V1_Subscribe()))
      }
    case .trust(let bundle):
      var held = Heddle_Mesh_V1_TrustHeld()
      held.version = bundle.version
      answers.append(.trustHeld(held))
    case .heartbeat, .goAway: break
    }
  }

  private func take(_ step: ConfigurationStep) {
    switch step {
    case .apply(let candidate):
      if candidate.version.revision == refuses {
        let fault = ResourceFault(identity: candidate.changes.lazy.compactMap(\.new).first?.identity, message: "no")
        if let nack = replica.refused([fault]) { answers.append(.nack(nack)) }
      } else if let ack = replica.applied() {
        answers.append(.ack(ack))
      }
    case .refuse(let nack), .resync(let nack, _): answers.append(.nack(nack))
    case .more, .current, .breach: break
    }
  }

  func subscription(_ name: String) -> Heddle_Mesh_V1_ProxyMessage.OneOf_Message {
    .subscribe(endpoints[name, default: EndpointReplica(name: name)].subscription)
  }
}
