import HTTP2
import Memory
import Synchronization
import SystemIO
import Workers

/// One thread that serves sockets of our own: REST, admin, mesh stream, their clients.
///
/// Made and run on one thread; everything attached to it is touched on that thread only. Other threads reach it through
/// `executor` and `Confined`.
public final class ServiceLoop: LoopHandler {
  /// Why a loop could not take another source.
  public struct Full: Error, CustomStringConvertible {
    public var description: String { "a service loop holds at most \(ServiceLoop.sourceLimit) servers and clients" }
  }

  /// Servers and clients on one loop. Why: the kind is one byte of the token, and the last is the loop's own.
  /// At the limit: their initialisers throw `Full`.
  static let sourceLimit = 255
  private static let timerKind = UInt8(255)

  let events: EventLoop
  /// The way in from other threads.
  public let executor: LoopExecutor
  /// Storage that idle connections do not hold.
  var buffers = BufferPool()
  let fieldStorage = FieldStorage()

  private var sources: [(any LoopSource)?] = []
  private var clientTable: GRPCClientTable?
  private var descriptorTable: DescriptorTable?
  private var timers = Slab<ClosureTimer>()
  private var confinedObjects: [UInt64: AnyObject] = [:]
  private var lastKey: UInt64 = 0
  private var dateLine = HTTPDate()

  private struct ClosureTimer {
    var body: () -> Void
    var timer: TimerHandle?
  }

  /// A timer made by `schedule(after:)`.
  public struct Timer: Sendable {
    fileprivate let handle: Handle
  }

  public init() throws(SystemError) {
    events = try EventLoop()
    executor = LoopExecutor(mailbox: Mailbox(waker: events.waker))
  }

  /// The time of this turn.
  public var now: Instant { events.now }

  /// The wall clock as a `date` field has it, formatted once a second.
  var date: String { dateLine.text(at: wallClockMilliseconds() / 1000) }

  /// Serves until `stop()`; then every connection is closed and the loop is used up.
  public func run() {
    events.run(self)
    for source in sources { source?.loopEnded() }
    sources = []
    clientTable = nil
    descriptorTable = nil
    confinedObjects = [:]
    timers = Slab()
  }

  /// Ends `run()` at the end of this turn.
  public func stop() { events.stop() }

  /// Starts a thread with a loop of its own, lets `setup` build servers and clients on it, and returns when that is done.
  /// What `setup` throws is thrown here, and the thread ends.
  public static func start<Value: Sendable>(
    name: String, _ setup: @escaping @Sendable (ServiceLoop) throws -> Value
  ) throws -> (executor: LoopExecutor, value: Value) {
    let started = try Gate<Result<(LoopExecutor, Value), any Error>>()
    let poller = try started.watch()
    startThread(name: name) {
      // In a call of its own, so that this thread keeps nothing of what `setup` gave away.
      prepare(setup, started)?.run()
    }
    let (executor, value) = try started.wait(poller).get()
    return (executor, value)
  }

  private static func prepare<Value: Sendable>(
    _ setup: @Sendable (ServiceLoop) throws -> Value, _ started: Gate<Result<(LoopExecutor, Value), any Error>>
  ) -> ServiceLoop? {
    do {
      let loop = try ServiceLoop()
      started.open(.success((loop.executor, try setup(loop))))
      return loop
    } catch {
      started.open(.failure(error))
      return nil
    }
  }

  /// Calls `body` on this thread once, `delay` from now, unless cancelled. Not for hot paths: it keeps a closure.
  @discardableResult
  public func schedule(after delay: Duration, _ body: @escaping () -> Void) -> Timer {
    let handle = timers.insert(ClosureTimer(body: body, timer: nil))
    timers[handle].timer = events.schedule(handle.token(kind: Self.timerKind), at: now + delay)
    return Timer(handle: handle)
  }

  /// Forgets a timer; one that has fired is no error.
  public func cancel(_ timer: Timer) {
    guard timers.contains(timer.handle) else { return }
    if let handle = timers.remove(timer.handle).timer { events.cancel(handle) }
  }

  /// Makes `object`, which belongs to this thread, reachable from others.
  public func confine<Value: AnyObject>(_ object: Value) -> Confined<Value> {
    lastKey += 1
    confinedObjects[lastKey] = object
    return Confined(executor: executor, key: lastKey)
  }

  func confined<Value: AnyObject>(_ key: UInt64, as type: Value.Type) -> Value? { confinedObjects[key] as? Value }
  func release(_ key: UInt64) { confinedObjects[key] = nil }

  // MARK: Sources

  /// Takes up a source and gives it the kind for its tokens.
  func attach(_ source: any LoopSource) throws(Full) -> UInt8 {
    // A kind is used again as late as possible: an event of this turn may still carry it.
    if sources.count < Self.sourceLimit {
      sources.append(source)
      return UInt8(sources.count - 1)
    }
    guard let free = sources.firstIndex(where: { $0 == nil }) else { throw Full() }
    sources[free] = source
    return UInt8(free)
  }

  /// The source that `kind` was taken for is made.
  func replace(kind: UInt8, with source: any LoopSource) { sources[Int(kind)] = source }

  /// The loop's gRPC clients, under one kind.
  func clients() throws(Full) -> GRPCClientTable {
    if let clientTable { return clientTable }
    let table = try GRPCClientTable(loop: self)
    clientTable = table
    return table
  }

  /// Descriptors of others, under one kind.
  func descriptors() throws(Full) -> DescriptorTable {
    if let descriptorTable { return descriptorTable }
    let table = try DescriptorTable(loop: self)
    descriptorTable = table
    return table
  }

  /// The source has closed all its descriptors and timers.
  func detach(kind: UInt8) { sources[Int(kind)] = nil }

  // MARK: LoopHandler

  public func ready(_ token: UInt64, _ readiness: Readiness) {
    source(of: token)?.ready(Handle(bits: token), readiness)
  }

  public func expired(_ token: UInt64) {
    let handle = Handle(bits: token)
    guard Handle.kind(of: token) == Self.timerKind else { source(of: token)?.expired(handle); return }
    if timers.contains(handle) { timers.remove(handle).body() }
  }

  public func woken() {
    var waiting = executor.mailbox.drain()
    waiting.reverse()
    // Each ends, with all that it holds, before the next begins: one may give back memory that the one before it held.
    while let work = waiting.popLast() { work(self) }
  }

  public func edge() {
    for source in sources { source?.edge() }
  }

  private func source(of token: UInt64) -> (any LoopSource)? {
    let kind = Int(Handle.kind(of: token))
    return kind < sources.count ? sources[kind] : nil
  }
}

/// Hands one value from a thread to another that waits for it, by the kernel's event descriptor alone.
private final class Gate<Value: Sendable>: Sendable {
  private let value = Mutex<Value?>(nil)
  private let waker: Waker

  init() throws(SystemError) { waker = try Waker() }

  func open(_ value: Value) {
    self.value.withLock { $0 = value }
    waker.wake()
  }

  /// A poller that sleeps until the gate opens.
  func watch() throws(SystemError) -> Poller {
    let poller = try Poller()
    try poller.add(waker.descriptor, token: 0, .read)
    return poller
  }

  func wait(_ poller: borrowing Poller) -> Value {
    while true {
      // Taken out, so that the gate does not keep alive what passed it.
      if let value = value.withLock({ $0.take() }) { return value }
      _ = poller.wait(milliseconds: -1)
    }
  }
}
