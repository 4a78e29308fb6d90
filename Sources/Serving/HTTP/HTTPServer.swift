import HTTP
import Memory
import SystemIO
import Workers

/// Serves HTTP/1.1, and HTTP/2 to clients that begin with its preface, on one address. Lives on its loop's thread.
///
/// Errors of the protocol (400, 408, 413, 414, 431 …) are answered by the server itself as `application/problem+json` and never
/// reach the handler.
public final class HTTPServer: LoopSource {
  /// Where it listens: with port 0 asked for, the port that the kernel chose.
  public let localAddress: SocketAddress
  public let counters = ServingCounters()

  private static let edgeRounds = 8

  let limits: ServingLimits
  let handler: any RequestHandler
  unowned let loop: ServiceLoop
  let budget: BodyBudget
  /// Scratch for parsing; a head never stays in it between events.
  var head = RequestHead()
  private(set) var kind: UInt8 = 0
  private(set) var isDraining = false

  private var listener: Listener?
  private var here: Confined<HTTPServer>?
  private var connections = Slab<HTTPConnection>()
  private var dirty: [Handle] = []
  private var onDrained: (() -> Void)?

  /// Listens on `address` and serves from the loop's next turn on.
  /// - Throws: `SystemError` when the address cannot be listened on, `ServiceLoop.Full`.
  public init(
    loop: ServiceLoop, address: SocketAddress, limits: ServingLimits = .rest, handler: any RequestHandler
  ) throws {
    self.loop = loop
    self.limits = limits
    self.handler = handler
    budget = BodyBudget(limits.heldBodyBytes)
    let slot = LoopSlot()
    kind = try loop.attach(slot)
    do {
      let listener = try Listener(on: address, kind: kind, loop: loop, counters: counters)
      self.listener = listener
      localAddress = listener.address
    } catch {
      loop.detach(kind: kind)
      throw error
    }
    loop.replace(kind: kind, with: self)
    here = loop.confine(self)
  }

  /// Takes no more connections, lets requests under way finish, closes idle connections, and after `ServingLimits.drainGrace` all.
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

  /// Closes everything now.
  public func close() {
    isDraining = true
    listener?.close()
    listener = nil
    forEachConnection { $0.close() }
    leaveIfEmpty()
  }

  private func forEachConnection(_ body: (HTTPConnection) -> Void) {
    for index in 0..<connections.slotCount {
      if let handle = connections.handle(at: index) { body(connections[handle]) }
    }
  }

  private func leaveIfEmpty() {
    guard isDraining, connections.isEmpty, here != nil else { return }
    here = nil
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
    // Writing an answer may bring up the request behind it, and its refusal; a few rounds settle that. Then others have a turn.
    for _ in 0..<Self.edgeRounds where !dirty.isEmpty {
      let marked = dirty
      dirty.removeAll(keepingCapacity: dirty.capacity <= 1024)
      for handle in marked where connections.contains(handle) { connections[handle].flush() }
    }
    if !dirty.isEmpty { loop.executor.execute {} }
  }

  // MARK: Connections

  private func admit(_ socket: consuming Socket, from peer: SocketAddress) {
    guard connections.count < limits.connections else { return refuse(socket) }
    // The handle comes first: the token carries it.
    let connection = HTTPConnection(server: self)
    let handle = connections.insert(connection)
    guard connection.open(socket, peer: peer, handle: handle) else {
      _ = connections.remove(handle)
      return
    }
    counters.connectionsOpen.add(1, ordering: .relaxed)
  }

  /// Tells a caller above the limit so, as far as the fresh socket takes it at once, and closes.
  private func refuse(_ socket: consuming Socket) {
    counters.connectionsRefused.count()
    let busy: StaticString =
      "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    var bytes = ByteBuffer()
    bytes.append(busy)
    _ = socket.send(bytes)
    socket.shutdownWrite()
  }

  func remove(_ handle: Handle) {
    guard connections.contains(handle) else { return }
    _ = connections.remove(handle)
    counters.connectionsOpen.subtract(1, ordering: .relaxed)
    leaveIfEmpty()
  }

  func mark(_ handle: Handle) { dirty.append(handle) }

  // MARK: Requests

  /// Gives a request to the handler. `exchange` comes back with the answer.
  func dispatch(_ request: HTTPRequest, connection: Handle, exchange: UInt64) {
    counters.requests.count()
    guard let here else { return }
    let respond = Responder { response, wasDropped in
      here.execute { $0.answer(response, wasDropped, connection: connection, exchange: exchange) }
    }
    handler.handle(request, respond)
  }

  private func answer(_ response: HTTPResponse, _ wasDropped: Bool, connection: Handle, exchange: UInt64) {
    if wasDropped { counters.respondersDropped.count() }
    if case .stream(let stream) = response.body, let here {
      stream.attach { here.execute { $0.mark(connection) } }
    }
    let isTaken = connections.contains(connection) && connections[connection].respond(response, exchange: exchange)
    if !isTaken, case .stream(let stream) = response.body { stream.close() }
  }
}
