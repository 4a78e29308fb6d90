import GRDB
import MeshProtocol
import SystemIO
import TLS
import TestSupport
import Testing

@testable import ControlPlane

/// One root follows the other (bad-inputs 84).
@Suite struct RotationTests {
  private func states(_ plane: Plane) -> [String] {
    plane.identity.book.authorities.map { authority in
      switch authority.state {
      case .next: "next"
      case .issuing: "issuing"
      case .trusted: "trusted"
      case .retired: "retired"
      case .withdrawn: "withdrawn"
      }
    }
  }

  @Test func theFirstStartMakesARootAndTheNextOnesKeepIt() async throws {
    let plane = try Plane()
    let root = try #require(plane.identity.book.issuing).certificate
    #expect(root.isAuthority && root.isSelfIssued)
    #expect(root.facts.notAfter - plane.clock.clocks.wall().seconds == 3650 * 86_400)
    let again = try await plane.reopened()
    #expect(again.identity.book.issuing?.certificate == root)
    #expect(again.identity.bundle.version == 1)
  }

  @Test func aNewRootIsTrustedFirstAndIssuesLater() async throws {
    let plane = try Plane()
    let old = try #require(plane.identity.book.issuing)
    let token = try JoinToken(parsing: await plane.token())
    #expect(await plane.call("POST", "/v1/identity/authorities:rotate").status == 201)
    #expect(states(plane) == ["issuing", "next"])
    #expect(plane.identity.bundle.version == 2 && plane.identity.book.roots.count == 2)
    #expect(try await plane.leaf().isSigned(by: old.certificate))
    // Nobody says that it is held, or the overlap is not over: nothing moves.
    plane.clock.advance(.seconds(299))
    await plane.identity.tick(everyoneHolds: true)
    plane.clock.advance(.seconds(2))
    await plane.identity.tick(everyoneHolds: false)
    #expect(states(plane) == ["issuing", "next"])
    await plane.identity.tick(everyoneHolds: true)
    #expect(states(plane) == ["trusted", "issuing"])
    #expect(plane.identity.bundle.version == 2, "the roots are the same")
    let leaf = try await plane.leaf()
    #expect(!leaf.isSigned(by: old.certificate))
    // A token of before the rotation still fits what the controller shows.
    #expect(plane.identity.book.shown(at: plane.clock.clocks.wall())?.certificate.publicKeyHash == token.rootHash)
    // A leaf's life, then the grace.
    plane.clock.advance(.seconds(24 * 3600 + 72 * 3600 - 1))
    await plane.identity.tick(everyoneHolds: true)
    #expect(states(plane) == ["trusted", "issuing"])
    plane.clock.advance(.seconds(2))
    await plane.identity.tick(everyoneHolds: true)
    #expect(states(plane) == ["retired", "issuing"])
    #expect(plane.identity.bundle.version == 3 && plane.identity.book.roots.count == 1)
    let again = try await plane.reopened()
    #expect(states(again) == ["retired", "issuing"] && again.identity.bundle.version == 3)
  }

  @Test func activateDoesNotWait() async throws {
    let plane = try Plane()
    #expect(await plane.call("POST", "/v1/identity/authorities:activate").status == 409)
    #expect(await plane.call("POST", "/v1/identity/authorities:rotate").status == 201)
    #expect(await plane.call("POST", "/v1/identity/authorities:rotate").status == 409, "one at a time")
    #expect(await plane.call("POST", "/v1/identity/authorities:activate").status == 200)
    #expect(states(plane) == ["trusted", "issuing"])
  }

  /// Leaves live longer than the configuration says now: the old root waits for the longest of them.
  @Test func theLongestLeafCounts() async throws {
    var settings = IdentitySettings()
    settings.leafLifetime = .seconds(10 * 86_400)
    settings.outageGrace = .zero
    let plane = try Plane(identity: settings)
    settings.leafLifetime = .seconds(300)
    let shorter = try await plane.reopened(identity: settings)
    _ = await shorter.identity.rotate()
    _ = await shorter.identity.activate()
    guard case .trusted(let until) = shorter.identity.book.authorities[0].state else {
      Issue.record("the old root is not trusted")
      return
    }
    #expect(until.seconds - shorter.clock.clocks.wall().seconds == 10 * 86_400)
  }

