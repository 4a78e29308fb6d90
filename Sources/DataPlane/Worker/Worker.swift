import Memory
import MeshProtocol
import SystemIO
import Traffic
import Workers

/// One thread of the proxy's data path: its loop, its listener, and everything in `ProxyCore`. Made and run in its own thread;
/// only the mailbox is shared.
final class Worker: LoopHandler {
  private let loop: EventLoop
  private let orders: Mailbox<WorkerOrder>
  private let index: Int
  private let notify: (WorkerNotice) -> Void
  /// What callers connect to; empty once draining.
  private var listeners = Slab<Socket>()
  private var core: ProxyCore
  private var drainDeadline: Instant?
  private var saidDrained = false

  /// How often bindings and names are looked through for those that nobody uses.
  private static let housekeeping = Duration.seconds(1)
  /// As many batches of accepted connections as a listener's queue can hold.
  private static let backlogBatches = 4096 / ProxyCore.acceptBatch
  private static let housekeepingToken = Handle(index: 0, generation: 1).token(kind: TokenKind.housekeeping)
  private static let drainEndToken = Handle(index: 0, generation: 1).token(kind: TokenKind.drainEnd)

  init(
    loop: EventLoop, orders: Mailbox<WorkerOrder>, listener: consuming Socket, index: Int, of workers: Int,
    limits: ProxyLimits, policy: OutboundPolicy, table: RoutingTable, seed: UInt64,
    notify: @escaping (WorkerNotice) -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.orders = orders
    self.index = index
    self.notify = notify
    core = ProxyCore(
      loop: loop, worker: index, workers: workers, limits: limits, policy: policy, table: table, seed: seed,
      notify: notify)
    let h = listeners.insert(listener)
    try loop.add(listeners[h].descriptor, token: h.token(kind: TokenKind.listener), [.read])
    _ = loop.schedule(Self.housekeepingToken, at: loop.now + Self.housekeeping)
  }

  func run() { loop.run(self) }

  func ready(_ token: UInt64, _ readiness: Readiness) {
    core.now = loop.now
    switch Handle.kind(of: token) {
    case TokenKind.downstream: core.downstreamReady(Handle(bits: token), readiness)
    case TokenKind.upstream: core.upstreamReady(Handle(bits: token), readiness)
    case TokenKind.listener: accept(Handle(bits: token))
    case TokenKind.session: core.sessionReady(Handle(bits: token), readiness)
    case TokenKind.tunnelCaller: core.tunnelReady(Handle(bits: token), .caller, readiness)
    case TokenKind.tunnelService: core.tunnelReady(Handle(bits: token), .service, readiness)
    default: break
    }
  }

  func expired(_ token: UInt64) {
    core.now = loop.now
    switch Handle.kind(of: token) {
    case TokenKind.downstream: core.downstreamExpired(Handle(bits: token))
    case TokenKind.upstream: core.upstreamExpired(Handle(bits: token))
    case TokenKind.session: core.sessionExpired(Handle(bits: token))
    case TokenKind.tunnelCaller: core.tunnelExpired(Handle(bits: token))
    case TokenKind.housekeeping:
      core.disposeBindings(underPressure: false)
      core.disposeClusters()
      core.probeYielded()
      _ = loop.schedule(token, at: loop.now + Self.housekeeping)
    case TokenKind.acceptPause: resumeAccepting(Handle(bits: token))
    case TokenKind.drainEnd:
      core.closeAll()
    default: break
    }
  }

  func woken() {
    core.now = loop.now
    for order in orders.drain() { carryOut(order) }
  }

  func edge() {
    core.writeSessions()
    if drainDeadline != nil, !saidDrained, core.downstreams.isEmpty, core.callerSessions == 0, core.tunnels.isEmpty {
      saidDrained = true
      notify(.drained(worker: index))
    }
  }

  // MARK: Accepting

  private func accept(_ h: Handle) {
    guard listeners.contains(h) else { return }
    if core.accept(from: listeners[h]) { return }
    // The limit is reached: look away, or the level-triggered listener would keep the loop busy.
    loop.remove(listeners[h].descriptor)
    rest(h)
  }

  private func resumeAccepting(_ h: Handle) {
    guard listeners.contains(h) else { return }
    do {
      try loop.add(listeners[h].descriptor, token: h.token(kind: TokenKind.listener), [.read])
    } catch {
      rest(h)
    }
  }

  private func rest(_ h: Handle) {
    _ = loop.schedule(h.token(kind: TokenKind.acceptPause), at: loop.now + ProxyCore.acceptRest)
  }

  // MARK: Orders

  private func carryOut(_ order: WorkerOrder) {
    switch order {
    case .run(let table):
      core.run(table)
      notify(.running(worker: index, generation: table.generation))
    case .endpoints(let set): core.update(set)
    case .requeueShare(let share): core.takeRequeueShare(share)
    case .secure(let context): core.security = context
    case .collect(let ticket):
      notify(.collected(worker: index, ticket: ticket, core.collect()))
    case .describe(let ticket, let view):
      notify(.described(worker: index, ticket: ticket, core.describe(view)))
    case .drain(let grace): drain(grace)
    case .stop: loop.stop()
    }
  }

  /// Connections that wait in the listener's queue are taken before it closes: they are callers like any other.
  private func drain(_ grace: Duration) {
    guard drainDeadline == nil else { return }
    drainDeadline = loop.now + grace
    for index in 0..<listeners.slotCount {
      guard let h = listeners.handle(at: index) else { continue }
      for _ in 0..<Self.backlogBatches { _ = core.accept(from: listeners[h]) }
      loop.remove(listeners[h].descriptor)
      _ = listeners.remove(h)
    }
    _ = loop.schedule(Self.drainEndToken, at: loop.now + grace)
    core.beginDrain()
  }
}

/// The way into a running worker.
public struct WorkerHandle: WorkerPort {
  /// The worker's number, from 0.
  public let index: Int
  private let orders: Mailbox<WorkerOrder>

  fileprivate init(index: Int, orders: Mailbox<WorkerOrder>) {
    self.index = index
    self.orders = orders
  }

  public func send(_ order: WorkerOrder) { orders.post(order) }
}

/// Starts one worker thread on a listener that is already bound, so that a fault in an address shows before anything runs.
///
/// - Parameters:
///   - index: the worker's number, from 0.
///   - workers: how many there are; per-process limits are divided by it.
///   - listener: bound with SO_REUSEPORT where there are several workers.
///   - notices: called on the worker's thread; must not block.
/// - Throws: when the kernel gives no loop.
public func startWorker(
  index: Int, of workers: Int, listener: consuming Socket, limits: ProxyLimits,
  policy: OutboundPolicy = OutboundPolicy(), table: RoutingTable, seed: UInt64,
  notices: @escaping @Sendable (WorkerNotice) -> Void
) throws(SystemError) -> WorkerHandle {
  let start = WorkerStart(listener)
  let handle = try StartedWorker()
  startThread(name: "worker-\(index)") {
    do throws(SystemError) {
      let loop = try EventLoop()
      let orders = Mailbox<WorkerOrder>(waker: loop.waker)
      let worker = try Worker(
        loop: loop, orders: orders, listener: start.take(), index: index, of: workers, limits: limits,
        policy: policy, table: table, seed: seed, notify: notices)
      handle.fulfil(.success(orders))
      worker.run()
    } catch {
      handle.fulfil(.failure(error))
    }
  }
  return WorkerHandle(index: index, orders: try handle.wait())
}
