import Glibc

/// A UDP socket that talks with one address: non-blocking, not inherited by child processes, on a port that the kernel
/// chose at random. Closed when it goes out of scope.
public struct DatagramSocket: ~Copyable, Sendable {
  private let socket: Descriptor

  /// For the poller; valid as long as the socket lives.
  public var descriptor: Int32 { socket.number }

  /// What reading found.
  public enum Received: Sendable {
    case datagram([UInt8])
    case wouldBlock
    /// The value is `errno`; ECONNREFUSED: nobody listens there.
    case failed(Int32)
  }

  /// - Parameter address: Datagrams go there; those from elsewhere are dropped by the kernel.
  public init(to address: SocketAddress) throws(SystemError) {
    let kind = SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
    let number = Glibc.socket(address.domain, Int32(kind), 0)
    if number < 0 { throw .last("socket") }
    let socket = Descriptor(owning: number)
    if unsafe address.withSystemAddress({ unsafe Glibc.connect(number, $0, $1) }) != 0 { throw .last("connect") }
    self.socket = socket
  }

  /// Sends one datagram.
  public borrowing func send(_ bytes: [UInt8]) throws(SystemError) {
    let number = socket.number
    let count = unsafe bytes.withUnsafeBytes { raw in
      retrying { unsafe Glibc.send(number, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL)) }
    }
    if count < 0 { throw .last("send") }
  }

  /// Takes the next datagram; what is longer than `limit` bytes is cut.
  public borrowing func receive(limit: Int) -> Received {
    var buffer = [UInt8](repeating: 0, count: max(1, limit))
    let number = socket.number
    let count = unsafe buffer.withUnsafeMutableBytes { raw in
      retrying { unsafe recv(number, raw.baseAddress, raw.count, 0) }
    }
    if count >= 0 { return .datagram(Array(buffer.prefix(count))) }
    return errno == EAGAIN ? .wouldBlock : .failed(errno)
  }
}

/// Whether this machine has a way to `address`, as far as its routes say; nothing is sent.
public func hasRoute(to address: SocketAddress) -> Bool {
  guard let socket = try? DatagramSocket(to: address) else { return false }
  return socket.descriptor >= 0
}
