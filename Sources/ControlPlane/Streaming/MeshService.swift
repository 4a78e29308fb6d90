import JSONFormat
import Serving
import SystemIO

extension Controller: MeshSource {}

/// The mesh half of a controller: its thread with the gRPC server, and what the REST half asks of it.
final class MeshService: ChangeObserver {
  /// Where it listens.
  let address: SocketAddress
  /// For the REST half.
  let half: MeshHalf
  private let events: MeshJournal
  private let engine: Confined<MeshEngine>
  private let executor: LoopExecutor

  private init(
    address: SocketAddress, half: MeshHalf, events: MeshJournal, engine: Confined<MeshEngine>, executor: LoopExecutor
  ) {
    self.address = address
    self.half = half
    self.events = events
    self.engine = engine
    self.executor = executor
  }

  /// Starts the thread, listens, and observes the controller's changes from now on.
  /// - Throws: `SystemError` when the address cannot be listened on, and what the archive throws.
  static func start(
    controller: Controller, address: SocketAddress, limits: StreamLimits = StreamLimits()
  ) throws -> MeshService {
    let ledger = try ProxyLedger(archive: controller, clocks: controller.clocks, epoch: { controller.epoch })
    let service = try start(
      source: controller, ledger: ledger, clocks: controller.clocks, address: address, limits: limits)
    controller.observe(service)
    controller.countProxies { ledger.connectedCount(namespace: $0) }
    return service
  }

  /// The same over any source; the caller passes the changes on.
  static func start(
    source: any MeshSource, ledger: ProxyLedger, clocks: Clocks, address: SocketAddress,
    limits: StreamLimits = StreamLimits()
  ) throws -> MeshService {
    let counters = MeshCounters()
    let journal = MeshJournal(run: String(UInt64(bitPattern: clocks.wall().milliseconds), radix: 36))
    let store = MeasurementStore(clocks: clocks, counters: counters)
    let started = try ServiceLoop.start(name: "mesh") { loop in
      let hub = MeshHub(source: source, ledger: ledger, counters: counters, journal: journal, limits: limits)
      let desk = ReportDesk(store: store, ledger: ledger, counters: counters)
      let engine = MeshEngine(hub: hub, desk: desk, rates: RateTicker(store: store, journal: journal), loop: loop)
      let server = try GRPCServer(loop: loop, address: address, limits: .mesh, service: engine)
      engine.start(server)
      return (loop.confine(engine), server.localAddress)
    }
    let half = MeshHalf(
      proxies: ledger, metrics: store, events: journal,
      exposition: { counters.exposition(proxies: ledger.counts()) })
    return MeshService(
      address: started.value.1, half: half, events: journal, engine: started.value.0, executor: started.executor)
  }

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
  }
}
