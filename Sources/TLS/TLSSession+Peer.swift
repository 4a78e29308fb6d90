import COpenSSL

/// What a handshake found out. Before `established` all of it is nil or false.
extension TLSSession {
  /// What the peer presented and we accepted; with `TLSPeerCheck.none` a client's view of an unverified claim.
  public var peerCertificate: TLSCertificate? {
    guard let certificate = unsafe SSL_get0_peer_certificate(session) else { return nil }
    return unsafe TLSCertificate(certificate)
  }

  /// The peer's certificate has expired, and was taken within `TLSSettings.expiryGrace`.
  public var hasExpiredPeer: Bool { unsafe transport.pointee.hasExpiredPeer }

  /// The application protocol that was agreed on (ALPN); nil when none was negotiated.
  public var applicationProtocol: String? {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    unsafe SSL_get0_alpn_selected(session, &name, &count)
    guard count > 0 else { return nil }
    return unsafe String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
  }

  /// The name that a client asked for (SNI), as it came; a server's view.
  public var requestedName: String? {
    unsafe SSL_get_servername(session, TLSEXT_NAMETYPE_host_name).map { unsafe String(cString: $0) }
  }

  public var version: TLSVersion? {
    guard state != .handshaking else { return nil }
    return unsafe SSL_version(session) == TLS1_3_VERSION ? .v13 : .v12
  }

  /// The handshake was shortened by a ticket of an earlier session.
  public var isResumed: Bool { unsafe SSL_session_reused(session) == 1 }
}
