import Foundation
import TLS
import TestSupport
import Testing

enum TLSCertificateClock { static let now = Int64(Date().timeIntervalSince1970) }

/// Bad inputs 81, 83 and 93: what a mesh takes for a peer, and what it refuses, with which words.
@Suite struct MeshIdentityTests {
  private static let users = "spiffe://heddle.local/ns/default/sa/users"
  private static let books = "spiffe://heddle.local/ns/default/sa/books"

  private struct Outcome {
    var client: TLSError?
    var server: TLSError?
    var seenByServer: TLSCertificate?
    var hasExpiredClient = false
    var hasExpiredServer = false
    var isResumable = false
  }

  private func meet(
    _ client: TLSContext, _ server: TLSContext, expecting uri: TLSPeerURI? = nil
  ) throws -> Outcome {
    var pair = Pair(client, server, name: nil)
    pair.client = TLSSession(client, peerURI: uri)
    try pair.start()
    pair.pump()
    return Outcome(
      client: pair.clientError, server: pair.serverError, seenByServer: pair.server.peerCertificate,
      hasExpiredClient: pair.server.hasExpiredPeer, hasExpiredServer: pair.client.hasExpiredPeer)
  }

  private func fault(_ error: TLSError?) -> TLSCertificateFault? {
    if case .certificate(let fault, _) = error { fault } else { nil }
  }

  private func isAlert(_ error: TLSError?) -> Bool {
    if case .alert = error { true } else { false }
  }

  @Test func twoOfOneMesh() throws {
    let mesh = try MeshKit.shared.get()
    let outcome = try meet(
      mesh.context(.client, mesh.leaf([Self.users])), mesh.context(.server, mesh.leaf([Self.books])),
      expecting: .exactly(Self.books))
    #expect(outcome.client == nil && outcome.server == nil)
    #expect(outcome.seenByServer?.uris == [Self.users])
    #expect(!outcome.hasExpiredClient && !outcome.hasExpiredServer)
  }

  /// 93: another service answers at the endpoint's address.
  @Test(arguments: ["spiffe://heddle.local/ns/default/sa/users2", "spiffe://heddle.local/ns/default/sa/user", "spiffe://heddle.local/ns/default/sa/Users"])
  func anotherIdentityThanExpected(_ uri: String) throws {
    let mesh = try MeshKit.shared.get()
    let outcome = try meet(
      mesh.context(.client, mesh.leaf([Self.books])), mesh.context(.server, mesh.leaf([uri])), expecting: .exactly(Self.users))
    #expect(fault(outcome.client) == .wrongIdentity)
    #expect(outcome.client?.description.contains(uri) == true)
    #expect(outcome.client?.label == "certificate_wrong_identity")
    #expect(isAlert(outcome.server))
  }

  @Test(arguments: [
    "spiffe://other.local/ns/default/sa/users", "spiffe://heddle.local.evil/ns/default/sa/users", "spiffe://heddle.local",
    "https://heddle.local/ns/default/sa/users", "spiffe://heddle.locale/ns/x/sa/y",
  ])
  func anotherTrustDomain(_ uri: String) throws {
    let mesh = try MeshKit.shared.get()
    let own = try mesh.leaf([Self.books])
    let asServer = try meet(mesh.context(.client, own), mesh.context(.server, mesh.leaf([uri])))
    #expect(fault(asServer.client) == .wrongTrustDomain)
    #expect(isAlert(asServer.server))
    let asClient = try meet(mesh.context(.client, mesh.leaf([uri])), mesh.context(.server, own))
    #expect(fault(asClient.server) == .wrongTrustDomain)
    #expect(isAlert(asClient.client))
  }

  @Test(arguments: [[], [users, books]]) func noSingleIdentity(_ uris: [String]) throws {
    let mesh = try MeshKit.shared.get()
    let outcome = try meet(
      mesh.context(.client, mesh.leaf([Self.books])), mesh.context(.server, mesh.leaf(uris, dnsNames: ["users"])),
      expecting: .exactly(Self.users))
    #expect(fault(outcome.client) == .noIdentity)
    #expect(isAlert(outcome.server))
  }

