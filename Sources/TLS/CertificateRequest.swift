import COpenSSL

/// Why a certificate request is not taken; its maker's fault.
public enum CertificateRequestFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// More than `CertificateRequest.mostBytes`.
  case tooLarge(bytes: Int)
  /// Not a PKCS#10 request in DER, or bytes follow it; OpenSSL's words.
  case malformed(String)
  /// The key is not an EC key on P-256 written as RFC 5480 has it (the curve by name, the point uncompressed).
  case wrongKey
  /// The request is not signed by its own key: its maker need not have that.
  case badSignature

  public var description: String {
    switch self {
    case .tooLarge(let bytes):
      "the certificate request has \(bytes) bytes, more than \(CertificateRequest.mostBytes)"
    case .malformed(let reason): "it is not a PKCS#10 certificate request in DER: \(reason)"
    case .wrongKey: "the key of the certificate request is not an EC key on P-256"
    case .badSignature: "the certificate request is not signed by its own key"
    }
  }
}

/// A request for a certificate (PKCS#10, RFC 2986). Of what is in it only the key counts: whom a certificate names is decided by
/// who issues it.
public struct CertificateRequest: Sendable {
  /// Why: ours have about 200 bytes; this leaves room for those of other tools, which put names into them.
  public static let mostBytes = 8192

  public let der: [UInt8]
  private let request: OpenSSLReference

  /// A request that asks for nothing but a certificate on this key.
  public init(_ key: PrivateKey) {
    ErrorQueue.clear()
    guard let made = unsafe X509_REQ_new() else { fatalError("no memory for a certificate request") }
    request = unsafe OpenSSLReference(made) { unsafe X509_REQ_free($0) }
    let isSigned =
      unsafe X509_REQ_set_version(made, 0) == 1 && X509_REQ_set_pubkey(made, key.reference.pointer) == 1
      && X509_REQ_sign(made, key.reference.pointer, key.digest) > 0
    precondition(isSigned, "a certificate request cannot be signed")
    der = unsafe DER.bytes { unsafe i2d_X509_REQ(made, $0) }
  }

  /// Reads and checks one: its size, its form, the kind of its key, its signature.
  public init(der: [UInt8]) throws(CertificateRequestFault) {
    guard der.count <= Self.mostBytes else { throw .tooLarge(bytes: der.count) }
    ErrorQueue.clear()
    defer { ErrorQueue.clear() }
    let read = unsafe DER.read(der, free: { unsafe X509_REQ_free($0) }) { unsafe d2i_X509_REQ(nil, $0, $1) }
    guard let read = unsafe read else { throw .malformed(ErrorQueue.text()) }
    self.der = der
    request = unsafe OpenSSLReference(read) { unsafe X509_REQ_free($0) }
    let info = unsafe DER.bytes { unsafe i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(read), $0) }
    guard info.starts(with: Self.p256), info.count == Self.p256.count + 64, let key = unsafe X509_REQ_get0_pubkey(read)
    else {
      throw .wrongKey
    }
    guard unsafe X509_REQ_verify(read, key) == 1 else { throw .badSignature }
  }

  /// As `Certificate.publicKeyHash`.
  public var publicKeyHash: [UInt8] {
    DER.sha256(unsafe DER.bytes { unsafe i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request.pointer), $0) })
  }

  @unsafe var publicKey: OpaquePointer? { unsafe X509_REQ_get0_pubkey(request.pointer) }

  /// How each SubjectPublicKeyInfo of a P-256 key begins, down to the mark of an uncompressed point (RFC 5480 §2).
  private static let p256: [UInt8] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d,
    0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
  ]
}
