import COpenSSL
import Memory

/// One TLS connection without its socket: bytes of the wire in, bytes of the application out, and the other way round.
///
/// The driver lends its buffers to each call and sends what was appended to `output`, also after an error: an alert may be
/// in it. A session holds no bytes of its own beyond a record that has come in part.
@safe public struct TLSSession: ~Copyable {
  /// How far the session is.
  public enum State: Hashable, Sendable {
    case handshaking
    /// Application bytes go both ways.
    case established
    /// The peer has said that nothing more comes (`close_notify`); we may still send.
    case closed
    case failed(TLSError)
  }

  /// Room for application bytes that a read needs at least. Why: less would cost a call of OpenSSL for a few bytes.
  private static let leastRoom = 512

  public private(set) var state = State.handshaking
  let session: OpaquePointer
  let transport: UnsafeMutablePointer<TLSTransport>
  private let context: TLSContext

  /// - Parameter serverName: a client's: the host name or numeric address that the server's certificate must be for; a name
  ///   also goes to the server (SNI). Nil checks the certificate's chain alone: the caller looks at `peerCertificate`.
  ///   A server's sessions pass it over.
  /// - Parameter peerURI: the URI name that the peer's certificate must have, and no other. Nil: any.
  /// - Parameter protocols: what a client offers in place of the context's application protocols, of 1 to 255 bytes each.
  public init(
    _ context: TLSContext, serverName: String? = nil, peerURI: TLSPeerURI? = nil, protocols: [String]? = nil
  ) {
    self.context = context
    guard let made = unsafe SSL_new(context.context.pointer), let bio = unsafe BIO_new(context.method.pointer) else {
      fatalError("no memory for a TLS session")
    }
    unsafe session = made
    unsafe transport = .allocate(capacity: 1)
    let judgement = PeerJudgement(
      trustDomain: context.settings.trustDomain, uri: peerURI,
      grace: Int(clamping: context.settings.expiryGrace.components.seconds))
    unsafe transport.initialize(to: TLSTransport(judgement: judgement))
    unsafe BIO_set_data(bio, transport)
    unsafe BIO_set_init(bio, 1)
    unsafe SSL_set_bio(session, bio, bio)  // takes the reference, once when both are the same
    switch context.role {
    case .server: unsafe SSL_set_accept_state(session)
    case .client:
      unsafe SSL_set_connect_state(session)
      if let serverName { expect(serverName) }
      if let protocols { offer(protocols) }
    }
  }

  deinit {
    unsafe SSL_free(session)
    unsafe transport.deinitialize(count: 1)
    unsafe transport.deallocate()
  }

  /// A client's first bytes; a server has none. To be called once, when the connection stands.
  public mutating func start(output: inout ByteBuffer) throws(TLSError) {
    guard context.role == .client, state == .handshaking else { return }
    unsafe swap(&transport.pointee.output, &output)
    defer { unsafe swap(&transport.pointee.output, &output) }
    try shakeHands()
  }

  /// Takes bytes of the wire, all of them: appends what they hold for the application to `plaintext` (never more than came in,
  /// beside the rest of a record begun before), and what the protocol answers to `output`. Then look at `state`.
  /// - Throws: why the session is over; the same again from then on.
  public mutating func receive(
    _ bytes: Span<UInt8>, plaintext: inout ByteBuffer, output: inout ByteBuffer
  ) throws(TLSError) {
    if case .failed(let error) = state { throw error }
    unsafe swap(&transport.pointee.output, &output)
    defer { unsafe swap(&transport.pointee.output, &output) }
    try unsafe bytes.withUnsafeBufferPointer { (buffer) throws(TLSError) in
      unsafe transport.pointee.lend(buffer)
      defer { unsafe transport.pointee.takeBack() }
      if state == .handshaking { try shakeHands() }
      if state == .established { try read(into: &plaintext) }
    }
  }

