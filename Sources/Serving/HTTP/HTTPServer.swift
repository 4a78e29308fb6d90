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
  public var localAddress: SocketAddress { connections.localAddress }
  public let counters = ServingCounters()

  let limits: ServingLimits
  let handler: any RequestHandler
  unowned let loop: ServiceLoop
  let budget: BodyBudget
  let connections: ConnectionTable<HTTPConnection>
  /// Scratch for parsing; a head never stays in it between events.
  var head = RequestHead()

  private var here: Confined<HTTPServer>?

  /// Listens on `address` and serves from the loop's next turn on.
  /// - Throws: `SystemError` when the address cannot be listened on, `ServiceLoop.Full`.
  public init(
    loop: ServiceLoop, address: SocketAddress, limits: ServingLimits = .rest, handler: any RequestHandler
  ) throws {
    self.loop = loop
    self.limits = limits
    self.handler = handler
    budget = BodyBudget(limits.heldBodyBytes)
    connections = try ConnectionTable(loop: loop, address: address, limits: limits, counters: counters)
    here = loop.confine(self)
    connections.serve(self) { [unowned self] in here = nil }
  }

  /// Takes no more connections, lets requests under way finish, closes idle connections, and after `ServingLimits.drainGrace` all.
  /// - Parameter onDrained: called once, when the last connection is closed.
  public func drain(onDrained: @escaping () -> Void = {}) { connections.drain(onDrained: onDrained) }

  /// Closes everything now.
  public func close() { connections.close() }

  // MARK: LoopSource

  func ready(_ handle: Handle, _ readiness: Readiness) {
    connections.ready(handle, readiness) { admit($0, from: $1) }
  }

  func expired(_ handle: Handle) { connections[handle]?.expired() }
  func edge() { connections.edge() }
  func loopEnded() { close() }

  private func admit(_ socket: consuming Socket, from peer: SocketAddress) {
    let connection = HTTPConnection(server: self)
    let isFull = connections.count >= limits.connections
    guard connections.take(connection, socket, from: peer, aboveLimit: limits.turnedAway), isFull else { return }
    counters.connectionsRefused.count()
    connection.turnAway()
  }

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
      stream.attach { here.execute { $0.connections[connection]?.mark() } }
    }
    let isTaken = connections[connection]?.respond(response, exchange: exchange) == true
    if !isTaken, case .stream(let stream) = response.body { stream.close() }
  }
}
