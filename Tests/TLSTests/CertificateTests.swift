import TestSupport
import Testing

@testable import TLS

/// What we issue ourselves, judged by OpenSSL's own command line where it can be.
@Suite struct CertificateTests {
  static let serial: [UInt8] = (1...16).map { UInt8($0) }
  static let start: Int64 = 1_800_000_000

  static func root(_ name: String = "Root") throws -> CertificateAuthority {
    try CertificateAuthority(
      selfSigned: CertificateTemplate(.authority, commonName: name, notBefore: start, notAfter: start + 3600, serial: serial),
      key: PrivateKey())
  }

  static func leaf(
    of authority: CertificateAuthority, key: PrivateKey = PrivateKey(), names: [String] = ["spiffe://heddle.local/ns/a/sa/b"]
  ) throws -> Certificate {
    let template = CertificateTemplate(
      .leaf, uris: names, dnsNames: ["users.test"], addresses: ["127.0.0.1", "::1"],
      notBefore: start, notAfter: start + 60, serial: serial)
    return try authority.issue(template, for: CertificateRequest(key))
  }

  @Test func keysGoToDiskAndBack() throws {
    let key = PrivateKey()
    #expect(try PrivateKey(der: key.der).publicKeyHash == key.publicKeyHash)
    #expect(try PrivateKey(pem: key.pem).publicKeyHash == key.publicKeyHash)
    #expect(try PrivateKey(pem: key.pem).der == key.der)
    #expect(PrivateKey().publicKeyHash != key.publicKeyHash)
    #expect(key.publicKeyHash.count == 32)
    for wrong in [[], Array(key.der.dropLast()), key.der + [0], bytes("no key")] {
      let error = #expect(throws: TLSSetupError.self) { try PrivateKey(der: wrong) }
      guard case .badKey = error else { Issue.record("\(String(describing: error))"); return }
    }
  }

  @Test func aLeafSaysWhatItsIssuerDecided() throws {
    let (authority, key) = (try Self.root(), PrivateKey())
    let leaf = try Self.leaf(of: authority, key: key)
    #expect(leaf.facts.uris == ["spiffe://heddle.local/ns/a/sa/b"])
    #expect(leaf.facts.dnsNames == ["users.test"])
    #expect(leaf.facts.addresses == ["127.0.0.1", "0:0:0:0:0:0:0:1"])
    #expect(leaf.facts.subject == "" && leaf.facts.issuer == "CN=Root")
    #expect(leaf.facts.notBefore == Self.start && leaf.facts.notAfter == Self.start + 60)
    #expect(leaf.publicKeyHash == key.publicKeyHash)
    #expect(!leaf.isAuthority && !leaf.isSelfIssued && leaf.isSigned(by: authority.certificate))
    #expect(authority.certificate.isAuthority && authority.certificate.isSelfIssued)
    #expect(!leaf.isSigned(by: try Self.root().certificate), "of the same name, with another key")
  }

  @Test func certificatesGoToDiskAndBack() throws {
    let authority = try Self.root()
    let leaf = try Self.leaf(of: authority)
    #expect(try Certificate(der: leaf.der) == leaf)
    #expect(try Certificate.all(pem: Certificate.pem([leaf, authority.certificate])) == [leaf, authority.certificate])
    for wrong in [[], Array(leaf.der.dropLast()), leaf.der + [0], bytes("nothing")] {
      let error = #expect(throws: TLSSetupError.self) { try Certificate(der: wrong) }
      guard case .badCertificate = error else { Issue.record("\(String(describing: error))"); return }
    }
  }

