import COpenSSL

/// What many sessions share: roles, trust, identities, protocols. Made once, never changed, usable from every thread; to
/// reload certificates make a new one and begin new sessions with it, while the old ones keep theirs.
///
/// The ciphers are those of TLS 1.3 and, for TLS 1.2, forward-secret ones with AEAD. Renegotiation and compression are off.
/// A server's sessions resume by tickets under keys that the context makes and forgets with itself.
@safe public final class TLSContext: Sendable {
  /// Certificates that may stand between a peer's own and one that we trust. Why: each costs a signature to verify; real chains have
  /// three at most. One more is refused as `chainTooLong`.
  static let longestPath: Int32 = 8
  /// Bytes of all certificates that a peer presents. Why: they are held whole. More is refused as `tooLarge`.
  static let largestChain = 32 << 10

  public let role: TLSRole
  public let settings: TLSSettings
  let context: OpenSSLReference
  let method: OpenSSLReference
  /// The list as it goes over the wire: a length before each name.
  let protocols: [[UInt8]]
  let identities: IdentityTable

  /// - Throws: what of the settings cannot be used.
  public init(_ role: TLSRole, _ settings: TLSSettings) throws(TLSSetupError) {
    self.role = role
    self.settings = settings
    protocols = try Self.names(settings.protocols)
    identities = IdentityTable(settings.identities)
    method = TLSTransport.makeMethod()
    ErrorQueue.clear()
    guard let made = unsafe SSL_CTX_new(role == .client ? TLS_client_method() : TLS_server_method()) else {
      throw .refused(ErrorQueue.text())
    }
    context = unsafe OpenSSLReference(made) { unsafe SSL_CTX_free($0) }
    if role == .server, settings.identities.isEmpty { throw .noIdentity }
    try setProtocol()
    try setIdentity()
    if settings.peer != .none { try setTrust() }
    try setCallbacks()
    try setTicketKeys()
  }

  private func setProtocol() throws(TLSSetupError) {
    let least = settings.minimumVersion == .v13 ? TLS1_3_VERSION : TLS1_2_VERSION
    var isFine = unsafe copenssl_set_versions(context.pointer, least, TLS1_3_VERSION) == 1
    unsafe isFine = isFine && SSL_CTX_set_cipher_list(context.pointer, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1
    unsafe copenssl_set_options(context.pointer)
    unsafe copenssl_set_modes(context.pointer)
    // Tickets resume sessions without a table; a table here would be one per context and grow unseen.
    unsafe copenssl_set_session_cache_off(context.pointer)
    // Without it a server that asks for certificates refuses its own tickets.
    let name = Array("heddle".utf8)
    unsafe isFine = isFine && SSL_CTX_set_session_id_context(context.pointer, name, UInt32(name.count)) == 1
    if !isFine { throw .refused(ErrorQueue.text()) }
  }

  private func setIdentity() throws(TLSSetupError) {
    guard let identity = settings.identities.first else { return }
    let isTaken = unsafe SSL_CTX_use_cert_and_key(
      context.pointer, identity.leaf.pointer, identity.key.pointer, identity.chain.pointer, 1)
    if isTaken != 1 { throw .refused(ErrorQueue.text()) }
  }

  private func setTrust() throws(TLSSetupError) {
    unsafe SSL_CTX_set_verify_depth(context.pointer, Self.longestPath)
    unsafe copenssl_set_longest_chain(context.pointer, Self.largestChain)
    // An anchor need be no root: a mesh may be given an intermediate of somebody's.
    unsafe X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.pointer), UInt(X509_V_FLAG_PARTIAL_CHAIN))
    switch settings.trust {
    case .publicKey: return  // its anchor comes with the handshake
    case .system: if unsafe SSL_CTX_set_default_verify_paths(context.pointer) != 1 { throw .refused(ErrorQueue.text()) }
    case .certificates(let pem): try addAnchors(pem)
    }
    ErrorQueue.clear()
  }

  private func addAnchors(_ pem: [UInt8]) throws(TLSSetupError) {
    let store = unsafe SSL_CTX_get_cert_store(context.pointer)
    for certificate in try PEM.certificates(pem) {
      if unsafe X509_STORE_add_cert(store, certificate.pointer) != 1 { throw .refused(ErrorQueue.text()) }
      // So that a client with several certificates knows which to present.
      if role == .server { unsafe SSL_CTX_add_client_CA(context.pointer, certificate.pointer) }
    }
  }

  private static func names(_ protocols: [String]) throws(TLSSetupError) -> [[UInt8]] {
    var total = 0
    var names: [[UInt8]] = []
    for name in protocols {
      let bytes = Array(name.utf8)
      total += bytes.count + 1
      guard (1...255).contains(bytes.count), total <= 65_535 else { throw .badProtocol(name) }
      names.append(bytes)
    }
    return names
  }
}
