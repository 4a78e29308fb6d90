import Discovery
import HTTP
import Memory
import MeshProtocol
import Serving
import SystemIO
import Telemetry

/// Drives the machines of the mesh stream on the loop's thread: hands them what the server hears and the loop's time,
/// and does what they want done.
final class MeshEngine: GRPCService {
  static let syncPath = "/heddle.mesh.v1.Mesh/Sync"
  static let reportPath = "/heddle.mesh.v1.Mesh/Report"
  static let signPath = "/heddle.mesh.v1.Mesh/Sign"
  /// From finding a stream full to looking again. Why: there is no call when a reader has read; at 512 KiB a look this
  /// is 100 MB/s.
  private static let retryDelay: Duration = .milliseconds(5)

  let hub: MeshHub
  let desk: ReportDesk
  private let ledger: ProxyLedger
  private let journal: MeshJournal
  private let rates: RateTicker
  /// Nil: this controller gives no identities.
  let identity: IdentityService?
  let log: Log?
  unowned let loop: ServiceLoop
  var server: GRPCServer?
  var kinds: [Handle: Kind] = [:]
  var shown: ServerIdentity?
  var isIdentityTicking = false
  var presentingFails = false
  /// Ourselves, for what comes back from other threads.
  var confined: Confined<MeshEngine>?
  private var ticks: UInt64 = 0
  private var isRetryDue = false
  private var isStopped = false

  enum Kind {
    case sync, report
    case sign(GRPCPeer)
    /// Its answer is being made.
    case signing
  }

  init(
    hub: MeshHub, desk: ReportDesk, rates: RateTicker, identity: IdentityService? = nil, log: Log? = nil,
    loop: ServiceLoop
  ) {
    self.hub = hub
    self.identity = identity
    self.log = log
    self.desk = desk
    ledger = hub.ledger
    journal = hub.journal
    self.rates = rates
    self.loop = loop
  }

  /// Begins: `server` calls this service.
  func start(_ server: GRPCServer) {
    self.server = server
    confined = loop.confine(self)
    startIdentity()
    scheduleTick()
  }

  // MARK: GRPCService

  func opened(_ stream: Handle, path: String, headers: HeaderList, peer: GRPCPeer) -> GRPCStatus? {
    let proxy: StreamPeer
    switch path {
    case Self.signPath:
      if identity == nil { fallthrough }
      kinds[stream] = .sign(peer)
      return nil
    case Self.syncPath, Self.reportPath:
      do throws(StreamPeerFault) { proxy = try StreamPeer(peer, trustDomain: identity?.settings.trustDomain) } catch {
        return Self.status(of: error)
      }
    default:
      return GRPCStatus(.unimplemented, "this controller has no \(path.prefix(200))")
    }
    if path == Self.reportPath {
      desk.opened(stream, namespace: proxy.identity?.namespace)
      kinds[stream] = .report
    } else {
      if let refusal = hub.opened(stream, from: proxy, now: loop.now) { return refusal }
      kinds[stream] = .sync
    }
    return nil
  }

  func received(_ stream: Handle, _ message: [UInt8]) {
    switch kinds[stream] {
    case .sync: hub.received(stream, message, now: loop.now)
    case .report: desk.received(stream, message, now: loop.now)
    case .sign(let peer): sign(stream, message, peer)
    case .signing, nil: return
    }
    flush()
  }

  func halfClosed(_ stream: Handle) {
    switch kinds[stream] {
    case .signing: break  // its caller waits for the answer
    case .sign: server?.finish(stream, status: GRPCStatus(.invalidArgument, "no SignRequest came"))
    case .sync, .report, nil: server?.finish(stream, status: GRPCStatus(.ok))
    }
  }

  func closed(_ stream: Handle) {
    switch kinds.removeValue(forKey: stream) {
    case .sync: hub.closed(stream)
    case .report: desk.closed(stream)
    case .sign, .signing, nil: break
    }
  }

  // MARK: changes of the store and of names

  func configurationChanged(_ change: ConfigurationChange) {
    hub.configurationChanged(change)
    flush()
  }

  func endpointsChanged(_ endpoints: ServiceEndpoints) {
    hub.endpointsChanged(endpoints)
    flush()
  }

  func nameChanged(_ name: DiscoveredName) {
    hub.nameChanged(name)
    flush()
  }

  // MARK: doing

  func flush() {
    guard let server else { return }
    hub.pump(loop.now) { server.queuedBytes($0) }
    for output in hub.takeOutputs() { perform(output, server) }
    for output in desk.takeOutputs() { perform(output, server) }
    retryLater()
  }

  private func perform(_ output: MeshOutput, _ server: GRPCServer) {
    switch output {
    case .send(let stream, let framed, _):
      // The hub leaves room below the server's bound; whoever is over it anyway has stopped reading and is cut off.
      if !server.send(stream: stream, framed: framed), kinds[stream] != nil { server.reset(stream) }
    case .finish(let stream, let status): server.finish(stream, status: status)
    }
  }

  private func retryLater() {
    guard !hub.crowded.isEmpty || !hub.waiting.isEmpty, !isRetryDue else { return }
    isRetryDue = true
    loop.schedule(after: Self.retryDelay) { [weak self] in
      guard let self else { return }
      isRetryDue = false
      hub.retry()
      flush()
    }
  }

  // MARK: time

  private func scheduleTick() {
    loop.schedule(after: MeshHub.tickInterval) { [weak self] in
      guard let self, !isStopped else { return }
      scheduleTick()
      tick()
    }
  }

  /// Ten times a second.
  private func tick() {
    ticks &+= 1
    hub.tick(loop.now)
    ledger.expire(now: loop.now)
    if ticks % 5 == 0 { hub.publishProgress() }
    if ticks % 10 == 0 { rates.tell() }
    if ticks % 10 == 5 { tickIdentity() }
    if ticks % 50 == 0 { hub.forgot(ledger.store()) }
    if ticks % 150 == 0 { journal.keepAlive() }
    flush()
  }

  // MARK: leaving

  /// Sends all proxies away and calls `done` when the last connection is closed.
  func drain(reason: String, done: @escaping () -> Void) {
    guard let server else { return done() }
    hub.drain(reason: reason)
    flush()
    server.drain { [self] in
      stop()
      done()
    }
  }

  private func stop() {
    isStopped = true
    server = nil
    confined = nil
    ledger.expire(now: .distantFuture)
    ledger.store()
  }
}
