import CLinux
import Glibc
import Memory

/// What one read or write did. An interrupted call is repeated, so none of the cases is that.
public enum IOResult: Equatable, Sendable {
  /// So many bytes moved. Fewer than asked for means that the kernel has no more, or takes no more, now: with
  /// edge-triggered interest the next event tells when to go on, and the call that would say `wouldBlock` can be left
  /// out. Only when the event carried `Readiness.hangup` must reading go on to `endOfFile`, for that end raises no
  /// further event.
  case bytes(Int)
  /// Nothing can be moved now.
  case wouldBlock
  /// The peer has said its last byte.
  case endOfFile
  /// The connection is gone; the value is `errno`.
  case failed(Int32)
}

/// What `Socket.accept` found.
public enum Accepted: ~Copyable {
  /// A connection and who made it.
  case connection(Socket, SocketAddress)
  /// None waits.
  case wouldBlock
  /// This process or machine has no descriptor or memory left (the value is `errno`: EMFILE, ENFILE, ENOBUFS, ENOMEM).
  /// The connection still waits, so a level-triggered listener would spin: stop listening for a while.
  case exhausted(Int32)
  /// The listening socket itself is broken.
  case failed(SystemError)
}

/// A TCP socket: non-blocking, not inherited by child processes, without Nagle's delay. Closed when it goes out of
/// scope.
public struct Socket: ~Copyable, Sendable {
  /// Valid as long as the socket lives.
  public let descriptor: Int32

  /// Takes over a non-blocking descriptor.
  init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit { _ = close(descriptor) }  // Linux closes even when it reports an error: repeating could close a stranger's

  /// A socket that listens on `address`; port 0 lets the kernel choose, see `localAddress`.
  /// - Parameters:
  ///   - backlog: Connections that wait to be accepted at most; the kernel cuts it to `net.core.somaxconn` (4096).
  ///   - reusePort: Lets several sockets of this user listen on one address; the kernel spreads connections over them.
  public static func listen(on address: SocketAddress, backlog: Int32 = 4096, reusePort: Bool = true)
    throws(SystemError) -> Socket
  {
    let socket = try make(for: address)
    // Without it a restart fails for a minute while old connections are in TIME_WAIT.
    try socket.set(SOL_SOCKET, SO_REUSEADDR, 1, "setsockopt(SO_REUSEADDR)")
    if reusePort { try socket.set(SOL_SOCKET, SO_REUSEPORT, 1, "setsockopt(SO_REUSEPORT)") }
    // [::] means IPv6 alone, whatever the machine's default: then [::] and 0.0.0.0 can be listened on side by side.
    if address.isIPv6 { try socket.set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1, "setsockopt(IPV6_V6ONLY)") }
    let descriptor = socket.descriptor
    if unsafe address.withSystemAddress({ unsafe bind(descriptor, $0, $1) }) != 0 { throw .last("bind") }
    if Glibc.listen(descriptor, backlog) != 0 { throw .last("listen") }
    return socket
  }

  /// Begins to connect to `address`. Writability, or `Readiness.error`, tells that it is done; then `connectError` says
  /// how.
  public static func connect(to address: SocketAddress) throws(SystemError) -> Socket {
    let socket = try make(for: address)
    let descriptor = socket.descriptor
    if unsafe address.withSystemAddress({ unsafe Glibc.connect(descriptor, $0, $1) }) != 0 {
      // An interrupted connect goes on in the background like one in progress.
      if errno != EINPROGRESS && errno != EINTR { throw .last("connect") }
    }
    return socket
  }

  private static func make(for address: SocketAddress) throws(SystemError) -> Socket {
    let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
    let descriptor = Glibc.socket(address.domain, Int32(kind), 0)
    if descriptor < 0 { throw .last("socket") }
    let socket = Socket(owning: descriptor)
    // Accepted sockets inherit it from the listening one.
    try socket.set(Int32(IPPROTO_TCP), TCP_NODELAY, 1, "setsockopt(TCP_NODELAY)")
    return socket
  }

  /// Takes the next waiting connection. Connections that failed while they waited are passed over, as accept(2) asks.
  public borrowing func accept() -> Accepted {
    while true {
      var code: Int32 = 0
      let peer = unsafe SocketAddress(filledBy: { address, length in
        code = unsafe clinux_accept(descriptor, address, length)
        return code >= 0
      })
      if code >= 0 {
        let connection = Socket(owning: code)
        // Who connects to a socket file has no address.
        return .connection(connection, peer ?? .loopback(port: 0))
      }
      switch -code {
      case EAGAIN: return .wouldBlock
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(-code)
      case EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH, EPERM:
        continue
      default: return .failed(SystemError(code: -code, call: "accept"))
      }
    }
  }

  /// Reads up to `atMost` bytes to the end of `buffer`, for which it makes room.
  public borrowing func receive(into buffer: inout ByteBuffer, atMost: Int) -> IOResult {
    if atMost <= 0 { return .bytes(0) }
    buffer.reserve(atMost)
    let count = retrying { unsafe recv(descriptor, buffer.unsafeTail, atMost, 0) }
    if count > 0 {
      unsafe buffer.unsafeCommit(count)
      return .bytes(count)
    }
    return count == 0 ? .endOfFile : Self.failure()
  }

  /// Writes the readable bytes of `buffer` from `offset` on, and leaves them in the buffer.
  public borrowing func send(_ buffer: borrowing ByteBuffer, from offset: Int = 0) -> IOResult {
    precondition(offset >= 0 && offset <= buffer.count, "no such bytes")
    return unsafe write(buffer.unsafeHead + offset, buffer.count - offset)
  }

  /// Writes the bytes.
  public borrowing func send(_ bytes: Span<UInt8>) -> IOResult {
    unsafe bytes.withUnsafeBytes { unsafe write($0.baseAddress, $0.count) }
  }

  /// Writes the readable bytes of `head` from `offset` on and then `body`, in one call; both may be empty.
  public borrowing func send(_ head: borrowing ByteBuffer, from offset: Int = 0, then body: Span<UInt8>) -> IOResult {
    precondition(offset >= 0 && offset <= head.count, "no such bytes")
    if head.count == offset { return send(body) }
    if body.isEmpty { return send(head, from: offset) }
    let first = unsafe iovec(iov_base: head.unsafeHead + offset, iov_len: head.count - offset)
    return unsafe body.withUnsafeBytes { body in
      let second = unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: body.baseAddress), iov_len: body.count)
      var parts = unsafe (first, second)
      return unsafe withUnsafeMutablePointer(to: &parts) { parts in
        unsafe parts.withMemoryRebound(to: iovec.self, capacity: 2) { vector in
          var message = unsafe msghdr()
          unsafe message.msg_iov = vector
          unsafe message.msg_iovlen = 2
          return Self.sent(retrying { unsafe sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL)) })
        }
      }
    }
  }

  @unsafe private borrowing func write(_ start: UnsafeRawPointer?, _ count: Int) -> IOResult {
    if count == 0 { return .bytes(0) }
    // MSG_NOSIGNAL: a peer that closed must not kill the process by SIGPIPE.
    return Self.sent(retrying { unsafe Glibc.send(descriptor, start, count, Int32(MSG_NOSIGNAL)) })
  }

  private static func sent(_ count: Int) -> IOResult { count >= 0 ? .bytes(count) : failure() }

  private static func failure() -> IOResult {
    let code = errno
    return code == EAGAIN ? .wouldBlock : .failed(code)
  }
}
