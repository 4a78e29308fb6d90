import Memory
import SystemIO
import TLS

/// What carries the bytes of a caller's requests, or of requests to an endpoint.
enum PeerLink: ~Copyable {
  /// A connection of its own: HTTP/1.1.
  case socket(PeerSocket)
  /// One stream of a session: HTTP/2. Its bytes come and go as HTTP/1.1 text (`Multiplexing`).
  case stream

  // `switch` throughout: `if case` would consume the link.

  var isStream: Bool {
    switch self {
    case .socket: false
    case .stream: true
    }
  }

  /// Of the connection; -1 for a stream, which has none.
  var descriptor: Int32 {
    switch self {
    case .socket(let socket): socket.descriptor
    case .stream: -1
    }
  }

  /// The connection is under TLS, or one that is carries it.
  var isSecure: Bool {
    switch self {
    case .socket(let socket): socket.isSecure
    case .stream: false
    }
  }

  /// Goes on under TLS, whose first bytes have come already.
  mutating func secure(by session: consuming TLSSession, received: Span<UInt8>, into plaintext: inout ByteBuffer) {
    switch consume self {
    case .socket(var socket):
      socket.secure(by: session, received: received, into: &plaintext)
      self = .socket(socket)
    case .stream: self = .stream
    }
  }

  /// The handshake is done, or there is none.
  var isEstablished: Bool {
    switch self {
    case .socket(let socket): socket.isEstablished
    case .stream: true
    }
  }

  /// The application protocol that was agreed on under TLS; nil in clear.
  var applicationProtocol: String? {
    switch self {
    case .socket(let socket): socket.applicationProtocol
    case .stream: nil
    }
  }

  /// See `PeerSocket.showsIdentity`.
  var showsIdentity: Bool {
    switch self {
    case .socket(let socket): socket.showsIdentity
    case .stream: false
    }
  }

  /// The only URI of the peer's certificate; nil where there is no such thing.
  var peerURI: String? {
    switch self {
    case .socket(let socket): socket.peerCertificate.flatMap { $0.uris.count == 1 ? $0.uris[0] : nil }
    case .stream: nil
    }
  }

  /// Goes on with the handshake of a connection that stands.
  borrowing func shakeHands(into input: inout ByteBuffer) -> TLSSession.State {
    switch self {
    case .socket(let socket): socket.shakeHands(into: &input)
    case .stream: .established
    }
  }

  /// Reads once; a stream's bytes are given, not read.
  borrowing func receive(into input: inout ByteBuffer, atMost: Int) -> IOResult {
    switch self {
    case .socket(let socket): socket.receive(into: &input, atMost: atMost)
    case .stream: .wouldBlock
    }
  }

  /// Gives the kernel what it takes; a stream's text becomes frames elsewhere.
  borrowing func send(_ output: borrowing ByteBuffer, from offset: Int) -> IOResult {
    switch self {
    case .socket(let socket): socket.send(output, from: offset)
    case .stream: .wouldBlock
    }
  }

  /// Encrypted bytes wait that the kernel has not taken.
  var hasUnsent: Bool {
    switch self {
    case .socket(let socket): socket.hasUnsent
    case .stream: false
    }
  }

  /// Gives the kernel all that it takes, and takes that off `output`.
  borrowing func write(_ output: inout ByteBuffer) -> IOResult {
    switch self {
    case .socket(let socket): socket.write(&output)
    case .stream: .wouldBlock
    }
  }

  /// Under TLS, says that nothing more comes.
  borrowing func finish() {
    switch self {
    case .socket(let socket): socket.finish()
    case .stream: break
    }
  }

  /// Why TLS has failed, once it has.
  var fault: TLSError? {
    switch self {
    case .socket(let socket): socket.fault
    case .stream: nil
    }
  }

  /// Makes closing a reset, so that what was said cannot be taken for the whole.
  borrowing func setReset() {
    switch self {
    case .socket(let socket): socket.setReset()
    case .stream: break
    }
  }

  /// Says the last byte.
  borrowing func shutdownWrite() {
    switch self {
    case .socket(let socket): socket.shutdownWrite()
    case .stream: break
    }
  }

  /// 0 once a connection that was begun stands.
  borrowing func connectError() -> Int32 {
    switch self {
    case .socket(let socket): socket.connectError()
    case .stream: 0
    }
  }

  /// True when an idle connection is of no use.
  borrowing func pendingEndOfFile() -> Bool {
    switch self {
    case .socket(let socket): socket.pendingEndOfFile()
    case .stream: false
    }
  }

  /// Lets the kernel find out whether a peer that says nothing is still there, in seconds; the session of a stream does that by itself.
  borrowing func setKeepAlive(idle: Int32, interval: Int32, count: Int32) throws(SystemError) {
    switch self {
    case .socket(let socket): try socket.setKeepAlive(idle: idle, interval: interval, count: count)
    case .stream: break
    }
  }

  /// Gives up the connection, which goes on as something else.
  consuming func takeSocket() -> PeerSocket? {
    switch consume self {
    case .socket(let socket): socket
    case .stream: nil
    }
  }
}
