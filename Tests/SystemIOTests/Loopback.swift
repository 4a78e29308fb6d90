import Memory
import SystemIO
import Testing

/// Waits at most 10 s: only a broken test takes so long.
let patience: Int32 = 10_000

/// `#expect` takes calls apart, which spans and non-copyable values do not survive.
func check(_ holds: Bool, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(holds, comment, sourceLocation: sourceLocation)
}

/// Waits until `fd` is ready for one of `interest`; empty when it was not in time.
func wait(for interest: Interest, _ fd: Int32) throws -> Readiness {
  let poller = try Poller()
  try poller.add(fd, token: 1, interest)
  return poller.wait(milliseconds: patience) == 1 ? poller.readiness(at: 0) : []
}

/// Whether this machine speaks IPv6 at all: containers often do not.
let hasIPv6: Bool = {
  do {
    _ = try Socket.listen(on: .loopback(port: 0, ipv6: true))
    return true
  } catch {
    return false
  }
}()

/// Two connected sockets on loopback.
struct Pair: ~Copyable {
  let client: Socket
  let server: Socket
  let clientAddress: SocketAddress

  init(ipv6: Bool = false) throws {
    let listener = try Socket.listen(on: .loopback(port: 0, ipv6: ipv6))
    let connecting = try Socket.connect(to: try listener.address())
    _ = try wait(for: .read, listener.descriptor)
    _ = try wait(for: .write, connecting.descriptor)
    guard case .connection(let accepted, let peer) = listener.accept() else {
      throw SystemError(code: 0, call: "accept")
    }
    client = connecting
    server = accepted
    clientAddress = peer
  }
}

extension ByteBuffer {
  var array: [UInt8] {
    let span = span
    return span.indices.map { span[$0] }
  }
}

extension Socket {
  /// Where it listens.
  borrowing func address() throws -> SocketAddress {
    let address = localAddress()
    return try #require(address)
  }
}
