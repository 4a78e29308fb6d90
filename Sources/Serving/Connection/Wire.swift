import Memory
import SystemIO
import TLS
import Workers

/// A connected socket on a service loop with the bytes that wait on either side of it. Watched level-triggered, so that a
/// connection may stop reading and find the rest later.
struct Wire: ~Copyable {
  enum Received { case bytes(Int), nothing, ended, failed }
  enum Flushed { case done, waiting, failed }

  /// Bytes taken from the socket per event. Why: one loud peer must not keep the others waiting; the rest comes next turn.
  static let readBytes = 16_384

  let peer: SocketAddress
  var input = ByteBuffer()
  var output = ByteBuffer()
  /// When bytes last came in.
  private(set) var receivedAt: Instant
  /// When bytes last went out, or when they began to wait.
  private(set) var sentAt: Instant
  private let socket: Socket
  private let token: UInt64
  private var interest: Interest
  /// Between the buffers and the socket; nil when the bytes go in clear.
  private var secure: SecureLayer?

  /// Takes the socket and watches it; throws what epoll says.
  init(_ socket: consuming Socket, peer: SocketAddress, token: UInt64, interest: Interest = .read, on loop: ServiceLoop)
    throws(SystemError)
  {
    try loop.events.add(socket.descriptor, token: token, interest)
    self.socket = socket
    self.peer = peer
    self.token = token
    self.interest = interest
    receivedAt = loop.now
    sentAt = loop.now
  }

  /// Puts TLS below the bytes and begins the handshake. What is written meanwhile waits for its end.
  mutating func secure(_ session: consuming TLSSession, on loop: ServiceLoop) -> Flushed {
    let layer = SecureLayer(session)
    layer.start()
    secure = layer
    return flush(on: loop)
  }

  /// Puts TLS below the bytes, a server's side: what was read into `input` was its beginning.
  mutating func secureInput(_ session: consuming TLSSession, on loop: ServiceLoop) -> Received {
    let layer = SecureLayer(session)
    secure = layer
    loop.buffers.lend(&input)
    let first = (0..<input.count).map { input.span[$0] }
    input.removeAll()
    layer.receive(first.span, into: &input)
    loop.buffers.reclaim(&input)
    return received(layer, count: input.count, on: loop)
  }

  /// Reads once into `input`.
  mutating func receive(on loop: ServiceLoop) -> Received {
    if let secure { return receive(secure, on: loop) }
    loop.buffers.lend(&input)
    let result = socket.receive(into: &input, atMost: Self.readBytes)
    loop.buffers.reclaim(&input)
    switch result {
    case .bytes(let count):
      receivedAt = loop.now
      return .bytes(count)
    case .wouldBlock: return .nothing
    case .endOfFile: return .ended
    case .failed: return .failed
    }
  }

  /// Writes what waits; when the kernel takes no more, the loop will tell when to go on.
  mutating func flush(on loop: ServiceLoop) -> Flushed {
    if let secure { return flush(secure, on: loop) }
    while !output.isEmpty {
      switch socket.send(output) {
      case .bytes(let count):
        output.removeFirst(count)
        sentAt = loop.now
      case .wouldBlock: return watch(interest.union(.write), on: loop) ? .waiting : .failed
      case .endOfFile, .failed: return .failed
      }
    }
    loop.buffers.reclaim(&output)
    return watch(interest.subtracting(.write), on: loop) ? .done : .failed
  }

  /// Works on both buffers, with storage for output.
  mutating func withBuffers<Result>(
    on loop: ServiceLoop, _ body: (_ input: inout ByteBuffer, _ output: inout ByteBuffer) -> Result
  ) -> Result {
    willAppend(on: loop)
    defer {
      loop.buffers.reclaim(&input)
      loop.buffers.reclaim(&output)
    }
    return body(&input, &output)
  }

  /// Gives `output` storage and notes when it begins to wait.
  mutating func willAppend(on loop: ServiceLoop) {
    if output.isEmpty { sentAt = loop.now }
    loop.buffers.lend(&output)
  }

