import COpenSSL

/// What a certificate is to say.
public struct CertificateTemplate: Sendable {
  /// What it is for: decides its constraints and key usages.
  public enum Use: Hashable, Sendable {
    /// Signs leaves, and no other authority.
    case authority
    /// Shows who it is, as a client and as a server.
    case leaf
  }

  public var use: Use
  /// Stands in the subject, at most 64 characters; empty: no subject, the names alone count.
  public var commonName: String
  /// Subject alternative names.
  public var uris: [String]
  public var dnsNames: [String]
  /// Numeric, of IPv4 or IPv6.
  public var addresses: [String]
  /// Seconds since 1970.
  public var notBefore: Int64
  public var notAfter: Int64
  /// Big-endian, random, 16 bytes; its first bit is taken as 0 (RFC 5280 §4.1.2.2 has serials positive).
  public var serial: [UInt8]

  public init(
    _ use: Use, commonName: String = "", uris: [String] = [], dnsNames: [String] = [], addresses: [String] = [],
    notBefore: Int64, notAfter: Int64, serial: [UInt8]
  ) {
    (self.use, self.commonName, self.uris, self.dnsNames, self.addresses) = (use, commonName, uris, dnsNames, addresses)
    (self.notBefore, self.notAfter, self.serial) = (notBefore, notAfter, serial)
  }
}

/// A certificate with its key that signs others.
public struct CertificateAuthority: Sendable {
  public let certificate: Certificate
  public let key: PrivateKey

  /// - Throws: `keyMismatch`, or `refused` for a certificate that may sign no other.
  public init(certificate: Certificate, key: PrivateKey) throws(TLSSetupError) {
    ErrorQueue.clear()
    let fits = unsafe X509_check_private_key(certificate.reference.pointer, key.reference.pointer) == 1
    ErrorQueue.clear()
    if !fits { throw .keyMismatch }
    if !certificate.isAuthority { throw .refused("the certificate is no authority's (basicConstraints CA:TRUE)") }
    (self.certificate, self.key) = (certificate, key)
  }

  /// A root on this key.
  /// - Throws: `refused` when the template cannot be a certificate.
  public init(selfSigned template: CertificateTemplate, key: PrivateKey) throws(TLSSetupError) {
    let certificate = try CertificateDraft(template, publicKey: key.reference, issuer: nil).signed(by: key)
    try self.init(certificate: certificate, key: key)
  }

  /// A certificate on the request's key.
  /// - Throws: `refused` when the template cannot be a certificate.
  public func issue(_ template: CertificateTemplate, for request: CertificateRequest) throws(TLSSetupError)
    -> Certificate
  {
    guard let key = unsafe request.publicKey, unsafe EVP_PKEY_up_ref(key) == 1 else {
      throw .refused("the request has no key")
    }
    let publicKey = unsafe OpenSSLReference(key) { unsafe EVP_PKEY_free($0) }
    return try CertificateDraft(template, publicKey: publicKey, issuer: certificate).signed(by: self.key)
  }
}
