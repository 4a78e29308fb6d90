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
    loop: EventLoop, orders: Mailbox<WorkerOrder>, listeners: [ListenerStart], index: Int, of workers: Int,
    limits: ProxyLimits, binding: BindingPolicy, services: [ServiceContext], table: RoutingTable, seed: UInt64,
    notify: @escaping (WorkerNotice) -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.orders = orders
    self.index = index
    self.notify = notify
    core = ProxyCore(
      loop: loop, worker: index, workers: workers, limits: limits, binding: binding, services: services, table: table,
      seed: seed, notify: notify)
    for listener in listeners {
      let hosts = seed ^ 0x2545_f491_4f6c_dd1d
      let l = core.listeners.insert(Listener(listener.policy, socket: listener.take(), seed: hosts))
      try watch(l)
    }
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
    case TokenKind.retry: core.retryDue(Handle(bits: token))
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

  private func accept(_ l: Handle) {
    if core.accept(at: l) { return }
    // The limit is reached: look away, or the level-triggered listener would keep the loop busy.
    if let descriptor = core.listeners[l].descriptor { loop.remove(descriptor) }
    rest(l)
  }

  private func resumeAccepting(_ l: Handle) {
    do { try watch(l) } catch { rest(l) }
  }

  private func watch(_ l: Handle) throws(SystemError) {
    guard let descriptor = core.listeners[l].descriptor else { return }
    try loop.add(descriptor, token: l.token(kind: TokenKind.listener), [.read])
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
    case .secure(let listener, let context):
      if let l = core.listeners.handle(at: UInt32(listener)) { core.listeners[l].security = context }
    case .secureService(let place, let context): core.services[place].context = context
    case .credentials(let credentials): core.take(credentials)
    case .cutMesh: core.cutMesh()
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
    for index in 0..<core.listeners.slotCount {
      guard let l = core.listeners.handle(at: index), let descriptor = core.listeners[l].descriptor else { continue }
      for _ in 0..<Self.backlogBatches { _ = core.accept(at: l) }
      loop.remove(descriptor)
      core.listeners[l].close()
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

/// Starts one worker thread on listeners that are already bound, so that a fault in an address shows before anything runs.
///
/// - Parameters:
///   - index: the worker's number, from 0.
///   - workers: how many there are; per-process limits are divided by it.
///   - listeners: in the order by which `.secure` names them.
///   - services: how connections to some services are secured, in the order by which `.secureService` names them.
///   - notices: called on the worker's thread; must not block.
/// - Throws: when the kernel gives no loop.
public func startWorker(
  index: Int, of workers: Int, listeners: [ListenerStart], limits: ProxyLimits,
  binding: BindingPolicy = BindingPolicy(), services: [ServiceContext] = [], table: RoutingTable, seed: UInt64,
  notices: @escaping @Sendable (WorkerNotice) -> Void
) throws(SystemError) -> WorkerHandle {
  let handle = try StartedWorker()
  startThread(name: "worker-\(index)") {
    do throws(SystemError) {
      let loop = try EventLoop()
      let orders = Mailbox<WorkerOrder>(waker: loop.waker)
      let worker = try Worker(
        loop: loop, orders: orders, listeners: listeners, index: index, of: workers, limits: limits,
        binding: binding, services: services, table: table, seed: seed, notify: notices)
      handle.fulfil(.success(orders))
      worker.run()
    } catch {
      handle.fulfil(.failure(error))
    }
  }
  return WorkerHandle(index: index, orders: try handle.wait())
}
