import HTTP
import HTTP2
import Memory
import SystemIO
import Workers

/// Serves gRPC calls of all four kinds over HTTP/2, in clear and over TLS. Lives on its loop's thread; `ServiceLoop.confine` makes it
/// reachable from others.
///
/// Commands only queue: what one turn of the loop sends goes out once, at its edge, with one write per connection.
public final class GRPCServer: LoopSource {
  /// Where it listens: with port 0 asked for, the port that the kernel chose.
  public var localAddress: SocketAddress { connections.localAddress }
  public let counters = ServingCounters()

  /// Of the connections that begin from now on; those that stand keep what they have. Nil: TLS is not spoken.
  public var security: GRPCServerSecurity?

  let limits: ServingLimits
  unowned let loop: ServiceLoop
  let service: any GRPCService
  let connections: ConnectionTable<GRPCConnection>
  var calls = Slab<GRPCCall>()

  /// Listens on `address` and serves from the loop's next turn on. Keeps `service`.
  /// - Throws: `SystemError` when the address cannot be listened on, `ServiceLoop.Full`.
  public init(
    loop: ServiceLoop, address: SocketAddress, limits: ServingLimits = .mesh, security: GRPCServerSecurity? = nil,
    service: any GRPCService
  ) throws {
    self.security = security
    self.loop = loop
    self.limits = limits
    self.service = service
    connections = try ConnectionTable(loop: loop, address: address, limits: limits, counters: counters)
    connections.serve(self)
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
    guard let (connection, id) = open(stream) else { return false }
    guard connection.session.queuedBytes(id) + framed.count <= limits.streamQueueBytes else { return false }
    connection.mark()
    return connection.session.send(id, framed)
  }

  /// Bytes queued for a call that the peer has not taken; 0 when it is over.
  public func queuedBytes(_ stream: Handle) -> Int {
    guard calls.contains(stream), let connection = connections[calls[stream].connection] else { return 0 }
    return connection.session.queuedBytes(calls[stream].stream)
  }

  /// Ends a call with a status, after what is queued. `closed` follows when the peer has taken it. A call that is over is no error.
  public func finish(_ stream: Handle, status: GRPCStatus) {
    guard let (connection, id) = open(stream) else { return }
    calls[stream].phase = .finishing
    connection.session.submitTrailers(id, GRPCMessages.trailers(status))
    connection.mark()
  }

  /// Ends a call at once, whatever is queued: for a reader that is too slow. `closed` follows.
  public func reset(_ stream: Handle) {
    guard calls.contains(stream), let connection = connections[calls[stream].connection] else { return }
    calls[stream].phase = .finishing
    connection.session.reset(calls[stream].stream, .cancel)
    connection.mark()
  }

  /// The connection and id of a call that still takes messages.
  private func open(_ stream: Handle) -> (GRPCConnection, Int32)? {
    guard calls.contains(stream), case .open = calls[stream].phase else { return nil }
    return connections[calls[stream].connection].map { ($0, calls[stream].stream) }
  }

  /// Closes the connections that stand; those that come are served.
  public func hangUp() { connections.closeAll() }

  /// Takes no more connections and calls, lets calls finish, and closes all after `ServingLimits.drainGrace`.
  /// - Parameter onDrained: called once, when the last connection is closed.
  public func drain(onDrained: @escaping () -> Void = {}) { connections.drain(onDrained: onDrained) }

  /// Closes everything now; `closed` comes for each call.
  public func close() { connections.close() }

  // MARK: LoopSource

  func ready(_ handle: Handle, _ readiness: Readiness) {
    // Above the limit the socket closes; a proxy comes back by its own back-off.
    connections.ready(handle, readiness) { connections.take(GRPCConnection(server: self), $0, from: $1) }
  }

  func expired(_ handle: Handle) { connections[handle]?.expired() }
  // Writing may end calls, and their service may send to others.
  func edge() { connections.edge() }
  func loopEnded() { close() }
}
