import GRDB
import MeshProtocol
import Serving
import SystemIO
import TLS
import TestSupport
import Testing

@testable import ControlPlane

/// Who gets a certificate, of whom, and who not (bad-inputs 81, 83).
@Suite struct SignTests {
  @Test func aTokenGivesItsIdentityAndNoOther() async throws {
    let plane = try Plane()
    let folder = try OpenSSLCommand()
    defer { folder.remove() }
    let csr = try folder.request(
      "ec", ["-pkeyopt", "ec_paramgen_curve:P-256", "-addext", "subjectAltName=URI:spiffe://heddle.local/heddle/controller"])
    let answer = try await plane.sign(SignKit.request(csr: csr, token: plane.token("users"))).get()
    let leaf = try answer.certificates()[0]
    #expect(leaf.facts.uris == ["spiffe://heddle.local/ns/default/sa/users"])
    #expect(leaf.facts.dnsNames.isEmpty && leaf.facts.subject.isEmpty)
    #expect(try leaf.publicKeyHash == CertificateRequest(der: csr).publicKeyHash)
    #expect(try answer.roots() == plane.identity.book.roots)
    #expect(try leaf.isSigned(by: answer.roots()[0]))
    #expect(answer.bundle.trustDomain == "heddle.local" && answer.bundle.version == 1)
  }

  /// Bad-inputs 83: clocks that differ by five minutes make no difference.
  @Test func itBeginsInThePast() async throws {
    let plane = try Plane()
    let now = plane.clock.clocks.wall().seconds
    let answer = try await plane.sign(SignKit.request(token: plane.token())).get()
    #expect(answer.notBefore == now - 300)
    #expect(answer.notAfter == now + 86_400)
    let leaf = try answer.certificates()[0]
    #expect(leaf.facts.notBefore == answer.notBefore && leaf.facts.notAfter == answer.notAfter)
  }

  @Test func noTwoSerialsAreTheSame() async throws {
    let plane = try Plane()
    let (token, key) = (await plane.token(), PrivateKey())
    let one = try await plane.sign(SignKit.request(key, token: token)).get()
    let other = try await plane.sign(SignKit.request(key, token: token)).get()
    // Key, name and times are the same: the serial alone tells them apart.
    #expect(one.notAfter == other.notAfter && one.chain != other.chain)
  }

  @Test func aUsedTokenIsRefused() async throws {
    let plane = try Plane()
    let token = await plane.token()
    _ = try await plane.sign(SignKit.request(token: token)).get()
    #expect(await refusal(plane, token) == .usedToken)
    #expect(plane.identity.counters.refusedCount(.usedToken) == 1)
    #expect(plane.identity.counters.issuedCount(.join) == 1)
  }

  /// A proxy whose answer was lost asks again with the key that it has.
  @Test func theSameKeyMayAskAgain() async throws {
    let plane = try Plane()
    let (token, key) = (await plane.token(), PrivateKey())
    let first = try await plane.sign(SignKit.request(key, token: token)).get()
    let second = try await plane.sign(SignKit.request(key, token: token)).get()
    #expect(try first.certificates()[0].publicKeyHash == second.certificates()[0].publicKeyHash)
    #expect(await plane.at("GET", "/join-tokens").list("join_tokens")[0]["used"] == 1)
    #expect(await refusal(plane, token) == .usedToken)
  }

  @Test func anExpiredTokenIsRefused() async throws {
    let plane = try Plane()
    let token = await plane.token(ttl: "10s")
    plane.clock.advance(.seconds(9))
    _ = try await plane.sign(SignKit.request(token: token)).get()
    plane.clock.advance(.seconds(1))
    #expect(await refusal(plane, token) == .expiredToken)
  }