  @Test func theOpenSSLCommandTakesThem() throws {
    let (authority, key) = (try Self.root(), PrivateKey())
    let leaf = try Self.leaf(of: authority, key: key)
    let folder = try OpenSSLCommand()
    defer { folder.remove() }
    try folder.write(authority.certificate.pem, "root.pem")
    try folder.write(leaf.pem, "leaf.pem")
    try folder.write(key.der, "key.der")
    try folder.write(CertificateRequest(key).der, "request.der")
    for purpose in ["sslserver", "sslclient"] {
      let verified = try folder.run(
        ["verify", "-x509_strict", "-purpose", purpose, "-attime", String(Self.start + 30), "-CAfile", "root.pem", "leaf.pem"])
      #expect(verified == "leaf.pem: OK\n")
    }
    #expect(try folder.run(["req", "-in", "request.der", "-inform", "DER", "-verify", "-noout", "-subject"]).contains("subject="))
    #expect(try folder.run(["pkey", "-in", "key.der", "-inform", "DER", "-noout", "-text"]).contains("NIST CURVE: P-256"))
    let text = try folder.run(["x509", "-in", "leaf.pem", "-noout", "-text"])
    #expect(text.contains("X509v3 Subject Alternative Name: critical"))
    #expect(text.contains("TLS Web Server Authentication, TLS Web Client Authentication"))
  }

  @Test func whatCannotBeACertificateIsNotMade() throws {
    let authority = try Self.root()
    let request = CertificateRequest(PrivateKey())
    let good = CertificateTemplate(.leaf, uris: ["spiffe://a"], notBefore: 10, notAfter: 20, serial: Self.serial)
    var faults: [CertificateTemplate] = []
    for change: (inout CertificateTemplate) -> Void in [
      { $0.notAfter = $0.notBefore }, { $0.serial = [] }, { $0.serial = [0x80] + [UInt8](repeating: 0, count: 15) },
      { $0.serial.append(1) }, { $0.addresses = ["localhost"] }, { $0.commonName = String(repeating: "x", count: 65) },
    ] {
      var bad = good
      change(&bad)
      faults.append(bad)
    }
    for fault in faults {
      let error = #expect(throws: TLSSetupError.self) { try authority.issue(fault, for: request) }
      guard case .refused = error else { Issue.record("\(String(describing: error))"); return }
    }
    #expect(try authority.issue(good, for: request).facts.uris == ["spiffe://a"])
  }

  @Test func authorities() throws {
    let (one, other) = (try Self.root(), try Self.root())
    #expect(throws: TLSSetupError.keyMismatch) { try CertificateAuthority(certificate: one.certificate, key: other.key) }
    let key = PrivateKey()
    let leaf = try Self.leaf(of: one, key: key)
    let error = #expect(throws: TLSSetupError.self) { try CertificateAuthority(certificate: leaf, key: key) }
    guard case .refused = error else { Issue.record("\(String(describing: error))"); return }
  }

  /// An operator's own intermediate may have a key of another kind.
  @Test(arguments: ["rsa:2048", "ed25519"]) func authoritiesWithOtherKeys(_ kind: String) throws {
    let folder = try OpenSSLCommand()
    defer { folder.remove() }
    _ = try folder.run(
      ["req", "-x509", "-newkey", kind, "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Own", "-days", "2"])
    let authority = try CertificateAuthority(
      certificate: Certificate.all(pem: folder.read("ca.pem"))[0], key: PrivateKey(pem: folder.read("ca.key")))
    #expect(try Self.leaf(of: authority).isSigned(by: authority.certificate))
  }

  /// A client and a server with what we issue shake hands; both name each other.
  @Test func theyWorkInAHandshake() throws {
    let now = try Kit.server.get().certificate.notBefore
    let authority = try CertificateAuthority(
      selfSigned: CertificateTemplate(
        .authority, commonName: "Root", notBefore: now, notAfter: now + 86_400, serial: Self.serial), key: PrivateKey())
    func identity(_ name: String) throws -> TLSIdentity {
      let key = PrivateKey()
      let template = CertificateTemplate(.leaf, uris: [name], notBefore: now, notAfter: now + 3600, serial: Self.serial)
      return try TLSIdentity(chain: [authority.issue(template, for: CertificateRequest(key))], key: key)
    }
    let trust = TLSTrust.certificates(pem: authority.certificate.pem)
    let server = try TLSContext(.server, TLSSettings(trust: trust, peer: .required, identities: [identity("spiffe://server")]))
    let client = try TLSContext(.client, TLSSettings(trust: trust, identities: [identity("spiffe://client")]))
    var pair = Pair(client, server, name: nil)
    try pair.connect()
    #expect(pair.client.peerCertificate?.uris == ["spiffe://server"])
    #expect(pair.server.peerCertificate?.uris == ["spiffe://client"])
  }
}
