import Memory
import SystemIO
import TLS
import Workers

/// A peer's connection, in clear or under TLS. What is read and written is the application's either way.
struct PeerSocket: ~Copyable {
  private let socket: Socket
  /// Nil in clear.
  private var secure: SecureLayer?

  /// EPROTO: what the kernel would call a stream that breaks its protocol.
  private static let protocolError: Int32 = 71

  /// In clear.
  init(_ socket: consuming Socket) {
    self.socket = socket
    secure = nil
  }

  /// Under TLS, whose handshake is still to come.
  init(_ socket: consuming Socket, securedBy session: consuming TLSSession) {
    self.socket = socket
    secure = SecureLayer(session)
  }

  /// Goes on under TLS, whose first bytes have come already; what they hold for the application is appended to `plaintext`.
  mutating func secure(by session: consuming TLSSession, received: Span<UInt8>, into plaintext: inout ByteBuffer) {
    let layer = SecureLayer(session)
    layer.receive(received, into: &plaintext)
    _ = layer.flush(socket)  // what the kernel does not take now goes when it does
    secure = layer
  }

  /// Under TLS, as its client: the handshake begins with `shakeHands`.
  init(_ socket: consuming Socket, startedBy session: consuming TLSSession) {
    self.socket = socket
    let layer = SecureLayer(session)
    layer.start()
    secure = layer
  }

  /// Goes on with the handshake of a connection that stands; in clear there is none. What came for us behind it is appended to `input`.
  borrowing func shakeHands(into input: inout ByteBuffer) -> TLSSession.State {
    guard let secure else { return .established }
    return secure.shakeHands(socket, into: &input)
  }

  /// The handshake is done, or there is none.
  var isEstablished: Bool { secure.map { $0.state != .handshaking } ?? true }
  /// What the peer's certificate says; nil in clear, or where it presented none.
  var peerCertificate: TLSCertificate? { secure?.peerCertificate }
  /// The application protocol that was agreed on (ALPN).
  var applicationProtocol: String? { secure?.applicationProtocol }

  var descriptor: Int32 { socket.descriptor }
  var isSecure: Bool { secure != nil }
  /// The peer is believed to be who its certificate says, or is about to be: such certificates have URI names.
  var showsIdentity: Bool { isSecure && (!isEstablished || peerCertificate?.uris.isEmpty == false) }
  /// Why TLS has failed, once it has.
  var fault: TLSError? { secure?.fault }
  /// Encrypted bytes wait that the kernel has not taken: `flush` when it takes more.
  var hasUnsent: Bool { secure?.hasOutput ?? false }

  /// Reads into `input`: in clear once, under TLS until `atMost` bytes have come or the kernel has no more.
  /// - Returns: `.bytes` of fewer than `atMost` means that the kernel has no more for now. Under TLS it may be more than asked for.
  borrowing func receive(into input: inout ByteBuffer, atMost: Int) -> IOResult {
    guard let secure else { return socket.receive(into: &input, atMost: atMost) }
    return receive(secure, into: &input, atMost: atMost)
  }

  private borrowing func receive(_ secure: SecureLayer, into input: inout ByteBuffer, atMost: Int) -> IOResult {
    let before = input.count
    while true {
      let result = secure.receive(socket, into: &input, atMost: SecureLayer.pieceBytes)
      // The handshake's answer, or the alert that says what is wrong; the rest goes when the socket is writable.
      _ = secure.flush(socket)
      if secure.fault != nil { return .failed(Self.protocolError) }
      let taken = input.count - before
      switch result {
      case .bytes(let n):
        if taken >= atMost { return .bytes(taken) }
        if n == SecureLayer.pieceBytes { continue }  // the kernel may have more
        return taken > 0 ? .bytes(taken) : secure.state == .closed ? .endOfFile : .wouldBlock
      case .wouldBlock: return taken > 0 ? .bytes(taken) : .wouldBlock
      case .endOfFile: return taken > 0 ? .bytes(taken) : .endOfFile
      case .failed(let code): return .failed(code)
      }
    }
  }

  /// Gives the kernel what it takes of `output` from `offset` on. Under TLS what is taken may wait here: `hasUnsent`.
  borrowing func send(_ output: borrowing ByteBuffer, from offset: Int) -> IOResult {
    guard let secure else { return socket.send(output, from: offset) }
    switch flush() {
    case .bytes: break
    case let other: return other
    }
    let count = secure.sealBatch(output.span.extracting(offset...))
    if secure.fault != nil { return .failed(Self.protocolError) }
    if count == 0 { return .wouldBlock }  // the handshake is not done
    switch flush() {
    case .bytes, .wouldBlock: return .bytes(count)
    case let other: return other
    }
  }

  /// Gives the kernel all that it takes of `output`, and takes that off. `.bytes` with some left means that it takes no more now.
  borrowing func write(_ output: inout ByteBuffer) -> IOResult {
    var total = 0
    switch flush() {
    case .bytes: break
    case .wouldBlock: return .bytes(0)
    case let other: return other
    }
    while !output.isEmpty {
      switch send(output, from: 0) {
      case .bytes(let n):
        output.removeFirst(n)
        total += n
      case .wouldBlock: return .bytes(total)
      case let other: return other
      }
    }
    return .bytes(total)
  }

  /// Gives the kernel encrypted bytes that wait. `.bytes` when none are left.
  private borrowing func flush() -> IOResult {
    guard let secure else { return .bytes(0) }
    while let result = secure.flush(socket) {
      switch result {
      case .bytes: continue
      case let other: return other
      }
    }
    return .bytes(0)
  }

  /// Under TLS, says that nothing more comes, as far as the kernel takes it at once.
  borrowing func finish() { secure?.finish(socket) }

  /// Says the last byte, and under TLS that it is the last.
  borrowing func shutdownWrite() {
    secure?.finish(socket)
    socket.shutdownWrite()
  }

  /// Makes closing a reset, so that what was said cannot be taken for the whole.
  borrowing func setReset() { socket.setReset() }

  /// 0 once a connection that was begun stands.
  borrowing func connectError() -> Int32 { socket.connectError() }

  /// True when an idle connection is of no use.
  borrowing func pendingEndOfFile() -> Bool { socket.pendingEndOfFile() }

  borrowing func setKeepAlive(idle: Int32, interval: Int32, count: Int32) throws(SystemError) {
    try socket.setKeepAlive(idle: idle, interval: interval, count: count)
  }
}
