import HTTP
import HTTP2
import Memory
import SystemIO
import Workers

/// Serves gRPC calls of all four kinds over HTTP/2 in clear. Lives on its loop's thread; `ServiceLoop.confine` makes it
/// reachable from others.
///
/// Commands only queue: what one turn of the loop sends goes out once, at its edge, with one write per connection.
public final class GRPCServer: LoopSource {
  /// Where it listens: with port 0 asked for, the port that the kernel chose.
  public let localAddress: SocketAddress
  public let counters = ServingCounters()

  let limits: ServingLimits
  unowned let loop: ServiceLoop
  let service: any GRPCService
  private(set) var kind: UInt8 = 0
  private(set) var isDraining = false
  var calls = Slab<GRPCCall>()

  private var listener: Listener?
  private var connections = Slab<GRPCConnection>()
  private var dirty: [Handle] = []
  private var onDrained: (() -> Void)?
  private var isAttached = true

  /// Listens on `address` and serves from the loop's next turn on. Keeps `service`.
  /// - Throws: `SystemError` when the address cannot be listened on, `ServiceLoop.Full`.
  public init(
    loop: ServiceLoop, address: SocketAddress, limits: ServingLimits = .mesh, service: any GRPCService
  ) throws {
    self.loop = loop
    self.limits = limits
    self.service = service
    kind = try loop.attach(LoopSlot())
    do {
      let listener = try Listener(on: address, kind: kind, loop: loop, counters: counters)
      self.listener = listener
      localAddress = listener.address
    } catch {
      loop.detach(kind: kind)
      throw error
    }
    loop.replace(kind: kind, with: self)
  }

  /// Connections now.
  public var connectionCount: Int { connections.count }
  /// Calls now, those that are finishing included.
  public var callCount: Int { calls.count }

  // MARK: Commands

  /// Queues one message with its prefix (`grpcFrame`). The array is shared, not copied: one encoded message may go to ten
  /// thousand streams.
  /// - Returns: false when nothing was queued: the call is over or finishing, or its backlog would grow above
  ///   `ServingLimits.streamQueueBytes`; then the reader is too slow and the caller decides what becomes of it.
  public func send(stream: Handle, framed: [UInt8]) -> Bool {
    guard let (session, id) = open(stream) else { return false }
    guard session.queuedBytes(id) + framed.count <= limits.streamQueueBytes else { return false }
    mark(calls[stream].connection)
    return session.send(id, framed)
  }

  /// Bytes queued for a call that the peer has not taken; 0 when it is over.
  public func queuedBytes(_ stream: Handle) -> Int {
    guard calls.contains(stream), connections.contains(calls[stream].connection) else { return 0 }
    return connections[calls[stream].connection].session.queuedBytes(calls[stream].stream)
  }

  /// Ends a call with a status, after what is queued. `closed` follows when the peer has taken it. A call that is over is no error.
  public func finish(_ stream: Handle, status: GRPCStatus) {
    guard let (session, id) = open(stream) else { return }
    calls[stream].phase = .finishing
    session.submitTrailers(id, GRPCMessages.trailers(status))
    mark(calls[stream].connection)
  }

  /// Ends a call at once, whatever is queued: for a reader that is too slow. `closed` follows.
  public func reset(_ stream: Handle) {
    guard calls.contains(stream), connections.contains(calls[stream].connection) else { return }
    calls[stream].phase = .finishing
    connections[calls[stream].connection].session.reset(calls[stream].stream, .cancel)
    mark(calls[stream].connection)
  }

  /// The session and id of a call that still takes messages.
  private func open(_ stream: Handle) -> (HTTP2Session, Int32)? {
    guard calls.contains(stream), case .open = calls[stream].phase else { return nil }
    guard connections.contains(calls[stream].connection) else { return nil }
    return (connections[calls[stream].connection].session, calls[stream].stream)
  }

  /// Takes no more connections and calls, lets calls finish, and closes all after `ServingLimits.drainGrace`.
  /// - Parameter onDrained: called once, when the last connection is closed.
  public func drain(onDrained: @escaping () -> Void = {}) {
    guard !isDraining else { return }
    isDraining = true
    self.onDrained = onDrained
    listener?.close()
    listener = nil
    forEachConnection { $0.drain() }
    loop.schedule(after: limits.drainGrace) { [weak self] in self?.close() }
    leaveIfEmpty()
  }

  /// Closes everything now; `closed` comes for each call.
  public func close() {
    isDraining = true
    listener?.close()
    listener = nil
    forEachConnection { $0.close() }
    leaveIfEmpty()
  }

  private func forEachConnection(_ body: (GRPCConnection) -> Void) {
    for index in 0..<connections.slotCount {
      if let handle = connections.handle(at: index) { body(connections[handle]) }
    }
  }

  private func leaveIfEmpty() {
    guard isDraining, connections.isEmpty, isAttached else { return }
    isAttached = false
    loop.detach(kind: kind)
    onDrained?()
    onDrained = nil
  }

  // MARK: LoopSource

  func ready(_ handle: Handle, _ readiness: Readiness) {
    if handle == .none {
      listener?.accept { admit($0, from: $1) }
    } else if connections.contains(handle) {
      connections[handle].ready(readiness)
    }
  }

  func expired(_ handle: Handle) {
    if connections.contains(handle) { connections[handle].expired() }
  }

  func loopEnded() { close() }

  func edge() {
    // Writing may end calls, and their service may send to others.
    for _ in 0..<Self.edgeRounds where !dirty.isEmpty {
      let marked = dirty
      dirty.removeAll(keepingCapacity: true)
      for handle in marked where connections.contains(handle) { connections[handle].flush() }
    }
    if !dirty.isEmpty { loop.executor.execute {} }
  }

  private static let edgeRounds = 8

  // MARK: Connections

  private func admit(_ socket: consuming Socket, from peer: SocketAddress) {
    guard connections.count < limits.connections else {
      // The socket closes here; a proxy comes back by its own back-off.
      counters.connectionsRefused.count()
      return
    }
    let connection = GRPCConnection(server: self)
    let handle = connections.insert(connection)
    guard connection.open(socket, peer: peer, handle: handle) else {
      _ = connections.remove(handle)
      return
    }
    counters.connectionsOpen.add(1, ordering: .relaxed)
  }

  func remove(_ handle: Handle) {
    guard connections.contains(handle) else { return }
    _ = connections.remove(handle)
    counters.connectionsOpen.subtract(1, ordering: .relaxed)
    leaveIfEmpty()
  }

  func mark(_ handle: Handle) {
    guard connections.contains(handle), connections[handle].takeMark() else { return }
    dirty.append(handle)
  }
}
