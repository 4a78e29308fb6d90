import COpenSSL

/// What of a peer's certificate we judge ourselves, beside what OpenSSL finds.
struct PeerJudgement: Sendable {
  /// See `TLSSettings`.
  let trustDomain: String?
  /// What the one URI name of the certificate must be; nil: anything.
  let uri: TLSPeerURI?
  /// Seconds for which an expired certificate is forgiven.
  let grace: Int

  /// What is wrong with a certificate that OpenSSL has nothing against; nil when nothing is.
  @unsafe func fault(of certificate: OpaquePointer) -> TLSCertificateFault? {
    if trustDomain == nil, uri == nil { return nil }
    if unsafe X509_get_extension_flags(certificate) & UInt32(EXFLAG_CA) != 0 { return .wrongPurpose }
    let uris = unsafe TLSCertificate(certificate).uris
    guard uris.count == 1 else { return .noIdentity }
    if let trustDomain, !uris[0].hasPrefix("spiffe://\(trustDomain)/") { return .wrongTrustDomain }
    if let uri, !uri.fits(uris[0]) { return .wrongIdentity }
    return nil
  }

  /// Whether a certificate that has expired ended within the grace.
  @unsafe func forgives(_ certificate: OpaquePointer) -> Bool {
    var bound = time(nil) - grace
    return unsafe grace > 0 && X509_cmp_time(X509_get0_notAfter(certificate), &bound) > 0
  }
}

/// OpenSSL's word on each certificate of the chain, the leaf last. Adds our own judgement of the leaf, and keeps what a refused
/// certificate said for the error.
let judgePeer: SSL_verify_cb = { isFine, store in
  guard let certificate = unsafe X509_STORE_CTX_get_current_cert(store),
    let session = unsafe X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
    let transport = unsafe TLSTransport.of(SSL_get_rbio(OpaquePointer(session)))
  else { return isFine }
  let isLeaf = unsafe X509_STORE_CTX_get_error_depth(store) == 0
  if isFine == 1 {
    guard isLeaf, let fault = unsafe transport.pointee.judgement.fault(of: certificate) else { return 1 }
    unsafe transport.pointee.fault = fault
    unsafe X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION)
  } else if unsafe isLeaf && X509_STORE_CTX_get_error(store) == X509_V_ERR_CERT_HAS_EXPIRED
    && transport.pointee.judgement.forgives(certificate)
  {
    unsafe transport.pointee.hasExpiredPeer = true
    unsafe X509_STORE_CTX_set_error(store, X509_V_OK)
    return 1
  }
  unsafe transport.pointee.rejected = TLSCertificate(certificate).summary
  return 0
}

/// Verifies with the certificate of the presented chain whose public key we know as the only anchor.
let trustByKey: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { store, argument in
  guard let store = unsafe store, let argument = unsafe argument else { return 0 }
  let context = unsafe Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
  guard case .publicKey(let wanted) = context.settings.trust, let anchors = unsafe copenssl_certificates_new() else {
    return 0
  }
  // The store refers to the stack and does not own it.
  defer { unsafe copenssl_certificates_free(anchors) }
  let presented = unsafe X509_STORE_CTX_get0_untrusted(store)
  for index in 0..<(unsafe max(0, copenssl_certificates_count(presented))) {
    guard let certificate = unsafe copenssl_certificate_at(presented, index),
      unsafe X509_up_ref(certificate) == 1
    else { continue }
    let hash = unsafe Certificate(owning: certificate).publicKeyHash
    if hash == wanted, unsafe X509_up_ref(certificate) == 1 { unsafe copenssl_certificates_push(anchors, certificate) }
  }
  unsafe X509_STORE_CTX_set0_trusted_stack(store, anchors)
  return unsafe X509_verify_cert(store) == 1 ? 1 : 0
}
