import COpenSSL

/// What OpenSSL asks us within a handshake. It knows the context unretained: each session holds it.
extension TLSContext {
  func setCallbacks() throws(TLSSetupError) {
    unsafe SSL_CTX_set_verify(context.pointer, verifyMode, judgePeer)
    let own = unsafe Unmanaged.passUnretained(self).toOpaque()
    if case .publicKey = settings.trust { unsafe SSL_CTX_set_cert_verify_callback(context.pointer, trustByKey, own) }
    if role == .server, settings.identities.count > 1 {
      unsafe SSL_CTX_set_cert_cb(context.pointer, chooseIdentity, own)
    }
    guard !protocols.isEmpty else { return }
    if role == .server {
      unsafe SSL_CTX_set_alpn_select_cb(context.pointer, chooseProtocol, own)
    } else {
      let list = protocols.flatMap { [UInt8($0.count)] + $0 }
      // This one returns 0 when it succeeds.
      if unsafe SSL_CTX_set_alpn_protos(context.pointer, list, UInt32(list.count)) != 0 {
        throw .refused(ErrorQueue.text())
      }
    }
  }

  private var verifyMode: Int32 {
    switch (role, settings.peer) {
    case (_, .none): SSL_VERIFY_NONE
    case (.server, .optional): SSL_VERIFY_PEER
    case (.client, _), (.server, .required): SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
    }
  }

  /// Our first protocol that the client offers, as a range of its list (a length before each name); nil when none.
  func choice(from offer: [UInt8]) -> Range<Int>? {
    for wanted in protocols {
      var place = 0
      while place < offer.count {
        let name = place + 1..<place + 1 + Int(offer[place])
        guard name.upperBound <= offer.count else { break }
        if offer[name].elementsEqual(wanted) { return name }
        place = name.upperBound
      }
    }
    return nil
  }
}

private let chooseProtocol: SSL_CTX_alpn_select_cb_func = { _, chosen, chosenCount, offer, offerCount, argument in
  guard let argument = unsafe argument, let offer = unsafe offer else { return SSL_TLSEXT_ERR_ALERT_FATAL }
  let context = unsafe Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
  let bytes = unsafe Array(UnsafeBufferPointer(start: offer, count: Int(offerCount)))
  guard let range = context.choice(from: bytes) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
  unsafe chosen?.pointee = offer + range.lowerBound
  unsafe chosenCount?.pointee = UInt8(range.count)
  return SSL_TLSEXT_ERR_OK
}

private let chooseIdentity: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { session, argument in
  guard let argument = unsafe argument, let name = unsafe SSL_get_servername(session, TLSEXT_NAMETYPE_host_name) else {
    return 1
  }
  let context = unsafe Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
  guard let identity = unsafe context.identities.find(String(cString: name)) else { return 1 }
  return unsafe SSL_use_cert_and_key(
    session, identity.leaf.pointer, identity.key.pointer, identity.chain.pointer, 1)
}
