import COpenSSL

/// An X.509 certificate to keep, hand on, or sign with. What it says is in `facts`.
public struct Certificate: Sendable, Hashable {
  public let facts: TLSCertificate
  let reference: OpenSSLReference

  @unsafe init(owning certificate: OpaquePointer) {
    reference = unsafe OpenSSLReference(certificate) { unsafe X509_free($0) }
    facts = unsafe TLSCertificate(certificate)
  }

  init(_ reference: OpenSSLReference) {
    self.reference = reference
    facts = unsafe TLSCertificate(reference.pointer)
  }

  /// All of the bytes.
  /// - Throws: `badCertificate`.
  public init(der: [UInt8]) throws(TLSSetupError) {
    ErrorQueue.clear()
    let read = unsafe DER.read(der, free: { unsafe X509_free($0) }) { unsafe d2i_X509(nil, $0, $1) }
    guard let read = unsafe read else { throw .badCertificate(ErrorQueue.text()) }
    unsafe self.init(owning: read)
  }

  /// All certificates of a PEM text in order, at least one.
  public static func all(pem: [UInt8]) throws(TLSSetupError) -> [Certificate] {
    try PEM.certificates(pem).map { Certificate($0) }
  }

  /// The certificates as one PEM text, in order.
  public static func pem(_ certificates: [Certificate]) -> [UInt8] { certificates.flatMap(\.pem) }

  public var der: [UInt8] { unsafe DER.bytes { unsafe i2d_X509(reference.pointer, $0) } }
  public var pem: [UInt8] { unsafe DER.text { unsafe PEM_write_bio_X509($0, reference.pointer) } }

  /// It may sign others.
  public var isAuthority: Bool { unsafe X509_check_ca(reference.pointer) != 0 }

  /// It names itself as its issuer: a chain ends here.
  public var isSelfIssued: Bool {
    unsafe X509_NAME_cmp(X509_get_subject_name(reference.pointer), X509_get_issuer_name(reference.pointer)) == 0
  }

  /// SHA-256 of its SubjectPublicKeyInfo (as RFC 7469 pins keys): stays the same when the certificate is made anew on its key.
  public var publicKeyHash: [UInt8] {
    DER.sha256(unsafe DER.bytes { unsafe i2d_X509_PUBKEY(X509_get_X509_PUBKEY(reference.pointer), $0) })
  }

  /// This certificate was signed by the other, whatever the time is and whatever else either says.
  public func isSigned(by authority: Certificate) -> Bool {
    ErrorQueue.clear()
    defer { ErrorQueue.clear() }
    return unsafe X509_check_issued(authority.reference.pointer, reference.pointer) == X509_V_OK
      && X509_verify(reference.pointer, X509_get0_pubkey(authority.reference.pointer)) == 1
  }

  public static func == (one: Certificate, other: Certificate) -> Bool { one.facts == other.facts }
  public func hash(into hasher: inout Hasher) { hasher.combine(facts.fingerprint) }
}

extension TLSIdentity {
  /// - Parameter chain: the certificate itself first, then those that sign it, without the root; at least one.
  public init(chain: [Certificate], key: PrivateKey) throws(TLSSetupError) {
    if chain.isEmpty { throw .noCertificate }
    try self.init(chain: Certificate.pem(chain), key: key.pem)
  }
}
