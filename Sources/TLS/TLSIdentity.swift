import COpenSSL

/// A certificate with the chain that leads to its root, and its private key: what one side presents.
public struct TLSIdentity: Sendable {
  /// What the certificate says.
  public let certificate: TLSCertificate
  let leaf: OpenSSLReference
  let chain: OpenSSLReference
  let key: OpenSSLReference

  /// - Parameters:
  ///   - chain: PEM, the certificate itself first, then those that sign it, without the root.
  ///   - key: PEM, unencrypted.
  public init(chain: [UInt8], key: [UInt8]) throws(TLSSetupError) {
    let certificates = try PEM.certificates(chain)
    leaf = certificates[0]
    self.key = try PEM.key(key)
    self.chain = Self.stack(certificates.dropFirst())
    certificate = unsafe TLSCertificate(leaf.pointer)
    let fits = unsafe X509_check_private_key(leaf.pointer, self.key.pointer) == 1
    ErrorQueue.clear()
    if !fits { throw .keyMismatch }
  }

  private static func stack(_ certificates: some Sequence<OpenSSLReference>) -> OpenSSLReference {
    guard let stack = unsafe copenssl_certificates_new() else { fatalError("no memory for a certificate") }
    for certificate in certificates {
      unsafe X509_up_ref(certificate.pointer)
      unsafe copenssl_certificates_push(stack, certificate.pointer)
    }
    return unsafe OpenSSLReference(stack) { unsafe copenssl_certificates_free($0) }
  }
}

/// Finds a server's identity by the name that a client asks for (SNI, RFC 6066 §3).
struct IdentityTable: Sendable {
  private let identities: [TLSIdentity]
  /// By exact name, or by `*.` and the name from its second label on, in lower case; the first identity that has it.
  private let places: [String: Int]

  init(_ identities: [TLSIdentity]) {
    self.identities = identities
    var places: [String: Int] = [:]
    for (place, identity) in identities.enumerated() {
      for name in identity.certificate.dnsNames where places[name.lowercased()] == nil {
        places[name.lowercased()] = place
      }
    }
    self.places = places
  }

  /// The exact name wins over a wildcard; nil when none fits and the default goes out.
  func find(_ name: String) -> TLSIdentity? {
    let name = name.lowercased()
    if let place = places[name] { return identities[place] }
    guard let dot = name.firstIndex(of: ".") else { return nil }
    return places["*" + name[dot...]].map { identities[$0] }
  }
}
