import TLS

/// Certificates of a mesh, made by our own authority, with every field in the hands of the test.
struct MeshKit: Sendable {
  /// The wall clock of this run, which OpenSSL verifies by.
  static let now = TLSCertificateClock.now
  static let shared = Result { try MeshKit() }

  let authority: CertificateAuthority

  init(_ name: String = "mesh root", days: Int64 = 365) throws {
    let template = CertificateTemplate(
      .authority, commonName: name, notBefore: Self.now - 2 * 86_400, notAfter: Self.now + days * 86_400, serial: Self.serial())
    authority = try CertificateAuthority(selfSigned: template, key: PrivateKey())
  }

  static func serial() -> [UInt8] { (0..<16).map { _ in UInt8.random(in: 1...255) } }

  /// A leaf that is valid from `from` to `to`, seconds from now.
  func leaf(
    _ uris: [String], from: Int64 = -300, to: Int64 = 3600, use: CertificateTemplate.Use = .leaf, dnsNames: [String] = [],
    sendsRoot: Bool = false
  ) throws -> TLSIdentity {
    let key = PrivateKey()
    let template = CertificateTemplate(
      use, commonName: use == .authority ? "an authority" : "", uris: uris, dnsNames: dnsNames, notBefore: Self.now + from,
      notAfter: Self.now + to, serial: Self.serial())
    let leaf = try authority.issue(template, for: CertificateRequest(key))
    return try TLSIdentity(chain: sendsRoot ? [leaf, authority.certificate] : [leaf], key: key)
  }

  /// How both ends of a mesh check each other.
  func context(
    _ role: TLSRole, _ identity: TLSIdentity, domain: String? = "heddle.local", grace: Duration = .zero,
    trust: TLSTrust? = nil
  ) throws -> TLSContext {
    var settings = TLSSettings(
      trust: trust ?? .certificates(pem: authority.certificate.pem), identities: [identity], protocols: ["h2"],
      minimumVersion: .v13)
    settings.trustDomain = domain
    settings.expiryGrace = grace
    return try TLSContext(role, settings)
  }
}
