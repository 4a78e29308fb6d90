import Discovery
import JSONFormat
import Serving
import Synchronization
import SystemIO
import Telemetry

extension Controller: MeshSource {}

/// The mesh half of a controller: its thread with the gRPC server, the namers' thread, and what the REST half asks of both.
final class MeshService: ChangeObserver {
  /// Where it listens.
  let address: SocketAddress
  /// For the REST half.
  let half: MeshHalf
  private let events: MeshJournal
  private let engine: Confined<MeshEngine>
  private let executor: LoopExecutor
  private let discovery: DiscoveryService?

  private init(started: Started, half: MeshHalf, discovery: DiscoveryService?) {
    address = started.address
    self.half = half
    events = started.journal
    engine = started.engine
    executor = started.executor
    self.discovery = discovery
  }

  /// Starts the threads, listens, and observes the controller's changes from now on.
  /// - Throws: `SystemError` when the address cannot be listened on, and what the archive throws.
  static func start(
    controller: Controller, address: SocketAddress, namers: NamerConfiguration = NamerConfiguration(),
    identity: IdentityService? = nil, log: Log,
    limits: StreamLimits = StreamLimits()
  ) throws -> MeshService {
    let ledger = try ProxyLedger(archive: controller, clocks: controller.clocks, epoch: { controller.epoch })
    let relay = NameRelay()
    let discovery = try DiscoveryService.start(namers, log: log) { relay.tell($0) }
    let started = try Started(
      source: controller, names: discovery, ledger: ledger, clocks: controller.clocks, address: address, limits: limits,
      identity: identity, log: log)
    relay.connect(started.engine)
    identity?.observe { [engine = started.engine] in engine.execute { $0.identityChanged() } }
    let half = started.half(ledger: ledger, exposition: { discovery.exposition() + (identity?.exposition ?? "") })
    let service = MeshService(started: started, half: half, discovery: discovery)
    controller.observe(service)
    controller.recogniseNames { discovery.claims($0) }
    controller.askProxies(ProxyCensus(ledger))
    return service
  }

  /// The same over any source and without namers; the caller passes the changes on.
  static func start(
    source: any MeshSource, ledger: ProxyLedger, clocks: Clocks, address: SocketAddress,
    limits: StreamLimits = StreamLimits()
  ) throws -> MeshService {
    let started = try Started(
      source: source, names: NoNamers(), ledger: ledger, clocks: clocks, address: address, limits: limits)
    let half = started.half(ledger: ledger, exposition: { "" })
    return MeshService(started: started, half: half, discovery: nil)
  }

  /// The running thread.
  private struct Started {
    let address: SocketAddress
    let engine: Confined<MeshEngine>
    let executor: LoopExecutor
    let journal: MeshJournal
    let counters = MeshCounters()
    let store: MeasurementStore

    init(
      source: any MeshSource, names: any NameSource, ledger: ProxyLedger, clocks: Clocks, address: SocketAddress,
      limits: StreamLimits, identity: IdentityService? = nil, log: Log? = nil
    ) throws {
      let journal = MeshJournal(run: String(UInt64(bitPattern: clocks.wall().milliseconds), radix: 36))
      let counters = counters
      let store = MeasurementStore(clocks: clocks, counters: counters)
      (self.journal, self.store) = (journal, store)
      let started = try ServiceLoop.start(name: "mesh") { loop in
        let hub = MeshHub(
          source: source, names: names, ledger: ledger, counters: counters, journal: journal, limits: limits)
        let desk = ReportDesk(store: store, ledger: ledger, counters: counters)
        let engine = MeshEngine(
          hub: hub, desk: desk, rates: RateTicker(store: store, journal: journal), identity: identity, log: log,
          loop: loop)
        let server = try GRPCServer(loop: loop, address: address, limits: .mesh, service: engine)
        engine.start(server)
        return (loop.confine(engine), server.localAddress)
      }
      executor = started.executor
      (engine, self.address) = started.value
    }

    func half(ledger: ProxyLedger, exposition: @escaping @Sendable () -> String) -> MeshHalf {
      let counters = counters
      return MeshHalf(
        proxies: ledger, metrics: store, events: journal,
        exposition: { counters.exposition(proxies: ledger.counts()) + exposition() })
    }
  }

  /// What the REST half can ask of names.
  func directory(_ controller: Controller) -> any NameDirectory {
    let registry = RegistryNames(controller: controller)
    return discovery.map { ControllerNames(registry: registry, discovery: $0) } ?? registry
  }

  /// Takes over another set of namers.
  func reconfigure(_ namers: NamerConfiguration) { discovery?.reconfigure(namers) }

  func configurationChanged(_ change: ConfigurationChange) {
    engine.execute { $0.configurationChanged(change) }
    journal(change)
  }

  func endpointsChanged(_ old: ServiceEndpoints, _ new: ServiceEndpoints) {
    engine.execute { $0.endpointsChanged(new) }
    events.publish(
      new.namespace, "endpoints",
      [
        "service": .string(new.service), "version": JSON(new.version), "count": JSON(new.endpoints.count),
        "exists": .bool(new.exists),
      ])
  }

  private func journal(_ change: ConfigurationChange) {
    events.publish(
      change.after.name, "revision",
      [
        "revision": JSON(change.after.revision), "who": .string(change.who), "why": .string(change.why),
        "urgent": .bool(change.urgent), "upserts": JSON(change.upserts.count), "removes": JSON(change.removes.count),
      ])
  }

  /// Asks all proxies to leave, waits until they have or the grace is over, and ends the thread.
  func drain(reason: String) async {
    await withCheckedContinuation { continuation in
      engine.execute { $0.drain(reason: reason) { continuation.resume() } }
    }
    executor.stop()
    discovery?.stop()
  }
}

/// Carries what namers find to the mesh thread, which starts after theirs. Nothing is wanted of them before it runs.
private final class NameRelay: Sendable {
  private let engine = Mutex<Confined<MeshEngine>?>(nil)

  func connect(_ engine: Confined<MeshEngine>) { self.engine.withLock { $0 = engine } }

  func tell(_ name: DiscoveredName) { engine.withLock { $0 }?.execute { $0.nameChanged(name) } }
}
