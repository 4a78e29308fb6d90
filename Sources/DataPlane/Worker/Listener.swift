import Memory
import Synchronization
import SystemIO
import TLS
import Traffic

/// One of a worker's listeners: what is asked of its callers, and what their requests are identified with.
struct Listener: ~Copyable {
  let policy: ListenerPolicy
  let direction: TrafficDirection
  /// Nil once the worker drains.
  private(set) var socket: Socket?
  /// What new connections are secured by; nil: they are in clear.
  var security: TLSContext?
  /// What callers of the mesh are secured by; nil: this proxy has no identity, or the listener is not for them.
  var meshSecurity: TLSContext?
  /// Spellings of hosts that came here: what they are bound to depends on the identifiers.
  var hosts: HostTable
  let hostComesFirst: Bool
  /// Connections taken since the last collection.
  var accepted: UInt64 = 0
  /// The application's binding, and its serial.
  var application: (binding: Int32, serial: UInt32) = (-1, 0)

  init(_ policy: ListenerPolicy, socket: consuming Socket, seed: UInt64) {
    self.policy = policy
    direction = policy.direction
    self.socket = consume socket
    security = policy.security
    hosts = HostTable(seed: seed)
    hostComesFirst = policy.application == nil && policy.identifiers.beginsWithHost
  }

  /// The descriptor that callers connect to; nil once closed.
  var descriptor: Int32? {
    switch socket {
    case .some(let socket): socket.descriptor
    case .none: nil
    }
  }

  /// What new connections speak TLS by, from their first byte on; nil: that shows, or comes later, or never.
  var immediateSecurity: TLSContext? { policy.expectsProxyHeader || meshSecurity != nil ? nil : security }

  /// What new connections begin with.
  private var greeting: Origin.Greeting { policy.expectsProxyHeader ? .proxyHeader : greetingBehindHeader }

  /// The same where a load balancer has spoken.
  var greetingBehindHeader: Origin.Greeting {
    if policy.takesMeshOnly || meshSecurity != nil && security != nil { return .tls }
    return meshSecurity != nil && policy.listenerProtocol.isTakenAtOnce ? .declared : .none
  }

  /// Connections that are neither TLS nor HTTP have somewhere to go.
  var takesBytes: Bool { policy.tcpName != nil || policy.application != nil || policy.isTransparent }

  /// A connection on which nothing comes may be one whose service speaks first.
  var takesSilence: Bool {
    if policy.listenerProtocol == .tcp { return greetingBehindHeader == .declared }
    return (policy.tcpName != nil || policy.isTransparent) && policy.listenerProtocol == .auto && policy.security == nil
  }

  /// What a TLS handshake that begins like this ends by here, and whether that makes its caller one of the mesh; nil: it does not end
  /// here.
  borrowing func security(for hello: ClientHello) -> (context: TLSContext, isMesh: Bool)? {
    if let meshSecurity, hello.applicationProtocols.contains(MeshCredentials.marker) { return (meshSecurity, true) }
    return security.map { ($0, false) }
  }

  /// Takes one waiting connection; none waits once it is closed.
  borrowing func accept() -> Accepted {
    switch socket {
    case .some(let socket): socket.accept()
    case .none: .wouldBlock
    }
  }

  /// Connections taken since it was last asked.
  mutating func takeAccepted() -> UInt64 {
    defer { accepted = 0 }
    return accepted
  }

  /// What a connection that comes in here begins as. `l` is this listener's own handle.
  borrowing func origin(_ l: Handle, _ caller: SocketAddress, original: SocketAddress?) -> Origin {
    Origin(
      listener: l, direction: direction, isTrusted: policy.trust == .always,
      greeting: greeting, caller: policy.tellsCaller ? caller : nil, original: original)
  }

  /// Takes no more connections.
  mutating func close() { socket = nil }
}

/// A bound socket on its way into a worker's thread, with what is asked of its callers.
public final class ListenerStart: Sendable {
  public let policy: ListenerPolicy
  private let socket: Mutex<Socket?>

  /// - Parameter socket: bound, with SO_REUSEPORT where there are several workers.
  public init(_ socket: consuming Socket, _ policy: ListenerPolicy = ListenerPolicy()) {
    self.policy = policy
    self.socket = Mutex(consume socket)
  }

  /// The socket, once.
  func take() -> Socket {
    socket.withLock { held in
      var taken: Socket? = nil
      swap(&taken, &held)
      guard let socket = consume taken else { preconditionFailure("a worker takes its listener once") }
      return socket
    }
  }
}
