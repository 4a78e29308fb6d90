import MeshProtocol
import Serving
import SystemIO
import Telemetry
import Traffic

/// Where the control side begins: what the program made before its loop runs.
struct ControlStart: Sendable {
  var configuration: ProxyConfiguration
  /// Of the configuration's listeners, in their order: the ports that the kernel chose where 0 was asked for.
  var addresses: [SocketAddress]
  var identity: ProxyIdentity
  var log: Log
  var workers: [any WorkerPort]
  var table: RoutingTable
  /// The compiler's thread and the compiler there.
  var compiler: Confined<RuleCompiler>
  /// Blocking work: state file, name look-ups.
  var blocking: LoopExecutor
  /// Nil when nothing is kept.
  var state: Confined<StateKeeper>?
  var restored: RestoredState
  /// Nil when this proxy has no identity and wants none.
  var meshIdentity: KeptIdentity?
}

/// The proxy's control side: one object on one thread that knows what is held, what runs, and what to say to whom.
/// Decisions are made by the machines it holds (`ControlStreamMachine`, `TableSwap`, `FactLedger`, `ReportQueue`);
/// this carries them out.
///
/// The order of a change: `linkReceived` → machine → `.compile` → compiler's thread → `compiled` → names subscribed →
/// `.run` to every worker → `.running` from every worker → Ack and state file.
final class ProxyControl {
  /// How often workers hand over their facts.
  static let collectInterval = Duration.seconds(1)
  /// Collections between two looks for series that nobody uses any more.
  private static let expiryPeriod: UInt64 = 60

  let loop: ServiceLoop
  let start: ControlStart
  let log: Log
  let workers: [any WorkerPort]
  var machine: ControlStreamMachine
  var swap: TableSwap
  var link: ControlLink?
  var confined: Confined<ProxyControl>?

  /// What all workers run.
  var table: RoutingTable
  let local: LocalNames
  let identity: IdentityDesk?
  /// What the data path presents and trusts towards other proxies; nil until the first certificate.
  var meshCredentials: MeshCredentials?
  var resolutions: [Resolution] = []
  var jobs: [CompileJob] = []
  var underWay: CompileJob?

  var ledger: FactLedger
  var reports: ReportQueue
  var requeueFloor = RequeueFloor()
  var reportInterval = ProxyControl.collectInterval
  var lastReport = Instant.zero
  var gatherings: [UInt64: Gathering] = [:]
  var lastTicket: UInt64 = 0

  private var seconds: UInt64 = 0
  var counters = ControlCounters()
  /// Whether a controller, or the file in standalone mode, gave the configuration in force.
  var hasConfiguration: Bool
  /// The configuration comes from disk and no controller has spoken since.
  var isStale = false
  var lastRefusal: (revision: UInt64, errors: [String])?
  var lastDisconnect = ""
  var certificates: [CertificateFiles]
  /// The identity that authorizations are compiled for.
  var authorizedAs: SPIFFEID?
  /// What of the state file is older than what is held.
  var unsaved = UnsavedState()
  /// Waits for the writing under way.
  var afterSaving: (() -> Void)?
  var drain: DrainProgress?
  /// Called once every worker has drained.
  var onDrained: () -> Void = {}
  /// Reads the configuration file again; nil when there is none or it is bad (and that was logged).
  var reload: () -> ProxyConfiguration? = { nil }

  init(loop: ServiceLoop, start: ControlStart) {
    self.loop = loop
    self.start = start
    log = start.log
    workers = start.workers
    table = start.table
    local = LocalNames(start.configuration, loop: loop, blocking: start.blocking, log: start.log)
    identity = start.meshIdentity.map { kept in
      IdentityDesk(
        kept.settings, kept.contents, namespace: start.configuration.namespace, log: start.log, blocking: start.blocking
      )
    }
    machine = ControlStreamMachine(identity: start.identity)
    swap = TableSwap(workers: start.workers.count)
    ledger = FactLedger(workers: start.workers.count, listeners: start.addresses.count)
    reports = ReportQueue(instance: start.identity.instance, now: loop.now.milliseconds)
    hasConfiguration = start.configuration.isStandalone
    certificates = CertificateFiles.all(start.configuration)
  }

  /// Begins: what was kept on disk, then the controllers.
  func begin() throws {
    confined = loop.confine(self)
    local.publish = { [weak self] in self?.publish($0, to: $1) }
    // Before any endpoints: a proxy that has an identity connects to no other proxy without it.
    identity?.begin(self, on: loop)
    if let restored = start.restored.take() { restore(restored) }
    if !start.configuration.isStandalone {
      let link = ControlLink(
        loop: loop, controllers: start.configuration.mesh, resolver: start.blocking, owner: self)
      self.link = link
      try link.start()
    }
    repeatedly(Self.collectInterval) { $0.second() }
  }

  /// Ends the stream, so that the controller sees a proxy that left and not one that was lost.
  func end() {
    link?.stop()
    identity?.end()
    local.end()
    confined = nil
  }