  /// An authority of the mesh shows no identity, whatever stands in it.
  @Test func anAuthorityIsNoPeer() throws {
    let mesh = try MeshKit.shared.get()
    let outcome = try meet(
      mesh.context(.client, mesh.leaf([Self.books])), mesh.context(.server, mesh.leaf([Self.users], use: .authority)))
    #expect(fault(outcome.client) == .wrongPurpose)
  }

  @Test func expired() throws {
    let mesh = try MeshKit.shared.get()
    let (old, own) = (try mesh.leaf([Self.users], from: -7200, to: -60), try mesh.leaf([Self.books]))
    let asServer = try meet(mesh.context(.client, own), mesh.context(.server, old))
    #expect(fault(asServer.client) == .expired)
    #expect(asServer.server == .alert(.certificateExpired))
    let asClient = try meet(mesh.context(.client, old), mesh.context(.server, own))
    #expect(fault(asClient.server) == .expired)
    #expect(asClient.client == .alert(.certificateExpired))
  }

  @Test func expiredWithinTheGrace() throws {
    let mesh = try MeshKit.shared.get()
    let (old, own) = (try mesh.leaf([Self.users], from: -7200, to: -600), try mesh.leaf([Self.books]))
    for (grace, isTaken) in [(Duration.seconds(1200), true), (.seconds(300), false)] {
      let outcome = try meet(
        mesh.context(.client, old, grace: grace), mesh.context(.server, own, grace: grace), expecting: .exactly(Self.books))
      #expect((outcome.server == nil) == isTaken)
      #expect(outcome.hasExpiredClient == isTaken)
      #expect(!outcome.hasExpiredServer)
      if !isTaken { #expect(fault(outcome.server) == .expired) }
    }
    let outcome = try meet(
      mesh.context(.client, own, grace: .seconds(1200)), mesh.context(.server, old), expecting: .exactly(Self.users))
    #expect(outcome.client == nil && outcome.server == nil && outcome.hasExpiredServer)
  }

  /// The grace forgives the end of a leaf and nothing else.
  @Test func theGraceForgivesNothingElse() throws {
    let mesh = try MeshKit.shared.get()
    let own = try mesh.leaf([Self.books])
    let client = try mesh.context(.client, own, grace: .seconds(1_000_000))
    func refusal(_ identity: TLSIdentity, expecting uri: String = Self.users) throws -> TLSCertificateFault? {
      fault(try meet(client, mesh.context(.server, identity), expecting: .exactly(uri)).client)
    }
    #expect(try refusal(mesh.leaf([Self.users], from: -7200, to: -600)) == nil)
    #expect(try refusal(mesh.leaf([Self.books], from: -7200, to: -600)) == .wrongIdentity)
    #expect(try refusal(mesh.leaf(["spiffe://other/ns/default/sa/users"], from: -7200, to: -600)) == .wrongTrustDomain)
    #expect(try refusal(mesh.leaf([Self.users], from: 600)) == .notYetValid)
    #expect(try refusal(MeshKit().leaf([Self.users], from: -7200, to: -600)) == .unknownIssuer)
    // A root whose time is over.
    let over = try MeshKit("an old root", days: -1)
    let late = try over.context(.client, over.leaf([Self.books]), grace: .seconds(1_000_000))
    let outcome = try meet(late, over.context(.server, over.leaf([Self.users])), expecting: .exactly(Self.users))
    #expect(fault(outcome.client) == .expired)
  }

  /// 83: a fresh certificate is back-dated by five minutes, so that a clock that is behind by less takes it.
  @Test func clocksThatDisagree() throws {
    let mesh = try MeshKit.shared.get()
    let client = try mesh.context(.client, mesh.leaf([Self.books]))
    let within = try meet(client, mesh.context(.server, mesh.leaf([Self.users], from: -10)))
    #expect(within.client == nil)
    let outside = try meet(client, mesh.context(.server, mesh.leaf([Self.users], from: 60)))
    #expect(fault(outside.client) == .notYetValid)
    #expect(outside.client?.description.contains("clocks") == true)
    #expect(outside.client?.label == "certificate_not_yet_valid")
    #expect(isAlert(outside.server))
  }

  @Test func anotherMesh() throws {
    let (mesh, other) = (try MeshKit.shared.get(), try MeshKit("another"))
    let outcome = try meet(
      mesh.context(.client, mesh.leaf([Self.books])), mesh.context(.server, other.leaf([Self.users]), trust: .system))
    #expect(fault(outcome.client) == .unknownIssuer)
    #expect(outcome.server == .alert(.unknownAuthority))
  }

  @Test func selfSigned() throws {
    let mesh = try MeshKit.shared.get()
    let alone = try TestAuthority.selfSigned("alone")
    let server = try mesh.context(.server, TLSIdentity(chain: alone.certificate, key: alone.key))
    let outcome = try meet(mesh.context(.client, mesh.leaf([Self.books])), server)
    #expect(fault(outcome.client) == .selfSigned)
  }

  @Test(arguments: [("serverAuth", TLSRole.client), ("clientAuth", .server)])
  func theWrongUse(_ usage: String, _ holder: TLSRole) throws {
    let authority = try Kit.authority.get()
    let leaf = try authority.leaf("x", names: ["URI:\(Self.users)"], usage: usage)
    let wrong = try TLSIdentity(chain: leaf.certificate, key: leaf.key)
    let right = try Kit.leaf("y", ["URI:\(Self.books)"]).get()
    var settings = TLSSettings(trust: try Kit.trust(), protocols: ["h2"])
    settings.trustDomain = "heddle.local"
    settings.identities = [holder == .client ? wrong : right]
    let client = try TLSContext(.client, settings)
    settings.identities = [holder == .client ? right : wrong]
    let outcome = try meet(client, TLSContext(.server, settings))
    #expect(fault(holder == .client ? outcome.server : outcome.client) == .wrongPurpose)
  }

  /// Each of a hundred authorities signed the next.
  @Test func aChainOfAHundred() throws {
    let mesh = try MeshKit.shared.get()
    let chain = try TestAuthority.chain(of: 100, uri: Self.users)
    let trust = TLSTrust.certificates(pem: chain.root)
    let server = try mesh.context(
      .server, TLSIdentity(chain: chain.leaf.certificate, key: chain.leaf.key), trust: trust)
    let outcome = try meet(mesh.context(.client, mesh.leaf([Self.books]), trust: trust), server)
    #expect([.chainTooLong, .tooLarge].contains(fault(outcome.client)))
    #expect(isAlert(outcome.server))
  }

  @Test func aChainOfTwelve() throws {
    let mesh = try MeshKit.shared.get()
    let chain = try TestAuthority.chain(of: 12, uri: Self.users)
    let trust = TLSTrust.certificates(pem: chain.root)
    let server = try mesh.context(
      .server, TLSIdentity(chain: chain.leaf.certificate, key: chain.leaf.key), trust: trust)
    let outcome = try meet(mesh.context(.client, mesh.leaf([Self.books]), trust: trust), server)
    #expect(fault(outcome.client) == .chainTooLong)
    #expect(isAlert(outcome.server))
  }

  @Test(arguments: [TLSRole.client, .server]) func aCertificateOf64Kilobytes(_ holder: TLSRole) throws {
    let mesh = try MeshKit.shared.get()
    let own = try mesh.leaf([Self.books])
    let large = try mesh.leaf([Self.users], dnsNames: (0..<260).map { "\($0)." + String(repeating: "a", count: 248) })
    let outcome = try meet(
      mesh.context(.client, holder == .client ? large : own), mesh.context(.server, holder == .server ? large : own))
    #expect(fault(holder == .server ? outcome.client : outcome.server) == .tooLarge)
    #expect(isAlert(holder == .server ? outcome.server : outcome.client))
  }

  // MARK: A first contact

  private func joining(_ hash: [UInt8]) throws -> TLSContext {
    try TLSContext(.client, TLSSettings(trust: .publicKey(sha256: hash), protocols: ["h2"], minimumVersion: .v13))
  }

  private func controller(_ mesh: MeshKit, _ uri: String = "spiffe://any.domain/heddle/controller", sendsRoot: Bool = true) throws
    -> TLSContext
  {
    let identity = try mesh.leaf([uri], sendsRoot: sendsRoot)
    return try TLSContext(
      .server,
      TLSSettings(
        trust: .certificates(pem: mesh.authority.certificate.pem), peer: .optional, identities: [identity], protocols: ["h2"]))
  }

  @Test func theControllerIsKnownByItsRootsKey() throws {
    let mesh = try MeshKit.shared.get()
    let hash = mesh.authority.certificate.publicKeyHash
    let outcome = try meet(joining(hash), controller(mesh), expecting: .path("/heddle/controller"))
    #expect(outcome.client == nil && outcome.server == nil)
  }

  @Test func anotherRootIsNotJoined() throws {
    let (mesh, other) = (try MeshKit.shared.get(), try MeshKit())
    let outcome = try meet(
      joining(other.authority.certificate.publicKeyHash), controller(mesh), expecting: .path("/heddle/controller"))
    #expect([.unknownIssuer, .selfSigned].contains(fault(outcome.client)))
    #expect(isAlert(outcome.server))
  }

  @Test func aRootThatIsNotShownIsNotJoined() throws {
    let mesh = try MeshKit.shared.get()
    let outcome = try meet(
      joining(mesh.authority.certificate.publicKeyHash), controller(mesh, sendsRoot: false),
      expecting: .path("/heddle/controller"))
    #expect(fault(outcome.client) == .unknownIssuer)
  }

  /// The wanted root is shown, and another has signed.
  @Test func aRootThatIsOnlyShownIsNotJoined() throws {
    let (mesh, other) = (try MeshKit.shared.get(), try MeshKit())
    let key = PrivateKey()
    let template = CertificateTemplate(
      .leaf, uris: ["spiffe://x/heddle/controller"], notBefore: MeshKit.now - 60, notAfter: MeshKit.now + 60,
      serial: MeshKit.serial())
    let leaf = try other.authority.issue(template, for: CertificateRequest(key))
    let identity = try TLSIdentity(chain: [leaf, other.authority.certificate, mesh.authority.certificate], key: key)
    let server = try TLSContext(.server, TLSSettings(peer: .none, identities: [identity], protocols: ["h2"]))
    let outcome = try meet(joining(mesh.authority.certificate.publicKeyHash), server, expecting: .path("/heddle/controller"))
    #expect(outcome.client != nil)
    #expect(fault(outcome.client) != nil)
  }

  /// A proxy of the mesh is no controller, though the same root has signed both.
  @Test(arguments: [users, "spiffe://x/heddle/controller/", "spiffe://x/y/heddle/controller", "spiffe:///x/heddle/controller"])
  func aProxyIsNotTakenForTheController(_ uri: String) throws {
    let mesh = try MeshKit.shared.get()
    let outcome = try meet(
      joining(mesh.authority.certificate.publicKeyHash), controller(mesh, uri), expecting: .path("/heddle/controller"))
    #expect(fault(outcome.client) == .wrongIdentity)
  }

  // MARK: Change of roots

  /// 84: while both roots count, leaves of either are taken, by both ends.
  @Test func twoRootsCountDuringARotation() throws {
    let (old, new) = (try MeshKit("old root"), try MeshKit("new root"))
    let both = TLSTrust.certificates(pem: old.authority.certificate.pem + new.authority.certificate.pem)
    for (one, other) in [(old, new), (new, old), (new, new)] {
      let outcome = try meet(
        one.context(.client, one.leaf([Self.users]), trust: both), other.context(.server, other.leaf([Self.books]), trust: both),
        expecting: .exactly(Self.books))
      #expect(outcome.client == nil && outcome.server == nil)
    }
    let after = TLSTrust.certificates(pem: new.authority.certificate.pem)
    let outcome = try meet(
      new.context(.client, new.leaf([Self.users]), trust: after), old.context(.server, old.leaf([Self.books]), trust: both))
    #expect(fault(outcome.client) == .unknownIssuer)
  }
}