  /// Asks to be woken when the kernel takes more, though nothing was refused: to go on next turn.
  mutating func continueLater(on loop: ServiceLoop) -> Bool { watch(interest.union(.write), on: loop) }

  /// Stops or begins to read. Back-pressure: what we do not read stays with the peer.
  mutating func setReading(_ reads: Bool, on loop: ServiceLoop) -> Bool {
    watch(reads ? interest.union(.read) : interest.subtracting(.read), on: loop)
  }

  /// Since when output waits for the peer, nil when none does.
  var waitingSince: Instant? { hasOutput ? sentAt : nil }

  /// Something waits for the kernel, or for the end of a handshake.
  var hasOutput: Bool { !output.isEmpty || secure?.hasOutput == true }

  /// Application bytes can be exchanged: true in clear, and once a handshake is done.
  var isReady: Bool { secure.map { $0.state != .handshaking } ?? true }

  /// The bytes go over TLS.
  var isSecure: Bool { secure != nil }
  var peerCertificate: TLSCertificate? { secure?.peerCertificate }
  var hasExpiredPeer: Bool { secure?.hasExpiredPeer ?? false }

  /// Why TLS gave up, after `failed`.
  var fault: TLSError? { secure?.fault }

  /// The peer has said that nothing more comes; in clear the end of the connection alone says so.
  var peerHasFinished: Bool { secure?.state == .closed }

  var isReading: Bool { interest.contains(.read) }

  borrowing func connectError() -> Int32 { socket.connectError() }
  borrowing func localAddress() -> SocketAddress? { socket.localAddress() }
  /// Says our last byte; the peer may still send.
  borrowing func shutdownWrite() { socket.shutdownWrite() }
  /// Makes the close that follows a reset, so that the peer cannot take what it has for the whole.
  borrowing func setReset() { socket.setReset() }

  /// Gives the buffers back and stops watching; the socket closes with the wire.
  mutating func close(on loop: ServiceLoop) {
    secure?.finish(socket)
    input.removeAll()
    output.removeAll()
    loop.buffers.reclaim(&input)
    loop.buffers.reclaim(&output)
    loop.events.remove(socket.descriptor)
  }

  private mutating func receive(_ secure: SecureLayer, on loop: ServiceLoop) -> Received {
    loop.buffers.lend(&input)
    let before = input.count
    let result = secure.receive(socket, into: &input, atMost: Self.readBytes)
    loop.buffers.reclaim(&input)
    if case .bytes = result { receivedAt = loop.now }
    switch result {
    case .wouldBlock: return .nothing
    case .bytes: return received(secure, count: input.count - before, on: loop)
    case .endOfFile:
      let flushed = flush(on: loop)
      return secure.fault != nil || flushed == .failed ? .failed : .ended
    case .failed: return .failed
    }
  }

  /// Sends the handshake's answer, or the alert that says what is wrong.
  /// - Parameter count: bytes that came for the application.
  private mutating func received(_ secure: SecureLayer, count: Int, on loop: ServiceLoop) -> Received {
    let flushed = flush(on: loop)
    if secure.fault != nil || flushed == .failed { return .failed }
    return count > 0 ? .bytes(count) : peerHasFinished ? .ended : .nothing
  }

  private mutating func flush(_ secure: SecureLayer, on loop: ServiceLoop) -> Flushed {
    while true {
      let count = secure.seal(output.span)
      output.removeFirst(count)
      guard let result = secure.flush(socket) else { break }
      switch result {
      case .bytes: sentAt = loop.now
      case .wouldBlock: return watch(interest.union(.write), on: loop) ? .waiting : .failed
      case .endOfFile, .failed: return .failed
      }
    }
    loop.buffers.reclaim(&output)
    return watch(interest.subtracting(.write), on: loop) ? (hasOutput ? .waiting : .done) : .failed
  }

  /// False when the kernel has no memory for the change; then the connection cannot go on.
  private mutating func watch(_ wanted: Interest, on loop: ServiceLoop) -> Bool {
    if wanted == interest { return true }
    do {
      try loop.events.modify(socket.descriptor, token: token, wanted)
      interest = wanted
      return true
    } catch {
      return false
    }
  }
}
