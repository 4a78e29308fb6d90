import Memory
import SystemIO
import Workers

/// The driver of one connection in a `ConnectionTable`.
protocol ServedConnection: AnyObject {
  /// Takes the socket and waits for its first bytes. False when the kernel refuses to watch it.
  func open(_ socket: consuming Socket, peer: SocketAddress, handle: Handle) -> Bool
  /// The socket is ready.
  func ready(_ readiness: Readiness)
  /// The connection's timer fired.
  func expired()
  /// The loop's edge: writes what this turn produced. Only after `ConnectionTable.mark`.
  func flush()
  /// The server drains: nothing new after what is under way.
  func drain()
  /// Ends it at once.
  func close()
}

/// What our servers share: the listener, the connections and their turn at the loop's edge, and how all of it ends.
final class ConnectionTable<Connection: ServedConnection> {
  let localAddress: SocketAddress
  let kind: UInt8
  private(set) var isDraining = false

  private let limits: ServingLimits
  private let counters: ServingCounters
  private unowned let loop: ServiceLoop
  private var listener: Listener?
  private var connections = Slab<Connection>()
  private var dirty: [Handle] = []
  private var onDrained: (() -> Void)?
  private var onLeft: () -> Void = {}
  private var isAttached = true

  /// Rounds of writing per turn. Writing an answer may bring up the request behind it, and its refusal; a few rounds settle that.
  /// Then others have a turn.
  private static var edgeRounds: Int { 8 }

  /// Listens on `address`; `serve` begins.
  /// - Throws: `SystemError` when the address cannot be listened on, `ServiceLoop.Full`.
  init(loop: ServiceLoop, address: SocketAddress, limits: ServingLimits, counters: ServingCounters) throws {
    self.loop = loop
    self.limits = limits
    self.counters = counters
    kind = try loop.attach(LoopSlot())
    do {
      let listener = try Listener(on: address, kind: kind, loop: loop, counters: counters)
      self.listener = listener
      localAddress = listener.address
    } catch {
      loop.detach(kind: kind)
      throw error
    }
  }

  /// Gives what happens to `source` from now on.
  /// - Parameter onLeft: called once, when all is over and the loop has let go of `source`.
  func serve(_ source: any LoopSource, onLeft: @escaping () -> Void = {}) {
    loop.replace(kind: kind, with: source)
    self.onLeft = onLeft
  }

  var count: Int { connections.count }

  /// The connection, unless it is gone.
  subscript(_ handle: Handle) -> Connection? { connections.contains(handle) ? connections[handle] : nil }

  // MARK: Coming and going

  /// Something is ready: connections that wait, which `admit` gets, or a connection.
  func ready(_ handle: Handle, _ readiness: Readiness, admit: (consuming Socket, SocketAddress) -> Void) {
    if handle == .none {
      listener?.accept(admit)
    } else {
      self[handle]?.ready(readiness)
    }
  }

  /// Takes up a connection.
  /// - Parameter aboveLimit: how many more than `ServingLimits.connections` there may be.
  /// - Returns: false when there is no room, which is counted, or when the kernel refuses it; the socket is closed then.
  @discardableResult
  func take(_ connection: Connection, _ socket: consuming Socket, from peer: SocketAddress, aboveLimit: Int = 0) -> Bool
  {
    guard connections.count < limits.connections + aboveLimit else {
      counters.connectionsRefused.count()
      return false
    }
    // The handle comes first: the token carries it.
    let handle = connections.insert(connection)
    guard connection.open(socket, peer: peer, handle: handle) else {
      _ = connections.remove(handle)
      return false
    }
    counters.connectionsOpen.add(1, ordering: .relaxed)
    return true
  }

  func remove(_ handle: Handle) {
    guard connections.contains(handle) else { return }
    _ = connections.remove(handle)
    counters.connectionsOpen.subtract(1, ordering: .relaxed)
    leaveIfEmpty()
  }

  // MARK: The loop's edge

  /// Has the connection's `flush` called at the edge. Each connection remembers whether it is marked.
  func mark(_ handle: Handle) { dirty.append(handle) }

  func edge() {
    for _ in 0..<Self.edgeRounds where !dirty.isEmpty {
      let marked = dirty
      dirty.removeAll(keepingCapacity: true)
      for handle in marked { self[handle]?.flush() }
    }
    if !dirty.isEmpty { loop.executor.execute {} }
  }

  // MARK: The end

  /// Takes no more connections, lets what is under way finish, and closes all after `ServingLimits.drainGrace`.
  /// - Parameter onDrained: called once, when the last connection is closed.
  func drain(onDrained: @escaping () -> Void) {
    guard !isDraining else { return }
    self.onDrained = onDrained
    stopListening()
    forEachConnection { $0.drain() }
    loop.schedule(after: limits.drainGrace) { [weak self] in self?.close() }
    leaveIfEmpty()
  }

  /// Closes the connections that there are.
  func closeAll() { forEachConnection { $0.close() } }

  /// Closes everything now.
  func close() {
    stopListening()
    forEachConnection { $0.close() }
    leaveIfEmpty()
  }

  private func stopListening() {
    isDraining = true
    listener?.close()
    listener = nil
  }

  private func forEachConnection(_ body: (Connection) -> Void) {
    for index in 0..<connections.slotCount {
      if let handle = connections.handle(at: index) { body(connections[handle]) }
    }
  }

  /// Lets go of the loop, and so of the server, with the last connection.
  private func leaveIfEmpty() {
    guard isDraining, connections.isEmpty, isAttached else { return }
    isAttached = false
    loop.detach(kind: kind)
    onLeft()
    onDrained?()
    onDrained = nil
  }
}
