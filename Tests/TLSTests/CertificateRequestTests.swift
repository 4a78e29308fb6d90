import TestSupport
import Testing

@testable import TLS

/// What somebody may send us for a request.
@Suite struct CertificateRequestTests {
  @Test func ours() throws {
    let key = PrivateKey()
    let request = try CertificateRequest(der: CertificateRequest(key).der)
    let leaf = try CertificateTests.root().issue(
      CertificateTemplate(.leaf, uris: ["spiffe://a"], notBefore: 1, notAfter: 2, serial: CertificateTests.serial), for: request)
    #expect(leaf.publicKeyHash == key.publicKeyHash)
  }

  /// The name of a certificate is never the request's.
  @Test func whatItAsksForIsPassedOver() throws {
    let folder = try OpenSSLCommand()
    defer { folder.remove() }
    let der = try folder.request("ec", ["-pkeyopt", "ec_paramgen_curve:P-256", "-addext", "subjectAltName=URI:spiffe://wanted"])
    let leaf = try CertificateTests.leaf(of: CertificateTests.root())
    let own = try CertificateTests.root().issue(
      CertificateTemplate(.leaf, uris: leaf.facts.uris, notBefore: 1, notAfter: 2, serial: CertificateTests.serial),
      for: CertificateRequest(der: der))
    #expect(own.facts.uris == leaf.facts.uris && own.facts.subject == "")
  }

  @Test(arguments: [
    ("rsa:2048", []), ("ed25519", []), ("ec", ["-pkeyopt", "ec_paramgen_curve:P-384"]),
    ("ec", ["-pkeyopt", "ec_paramgen_curve:secp256k1"]),
    ("ec", ["-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"]),
  ]) func otherKeys(_ kind: String, _ options: [String]) throws {
    let folder = try OpenSSLCommand()
    defer { folder.remove() }
    let der = try folder.request(kind, options)
    #expect(throws: CertificateRequestFault.wrongKey) { try CertificateRequest(der: der) }
  }

  @Test func signedByAnother() {
    var der = CertificateRequest(PrivateKey()).der
    der[der.count - 1] ^= 1
    #expect(throws: CertificateRequestFault.badSignature) { try CertificateRequest(der: der) }
  }

  @Test func garbage() {
    let der = CertificateRequest(PrivateKey()).der
    let size = CertificateRequest.mostBytes
    #expect(throws: CertificateRequestFault.tooLarge(bytes: 65_536)) {
      try CertificateRequest(der: [UInt8](repeating: 0x30, count: 65_536))
    }
    for wrong in [[], bytes("hello"), Array(der.dropLast()), der + [0], [UInt8](repeating: 0x30, count: size)] {
      let error = #expect(throws: CertificateRequestFault.self) { try CertificateRequest(der: wrong) }
      guard case .malformed = error else { Issue.record("\(String(describing: error))"); return }
    }
  }

  /// Any byte of a request changed makes it none, or one that some other key signed: never the same request again.
  @Test func everyByteIsUnderTheSignature() {
    let der = CertificateRequest(PrivateKey()).der
    for place in der.indices {
      var changed = der
      changed[place] ^= 0x01
      #expect(throws: CertificateRequestFault.self) { try CertificateRequest(der: changed) }
    }
  }

  @Test func randomBytes() throws {
    let key = PrivateKey()
    var mutator = Mutator(
      corpus: [CertificateRequest(key).der, key.der], alphabet: [0x30, 0x82, 0x02, 0x03, 0x00, 0xff], seed: 0x72)
    for _ in 0..<(fuzzRounds / 10) {
      let wrong = mutator.next()
      _ = try? CertificateRequest(der: wrong)
      _ = try? Certificate(der: wrong)
      _ = try? PrivateKey(der: wrong)
    }
    #expect(try CertificateRequest(der: CertificateRequest(key).der).der.count > 100)
  }
}
