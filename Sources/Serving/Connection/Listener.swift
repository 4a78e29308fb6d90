import Memory
import SystemIO
import Workers

/// A listening socket on a service loop.
final class Listener {
  /// Connections accepted per event. Why: a storm of them must not starve those that stand.
  private static let batch = 64
  /// Pause after EMFILE and its kin. Why: the connection still waits, and asking again at once would spin.
  private static let backOff = Duration.milliseconds(100)

  let address: SocketAddress
  private let socket: Socket
  private let token: UInt64
  private unowned let loop: ServiceLoop
  private let counters: ServingCounters
  private var isListening = true

  /// - Parameter kind: of the source whose `ready(.none, …)` will call `accept`.
  init(on address: SocketAddress, kind: UInt8, loop: ServiceLoop, counters: ServingCounters) throws(SystemError) {
    socket = try Socket.listen(on: address)
    self.address = socket.localAddress() ?? address
    token = Handle.none.token(kind: kind)
    self.loop = loop
    self.counters = counters
    try loop.events.add(socket.descriptor, token: token, .read)
  }

  /// Takes connections that wait and gives each to `admit`.
  func accept(_ admit: (consuming Socket, SocketAddress) -> Void) {
    guard isListening else { return }
    for _ in 0..<Self.batch {
      switch socket.accept() {
      case .connection(let connection, let peer):
        counters.connectionsAccepted.count()
        admit(connection, peer)
      case .wouldBlock: return
      case .exhausted: return rest()
      case .failed: return rest()
      }
    }
  }

  /// Listens no more; connections that wait unaccepted are refused when the listener is released.
  func close() {
    isListening = false
    loop.events.remove(socket.descriptor)
  }

  private func rest() {
    counters.acceptsExhausted.count()
    loop.events.remove(socket.descriptor)
    loop.schedule(after: Self.backOff) { [weak self] in self?.resume() }
  }

  private func resume() {
    guard isListening else { return }
    do {
      try loop.events.add(socket.descriptor, token: token, .read)
    } catch {
      rest()  // no memory for the watch: the same remedy
    }
  }
}