  @Test func wrongTokensAreRefused() async throws {
    let plane = try Plane()
    let token = try JoinToken(parsing: await plane.token())
    let secret = [UInt8](repeating: 7, count: 32)
    #expect(
      await refusal(plane, JoinToken(id: token.id, secret: secret, rootHash: token.rootHash).text) == .wrongToken)
    #expect(
      await refusal(plane, JoinToken(id: "0000", secret: token.secret, rootHash: token.rootHash).text) == .unknownToken)
    #expect(await refusal(plane, "hj1.x") == .token(.notAToken))
    #expect(await refusal(plane, String(token.text.dropLast(50))) != nil)
    // None of them was a use.
    _ = try await plane.sign(SignKit.request(token: token.text)).get()
  }

  @Test func aDeletedTokenIsUnknown() async throws {
    let plane = try Plane()
    let token = try JoinToken(parsing: await plane.token())
    #expect(await plane.at("DELETE", "/join-tokens/\(token.id)").status == 200)
    #expect(await refusal(plane, token.text) == .unknownToken)
  }

  @Test func requestsThatAreNone() async throws {
    let plane = try Plane()
    let token = await plane.token()
    let folder = try OpenSSLCommand()
    defer { folder.remove() }
    let rsa = try folder.request("rsa:2048")
    var unsigned = CertificateRequest(PrivateKey()).der
    unsigned[unsigned.count - 1] ^= 1
    for (csr, expected) in [(rsa, CertificateRequestFault.wrongKey), (unsigned, .badSignature)] {
      #expect(await failure(plane.sign(SignKit.request(csr: csr, token: token))) == .request(expected))
    }
    let large = [UInt8](repeating: 0x30, count: 65_536)
    #expect(
      await failure(plane.sign(SignKit.request(csr: large, token: token))) == .request(.tooLarge(bytes: 65_536)))
    guard case .request(.malformed) = await failure(plane.sign(SignKit.request(csr: [1, 2, 3], token: token))) else {
      Issue.record("garbage was taken for a request")
      return
    }
    #expect(await failure(plane.sign([0xff, 0xff, 0xff])) == .malformed)
    #expect(await failure(plane.sign(SignKit.request())) == .noProof)
    // The token is as good as before.
    _ = try await plane.sign(SignKit.request(token: token)).get()
  }

  @Test func aLeafRenewsItself() async throws {
    let plane = try Plane()
    let leaf = try await plane.leaf("users")
    plane.clock.advance(.seconds(3600))
    let renewed = try await plane.sign(SignKit.request(), from: SignKit.peer(leaf)).get()
    #expect(try renewed.certificates()[0].facts.uris == leaf.facts.uris)
    #expect(renewed.notAfter == leaf.facts.notAfter + 3600)
    #expect(plane.identity.counters.issuedCount(.renewal) == 1)
    _ = try await plane.sign(SignKit.request(), from: SignKit.peer(leaf, hasExpired: true)).get()
    #expect(plane.identity.counters.issuedCount(.lateRenewal) == 1)
  }

  /// The controller's own certificate, another mesh's, and one with two names renew nothing.
  @Test(arguments: [
    ["spiffe://heddle.local/heddle/controller"], ["spiffe://other.mesh/ns/default/sa/users"], [],
    ["spiffe://heddle.local/ns/default/sa/users", "spiffe://heddle.local/ns/default/sa/orders"],
  ]) func otherCertificatesRenewNothing(_ names: [String]) async throws {
    let plane = try Plane()
    let issuing = try #require(plane.identity.book.issuing)
    let leaf = try CertificateAuthority(certificate: issuing.certificate, key: issuing.key).issue(
      CertificateTemplate(.leaf, uris: names, notBefore: 1, notAfter: 2, serial: [UInt8](repeating: 1, count: 16)),
      for: CertificateRequest(PrivateKey()))
    #expect(await failure(plane.sign(SignKit.request(), from: SignKit.peer(leaf))) == .notAProxy)
  }

  /// What the store cannot write has not happened: no certificate, and no use of the token.
  @Test func aStoreThatFailsLeavesNothingHalf() async throws {
    let plane = try Plane()
    let token = await plane.token()
    let hold = try DatabaseHold(plane.store.path)
    guard case .unavailable = await failure(plane.sign(SignKit.request(token: token))) else {
      Issue.record("a certificate came from a store that could not be written")
      return
    }
    #expect(await plane.at("POST", "/join-tokens", ["identity": "users"]).status == 503)
    #expect(await plane.call("POST", "/v1/identity/authorities:rotate").status == 503)
    #expect(plane.identity.book.authorities.count == 1)
    try hold.release()
    #expect(await plane.at("GET", "/join-tokens").list("join_tokens").map { $0["used"] } == [0])
    _ = try await plane.sign(SignKit.request(token: token)).get()
  }

  /// Many proxies with one token at once: as many get in as it says.
  @Test func usesAreCountedOneByOne() async throws {
    let plane = try Plane()
    let token = await plane.token(uses: 5)
    let joined = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<20 { group.addTask { if case .success = await plane.sign(SignKit.request(token: token)) { true } else { false } } }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(joined == 5)
  }

  private func refusal(_ plane: Plane, _ token: String) async -> SignRefusal? {
    await failure(plane.sign(SignKit.request(token: token)))
  }

  private func failure(_ result: Result<Heddle_Mesh_V1_SignResponse, SignRefusal>) -> SignRefusal? {
    if case .failure(let refusal) = result { refusal } else { nil }
  }
}