  /// Encrypts all of `plaintext` into `output`, which grows by it and about 22 bytes for each 16 KiB begun.
  ///
  /// Only from `established` on: keep what the application has to say until then.
  public mutating func send(_ plaintext: Span<UInt8>, output: inout ByteBuffer) throws(TLSError) {
    if case .failed(let error) = state { throw error }
    precondition(state != .handshaking, "nothing can be sent before the handshake is done")
    if plaintext.isEmpty { return }
    unsafe swap(&transport.pointee.output, &output)
    defer { unsafe swap(&transport.pointee.output, &output) }
    ErrorQueue.clear()
    var count = 0
    let result = unsafe plaintext.withUnsafeBufferPointer {
      unsafe SSL_write_ex(session, $0.baseAddress, $0.count, &count)
    }
    if result != 1 { throw fail() }
  }

  /// Says that we send nothing more (`close_notify`), once. Before the handshake is done it says nothing.
  public mutating func close(output: inout ByteBuffer) {
    unsafe swap(&transport.pointee.output, &output)
    defer { unsafe swap(&transport.pointee.output, &output) }
    guard state == .established || state == .closed else { return }
    ErrorQueue.clear()
    unsafe SSL_shutdown(session)
    ErrorQueue.clear()
  }

  /// The connection has ended under the session.
  /// - Throws: `truncated` unless the peer had said so before; the session's own error if it had one.
  public mutating func connectionEnded() throws(TLSError) {
    switch state {
    case .closed: return
    case .failed(let error): throw error
    case .handshaking, .established:
      state = .failed(.truncated)
      throw .truncated
    }
  }

  // MARK: Inside

  private func offer(_ protocols: [String]) {
    let list = protocols.flatMap { [UInt8($0.utf8.count)] + $0.utf8 }
    unsafe SSL_set_alpn_protos(session, list, UInt32(list.count))
  }

  private func expect(_ name: String) {
    let parameters = unsafe SSL_get0_param(session)
    // Names stand in the alternative names alone (RFC 9525), and `*` for a whole label.
    let flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
    unsafe X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(flags))
    let host = name.hasSuffix(".") ? String(name.dropLast()) : name
    if unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 { return }
    // To OpenSSL no name means "any", a dot in front "any below it", a NUL the end: none of these is a name, and no certificate
    // is for the one that stands in.
    let isName = (1...253).contains(host.utf8.count) && !host.hasPrefix(".") && host.utf8.allSatisfy(isNameByte)
    let isSet = unsafe X509_VERIFY_PARAM_set1_host(parameters, isName ? host : "invalid.", 0)
    precondition(isSet == 1, "no memory for a TLS session")
    if isName { unsafe _ = copenssl_set_server_name(session, host) }
    ErrorQueue.clear()
  }

  private mutating func shakeHands() throws(TLSError) {
    ErrorQueue.clear()
    let result = unsafe SSL_do_handshake(session)
    if result == 1 {
      state = .established
    } else if unsafe SSL_get_error(session, result) != SSL_ERROR_WANT_READ {
      throw fail()
    }
  }

  private mutating func read(into plaintext: inout ByteBuffer) throws(TLSError) {
    while true {
      unsafe plaintext.reserve(max(Self.leastRoom, Int(SSL_pending(session))))
      ErrorQueue.clear()
      var count = 0
      let result = unsafe SSL_read_ex(session, plaintext.unsafeTail, plaintext.writableCount, &count)
      if result == 1 {
        unsafe plaintext.unsafeCommit(count)
        continue
      }
      switch unsafe SSL_get_error(session, result) {
      case SSL_ERROR_WANT_READ: return
      case SSL_ERROR_ZERO_RETURN:
        state = .closed
        return
      default: throw fail()
      }
    }
  }

  private mutating func fail() -> TLSError {
    let own = unsafe transport.pointee.fault
    let error = unsafe TLSError(
      ErrorQueue.drain(), fault: own ?? TLSCertificateFault(Int(SSL_get_verify_result(session))),
      rejected: transport.pointee.rejected)
    state = .failed(error)
    return error
  }
}

/// Letters, digits and what else stands in the names that people give to hosts.
private func isNameByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"),
    UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
    true
  default: false
  }
}