  private func second() {
    machine.tick(at: loop.now)
    perform()
    local.tick()
    identity?.tick()
    collect()
    seconds &+= 1
    if seconds % Self.expiryPeriod == 0 { ledger.expire(now: loop.now.milliseconds) }
    if seconds % Self.securityPeriod == 0 { refreshSecurity() }
    if seconds % Self.ticketPeriod == 0 { rotateTickets() }
    saveIfDue()
  }

  private func repeatedly(_ interval: Duration, _ body: @escaping (ProxyControl) -> Void) {
    loop.schedule(after: interval) { [weak self] in
      guard let self else { return }
      body(self)
      self.repeatedly(interval, body)
    }
  }

  // MARK: Notices

  /// What a worker says.
  func take(_ notice: WorkerNotice) {
    switch notice {
    case .running(let worker, let generation): running(worker, generation)
    case .wants(let worker, let name): want(name, worker)
    case .releases(let worker, let name): release(name, worker)
    case .collected(let worker, let ticket, let facts): collected(worker, ticket, facts)
    case .described(_, let ticket, let text): described(ticket, text)
    case .drained(let worker): drained(worker)
    }
  }

  // MARK: The machine's wishes

  /// Carries out what the machine wants done. May be called again from within.
  func perform() {
    for action in machine.takeActions() {
      switch action {
      case .send(let message): link?.send(message)
      case .leave(let pause): link?.leave(retryAfter: pause, reason: "this proxy ended the stream")
      case .compile(let candidate): enqueue(.candidate(candidate))
      case .publish(let set): publish(set, to: machine.names[set.name]?.holders.workers ?? Set(workers.indices))
      case .learned(let isFirst): learned(isFirst: isFirst)
      case .confirmed: confirmed()
      case .trust(let bundle): identity?.trust(bundle)
      case .note(let note): take(note)
      }
    }
  }

  func confirmed() {
    isStale = false
    hasConfiguration = true
  }

  private func take(_ note: StreamNote) {
    switch note {
    case .resync(let gap):
      counters.resyncs += 1
      log.warning("control", "configuration did not fit, asked for all of it", [("gap", "\(gap)")])
    case .refused(let revision, let errors):
      counters.swapsRefused += 1
      lastRefusal = (revision, errors)
      log.error(
        "control", "revision refused",
        [("revision", "\(revision)"), ("errors", errors.prefix(5).joined(separator: "; "))])
    case .breach(let breach):
      log.error("control", "the controller broke the protocol", [("breach", "\(breach)")])
    case .desync(let name, let gap):
      counters.desyncs += 1
      log.warning("control", "endpoints did not fit, subscribed anew", [("name", name), ("gap", "\(gap)")])
    case .epochChanged(let revision):
      counters.epochChanges += 1
      log.error(
        "control", "the controller's store has another epoch: its history was replaced", [("revision", "\(revision)")])
    case .malformed: log.error("control", "the controller sent bytes that are no message")
    case .silence: log.warning("control", "the controller is silent")
    case .goAway(let reason): log.info("control", "the controller asked to leave", [("reason", reason)])
    case .tooManyNames: log.error("control", "too many concrete names in use")
    case .unusableEndpoints(let name, let count):
      log.warning(
        "control", "endpoints without usable address or weight left out", [("name", name), ("count", "\(count)")])
    }
  }
}

extension ProxyControl: ControlLinkEvents {
  /// How often an attempt is put off while a configuration waits for its verdict.
  private static let verdictPause = Duration.milliseconds(50)

  var purpose: LinkPurpose {
    if !machine.mayOpen { return .later(Self.verdictPause) }
    return identity?.purpose ?? .sync(nil)
  }

  func linkJoins() {
    log.info("identity", "asks for a certificate")
    identity?.joinAsked()
  }

  func linkSigned(_ message: [UInt8]) { identity?.answered(message) }

  func linkSignRefused(_ reason: String) { identity?.refused(reason) }

  func linkReopens() {
    machine.closed()
    perform()
    log.info("control", "connects anew, with another certificate")
  }

  func linkOpened() {
    counters.connects += 1
    log.info("control", "connected", [("controller", link?.controller ?? "")])
    machine.opened(at: loop.now)
    perform()
  }

  func linkReceived(_ message: [UInt8]) {
    machine.received(message, at: loop.now, wall: Int64(clamping: wallClockMilliseconds()))
    perform()
  }

  func linkReported(_ message: [UInt8]) {
    do {
      let ack = try Heddle_Mesh_V1_ReportAck.decode(message)
      reports.acknowledged(ack.sequence)
      reportInterval = .milliseconds(Int64(max(500, min(ack.nextIntervalMs, 60_000))))
      if requeueFloor.told(ack.retryFloorShare) {
        for worker in workers { worker.send(.requeueShare(requeueFloor.share)) }
      }
    } catch {
      log.warning("control", "an answer to a report does not read", [("fault", "\(error)")])
    }
  }

  func linkClosed(_ reason: String) {
    if machine.isOpen { counters.disconnects += 1 }
    lastDisconnect = reason
    identity?.lost(reason)
    machine.closed()
    perform()
    log.warning("control", "no controller", [("reason", reason)])
  }
}