  @Test func theBundleOfAnotherContentHasAnotherNumber() async throws {
    let plane = try Plane()
    var settings = IdentitySettings()
    settings.outageGrace = .seconds(60)
    let again = try await plane.reopened(identity: settings)
    #expect(again.identity.bundle.version == 2 && again.identity.bundle.message.outageGraceS == 60)
  }

  @Test func theOperatorsAuthority() async throws {
    let plane = try Plane()
    let leaf = try await plane.leaf()
    let own = try OwnAuthority(at: plane.clock.clocks.wall().seconds)
    var settings = IdentitySettings()
    settings.own = try OperatorAuthority(certificate: own.chain, key: own.key.pem, bundle: own.root.certificate.pem)
    let again = try await plane.reopened(identity: settings)
    let answer = try await again.sign(SignKit.request(), from: SignKit.peer(leaf)).get()
    let chain = try answer.certificates()
    #expect(chain.count == 2 && chain[1] == own.intermediate && chain[0].isSigned(by: own.intermediate))
    // Those who joined before stay trusted.
    #expect(again.identity.book.roots.count == 2 && again.identity.book.roots.last == own.root.certificate)
    #expect(states(again) == ["trusted", "issuing"])
    #expect(await again.call("POST", "/v1/identity/authorities:rotate").status == 409)
    #expect(await again.call("GET", "/v1/identity").list("authorities").last?["kept_in"] == "files")
    #expect(try ServerIdentity(again.identity, at: again.clock.clocks.wall()).security.policy == .permissive)
    #expect(throws: TLSSetupError.keyMismatch) {
      try OperatorAuthority(certificate: own.chain, key: PrivateKey().pem, bundle: nil)
    }
    #expect(throws: TLSSetupError.self) {
      try OperatorAuthority(certificate: own.chain, key: own.key.pem, bundle: plane.identity.book.roots[0].pem)
    }
  }

  private func withdraw(_ plane: Plane, _ id: String, replace: Bool = false) async -> Answer {
    await plane.call("POST", "/v1/identity/authorities:withdraw", ["id": .string(id), "replace": .bool(replace)])
  }

  @Test func theOnlyRootIsWithdrawnWithItsReplacementOrNotAtAll() async throws {
    let plane = try Plane()
    let stolen = try #require(plane.identity.book.issuing)
    let refused = await withdraw(plane, stolen.id)
    #expect(refused.status == 409 && refused.text.contains("--replace"))
    #expect(plane.identity.book.issuing?.id == stolen.id && plane.identity.bundle.version == 1)
    let answer = await withdraw(plane, stolen.id, replace: true)
    #expect(answer.status == 200 && states(plane) == ["withdrawn", "issuing"])
    #expect(answer.list("authorities")[0]["withdrawn_at"] != nil)
    // No overlap: peers are told of the new root only, and new certificates are its.
    #expect(!plane.identity.book.roots.contains(stolen.certificate) && plane.identity.book.roots.count == 1)
    #expect(plane.identity.bundle.message.withdrawals == 1 && plane.identity.bundle.version == 2)
    #expect(try await !plane.leaf().isSigned(by: stolen.certificate))
    #expect(plane.identity.book.shown(at: plane.clock.clocks.wall())?.id != stolen.id)
    #expect(await withdraw(plane, stolen.id).status == 409, "once")
    let again = try await plane.reopened()
    #expect(states(again) == ["withdrawn", "issuing"] && again.identity.bundle.message.withdrawals == 1)
    #expect(again.identity.bundle.version == 2)
  }

  @Test func theNextRootFollowsOneThatIsWithdrawn() async throws {
    let plane = try Plane()
    let old = try #require(plane.identity.book.issuing)
    plane.clock.advance(.seconds(1))
    _ = await plane.identity.rotate()
    let next = try #require(plane.identity.book.next)
    #expect(await withdraw(plane, old.id).status == 200)
    #expect(states(plane) == ["withdrawn", "issuing"] && plane.identity.book.issuing?.id == next.id)
    // One that is trusted only, and one that was to come, need nothing in their place.
    plane.clock.advance(.seconds(1))
    _ = await plane.identity.rotate()
    _ = await plane.identity.activate()
    #expect(await withdraw(plane, next.id).status == 200)
    plane.clock.advance(.seconds(1))
    _ = await plane.identity.rotate()
    let coming = try #require(plane.identity.book.next)
    #expect(await withdraw(plane, coming.id).status == 200)
    #expect(states(plane) == ["withdrawn", "withdrawn", "issuing", "withdrawn"])
    #expect(plane.identity.bundle.message.withdrawals == 3)
  }

  @Test func whatCannotBeWithdrawn() async throws {
    let plane = try Plane()
    #expect(await withdraw(plane, "none").status == 404)
    #expect(await plane.call("POST", "/v1/identity/authorities:withdraw", [:]).status == 422)
    let own = try OwnAuthority(at: plane.clock.clocks.wall().seconds)
    var settings = IdentitySettings()
    settings.own = try OperatorAuthority(certificate: own.chain, key: own.key.pem, bundle: own.root.certificate.pem)
    let again = try await plane.reopened(identity: settings)
    let answer = await withdraw(again, "operator", replace: true)
    #expect(answer.status == 409 && answer.text.contains("identity.ca"))
  }

  /// Whoever has the root's key has made a certificate, and is connected when the root is withdrawn.
  @Test func aStolenRootRenewsNothing() async throws {
    let plane = try Plane()
    let key = PrivateKey()
    let leaf = try await plane.sign(SignKit.request(key, token: plane.token())).get().certificates()[0]
    let stolen = try #require(plane.identity.book.issuing)
    let thief = PrivateKey()
    let forged = try CertificateAuthority(certificate: stolen.certificate, key: stolen.key).issue(
      CertificateTemplate(
        .leaf, uris: leaf.facts.uris, notBefore: leaf.facts.notBefore, notAfter: leaf.facts.notAfter,
        serial: [UInt8](repeating: 9, count: 16)), for: CertificateRequest(thief))
    #expect(await withdraw(plane, stolen.id, replace: true).status == 200)
    guard case .failure(.unknownKey) = await plane.sign(SignKit.request(thief), from: SignKit.peer(forged)) else {
      Issue.record("a forged certificate was renewed")
      return
    }
    // The proxy whose key we certified gets its next one, of the new root.
    let next = try await plane.sign(SignKit.request(key), from: SignKit.peer(leaf)).get()
    #expect(try next.certificates()[0].isSigned(by: next.roots()[0]) && next.bundle.roots.count == 1)
    // Its key speaks for its own identity only.
    let other = try CertificateAuthority(certificate: stolen.certificate, key: stolen.key).issue(
      CertificateTemplate(
        .leaf, uris: ["spiffe://heddle.local/ns/default/sa/bank"], notBefore: leaf.facts.notBefore,
        notAfter: leaf.facts.notAfter, serial: [UInt8](repeating: 8, count: 16)), for: CertificateRequest(key))
    guard case .failure(.unknownKey) = await plane.sign(SignKit.request(key), from: SignKit.peer(other)) else {
      Issue.record("a key was taken for another identity's")
      return
    }
  }

  @Test func keysWithoutCertificatesAreForgotten() async throws {
    let plane = try Plane()
    _ = try await plane.leaf()
    func known() throws -> Int {
      try plane.store.database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM certified_keys") ?? 0 }
    }
    plane.clock.advance(.seconds(60 * 86_400))
    await plane.controller.prune()
    #expect(try known() == 1)
    plane.clock.advance(.seconds(1))
    await plane.controller.prune()
    #expect(try known() == 0)
  }

  /// The operator's files are replaced while the controller runs, in one of the orders in which that can go wrong.
  @Test func theOperatorsFilesAreReadAgain() async throws {
    let (folder, clock) = (Folder(), HandClock())
    let now = clock.clocks.wall().seconds
    let first = try OwnAuthority(at: now)
    let files = OperatorFiles(
      certificate: folder.file("ca.pem"), key: folder.file("ca.key"), bundle: folder.file("roots.pem"))
    func write(_ own: OwnAuthority, key: PrivateKey? = nil, roots: [UInt8]) throws {
      try writeAtomically(files.certificate, own.chain)
      try writeAtomically(files.key, (key ?? own.key).pem)
      try writeAtomically(files.bundle ?? "", roots)
    }
    try write(first, roots: first.root.certificate.pem)
    var settings = IdentitySettings()
    (settings.ownFiles, settings.own) = (files, try files.read())
    let plane = try Plane(clock: clock, identity: settings)
    let leaf = try await plane.leaf()
    #expect(leaf.isSigned(by: first.intermediate))
    let generation = plane.identity.generation
    // Nothing has changed: nobody is disturbed.
    clock.advance(.seconds(31))
    await plane.identity.tick(everyoneHolds: true)
    #expect(plane.identity.generation == generation)

    // The certificate is there, its key not yet.
    let second = try OwnAuthority(at: now)
    try write(second, key: first.key, roots: first.root.certificate.pem + second.root.certificate.pem)
    await plane.identity.tick(everyoneHolds: true)
    #expect(plane.identity.filesFault == nil, "not at every tick")
    clock.advance(.seconds(31))
    await plane.identity.tick(everyoneHolds: true)
    #expect(plane.identity.generation == generation)
    #expect(try await plane.leaf().isSigned(by: first.intermediate))
    #expect(await plane.call("GET", "/readyz?verbose").text.contains("the files of identity.ca are of no use"))
    #expect(await plane.call("GET", "/v1/identity").json["failure"] != nil)
    #expect(plane.identity.exposition.contains("heddle_ca_files_refused_total 1\n"))

    try write(second, roots: first.root.certificate.pem + second.root.certificate.pem)
    await plane.identity.rereadFiles()
    #expect(plane.identity.filesFault == nil && plane.identity.alarm == nil)
    #expect(try await plane.leaf().isSigned(by: second.intermediate))
    #expect(plane.identity.book.roots == [first.root.certificate, second.root.certificate])
    #expect(plane.identity.bundle.version == 2 && plane.identity.generation > generation)
    #expect(try await plane.sign(SignKit.request(), from: SignKit.peer(leaf)).get().bundle.version == 2)

    // One that has ended, and none at all.
    let past = try OwnAuthority(at: now - 20 * 365 * 86_400)
    try write(past, roots: past.root.certificate.pem)
    await plane.identity.rereadFiles()
    #expect(plane.identity.filesFault?.contains("expired") == true)
    try removeFile(files.key)
    await plane.identity.rereadFiles()
    #expect(plane.identity.filesFault?.contains("ca.key") == true)
    #expect(try await plane.leaf().isSigned(by: second.intermediate))
  }

  @Test func anAlarmBeforeTheEnd() async throws {
    let plane = try Plane()
    #expect(plane.identity.alarm == nil)
    plane.clock.advance(.seconds(3621 * 86_400))
    #expect(plane.identity.alarm?.contains("heddle identity rotate") == true)
    #expect(await plane.call("GET", "/readyz?verbose").text.contains("expires in 29 days"))
    plane.clock.advance(.seconds(30 * 86_400))
    #expect(plane.identity.alarm?.contains("has expired") == true)
    guard case .failure(.unavailable) = await plane.sign(SignKit.request(token: plane.token())) else {
      Issue.record("an expired authority has signed")
      return
    }
  }
}

/// An operator's root, with an intermediate for this controller.
struct OwnAuthority {
  let root: CertificateAuthority
  let intermediate: Certificate
  let key = PrivateKey()

  init(at now: Int64) throws {
    let serial = [UInt8](repeating: 3, count: 16)
    root = try CertificateAuthority(
      selfSigned: CertificateTemplate(
        .authority, commonName: "Operator", notBefore: now - 10, notAfter: now + 400 * 86_400, serial: serial),
      key: PrivateKey())
    intermediate = try root.issue(
      CertificateTemplate(
        .authority, commonName: "Intermediate", notBefore: now - 10, notAfter: now + 300 * 86_400, serial: serial),
      for: CertificateRequest(key))
  }

  var chain: [UInt8] { intermediate.pem }
}
