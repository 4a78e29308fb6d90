import COpenSSL

/// A private key: ours are EC keys on P-256; an operator's own may be of any kind that OpenSSL reads.
public struct PrivateKey: Sendable {
  let reference: OpenSSLReference

  /// A new one on P-256, from OpenSSL's random numbers.
  public init() {
    ErrorQueue.clear()
    guard let key = unsafe copenssl_make_p256() else { fatalError("no key can be made: \(ErrorQueue.text())") }
    reference = unsafe OpenSSLReference(key) { unsafe EVP_PKEY_free($0) }
  }

  /// The first private key of a PEM text, unencrypted.
  public init(pem: [UInt8]) throws(TLSSetupError) { reference = try PEM.key(pem) }

  /// PKCS#8 or what `openssl ecparam -genkey` makes, all of the bytes.
  /// - Throws: `badKey`.
  public init(der: [UInt8]) throws(TLSSetupError) {
    ErrorQueue.clear()
    let key = unsafe DER.read(der) { unsafe d2i_AutoPrivateKey(nil, $0, $1) }
    guard let key = unsafe key else { throw .badKey(ErrorQueue.text()) }
    reference = unsafe OpenSSLReference(key) { unsafe EVP_PKEY_free($0) }
  }

  /// PKCS#8, unencrypted: whoever writes it down sees to who may read it.
  public var der: [UInt8] {
    unsafe DER.text { unsafe i2d_PKCS8PrivateKey_bio($0, reference.pointer, nil, nil, 0, nil, nil) }
  }

  /// As `der`, in PEM.
  public var pem: [UInt8] {
    unsafe DER.text { unsafe PEM_write_bio_PrivateKey($0, reference.pointer, nil, nil, 0, nil, nil) }
  }

  /// SHA-256 of the SubjectPublicKeyInfo that belongs to it.
  public var publicKeyHash: [UInt8] {
    DER.sha256(unsafe DER.bytes { unsafe i2d_PUBKEY(reference.pointer, $0) })
  }

  /// What to hash with before signing; nil for keys that hash by themselves (Ed25519).
  @unsafe var digest: OpaquePointer? {
    let hashesItself =
      unsafe EVP_PKEY_is_a(reference.pointer, "ED25519") == 1 || EVP_PKEY_is_a(reference.pointer, "ED448") == 1
    return unsafe hashesItself ? nil : EVP_sha256()
  }
}
