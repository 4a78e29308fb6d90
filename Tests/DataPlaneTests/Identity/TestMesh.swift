import Foundation
import HTTP
import Memory
import MeshProtocol
import Serving
import Synchronization
import SystemIO
import TLS

/// The authority of a mesh, for tests.
struct MeshAuthority: Sendable {
  let authority: CertificateAuthority
  var root: Certificate { authority.certificate }

  static var now: Int64 { Int64(Date().timeIntervalSince1970) }

  init(_ name: String = "test mesh") throws {
    authority = try CertificateAuthority(
      selfSigned: CertificateTemplate(
        .authority, commonName: name, notBefore: Self.now - 3600, notAfter: Self.now + 86_400, serial: Self.serial()),
      key: PrivateKey())
  }

  static func serial() -> [UInt8] { (0..<16).map { _ in UInt8.random(in: 1...255) } }

  func issue(
    _ uri: String, for request: CertificateRequest, from: Int64 = -300, to: Int64 = 3600
  ) throws -> Certificate {
    try authority.issue(
      CertificateTemplate(
        .leaf, uris: [uri], notBefore: Self.now + from, notAfter: Self.now + to, serial: Self.serial()),
      for: request)
  }

  func token(secret: UInt8 = 7) -> JoinToken {
    JoinToken(id: "t1", secret: [UInt8](repeating: secret, count: 32), rootHash: root.publicKeyHash)
  }

  /// What a controller presents.
  func controllerContext(grace: Duration = .seconds(3600), trusting others: [Certificate] = []) throws -> TLSContext {
    let key = PrivateKey()
    let leaf = try issue("spiffe://test.mesh/heddle/controller", for: CertificateRequest(key))
    var settings = TLSSettings(
      trust: .certificates(pem: Certificate.pem([root] + others)), peer: .optional,
      identities: [try TLSIdentity(chain: [leaf, root], key: key)], protocols: ["h2"], minimumVersion: .v13)
    settings.trustDomain = "test.mesh"
    settings.expiryGrace = grace
    return try TLSContext(.server, settings)
  }
}

/// A controller that takes TLS only, signs what it is asked to with the token or a certificate, and streams what the test says.
final class SigningController: Sendable {
  let port: UInt16
  let authority: MeshAuthority
  private let executor: LoopExecutor
  private let service: Confined<Service>
  private let journal: Journal

  final class Journal: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
  }

  /// What the next answers are to be.
  struct Manners: Sendable {
    var uri = "spiffe://test.mesh/ns/default/sa/users"
    var lifetime: Int64 = 3600
    /// Seconds from now at which a certificate begins.
    var begins: Int64 = -300
    var secret = [UInt8](repeating: 7, count: 32)
    /// The service account's token that lets in.
    var accountToken = "fresh"
    /// The roots that are said to count, besides the authority's.
    var moreRoots: [Certificate] = []
    var omitsOwnRoot = false
    var refusal: GRPCStatus?
    var trustDomain = "test.mesh"
    /// A key of its own instead of the request's.
    var signsAnotherKey = false
    var grace: UInt32 = 3600
  }

  private final class Service: GRPCService {
    var server: GRPCServer?
    var manners = Manners()
    let authority: MeshAuthority
    let journal: Journal
    private var peers: [Handle: GRPCPeer] = [:]
    private var requests: Set<Handle> = []
    var syncs: [Handle] = []
    private var version: UInt64 = 0

    init(_ authority: MeshAuthority, _ journal: Journal) { (self.authority, self.journal) = (authority, journal) }

    private func note(_ line: String) { journal.add(line) }

    func opened(_ stream: Handle, path: String, headers: HeaderList, peer: GRPCPeer) -> GRPCStatus? {
      peers[stream] = peer
      let name = path.split(separator: "/").last.map(String.init) ?? ""
      let who = peer.certificate?.uris.first ?? "nobody"
      note("\(name) by \(who)\(peer.hasExpired ? ", expired" : "")")
      switch name {
      case "Sync": syncs.append(stream)
      case "Sign": requests.insert(stream)
      default: break
      }
      if name != "Sign", peer.certificate == nil { return GRPCStatus(.permissionDenied, "no certificate") }
      return nil
    }

    func failed(_ fault: TLSError, peer: SocketAddress) { note("TLS \(fault.label)") }

    func received(_ stream: Handle, _ message: [UInt8]) {
      if requests.contains(stream) { return sign(stream, message) }
      guard syncs.contains(stream), let said = try? Heddle_Mesh_V1_ProxyMessage.decode(message) else { return }
      switch said {
      case .hello(let hello): note("hello \(hello.capabilities.joined(separator: ","))")
      case .trustHeld(let held): note("trusts \(held.version)")
      default: break
      }
    }

    private func sign(_ stream: Handle, _ message: [UInt8]) {
      func refuse(_ code: GRPCStatus.Code, _ text: String) { server?.finish(stream, status: GRPCStatus(code, text)) }
      if let refusal = manners.refusal {
        server?.finish(stream, status: refusal)
        return
      }
      guard let request = try? Heddle_Mesh_V1_SignRequest.decode(message),
        var csr = try? CertificateRequest(der: [UInt8](request.csr))
      else { return refuse(.invalidArgument, "no request") }
      switch request.proof {
      case .joinToken(let text):
        guard let token = try? JoinToken(parsing: text), token.secret == manners.secret else {
          return refuse(.permissionDenied, "the join token is not known")
        }
      case .kubernetesToken(let text):
        note("account token \(text)")
        guard text == manners.accountToken else { return refuse(.permissionDenied, "the account token has expired") }
      default: if peers[stream]?.certificate == nil { return refuse(.permissionDenied, "no proof") }
      }
      if manners.signsAnotherKey { csr = CertificateRequest(PrivateKey()) }
      guard
        let leaf = try? authority.issue(manners.uri, for: csr, from: manners.begins, to: manners.begins + manners.lifetime)
      else { return refuse(.internal, "cannot issue") }
      var answer = Heddle_Mesh_V1_SignResponse()
      answer.chain = [.init(leaf.der)]
      answer.bundle = bundle(version: version)
      _ = server?.send(stream: stream, framed: grpcFrame(answer.encodedBytes()))
      server?.finish(stream, status: GRPCStatus(.ok))
    }

    func bundle(version: UInt64) -> Heddle_Mesh_V1_TrustBundle {
      var bundle = Heddle_Mesh_V1_TrustBundle()
      bundle.version = version
      bundle.roots = ((manners.omitsOwnRoot ? [] : [authority.root]) + manners.moreRoots).map { .init($0.der) }
      bundle.outageGraceS = manners.grace
      bundle.trustDomain = manners.trustDomain
      return bundle
    }

    func halfClosed(_ stream: Handle) {}

    func closed(_ stream: Handle) {
      peers[stream] = nil
      requests.remove(stream)
      syncs.removeAll { $0 == stream }
    }

    func sendTrust(_ version: UInt64) {
      self.version = version
      var message = Heddle_Mesh_V1_ControlMessage()
      message.message = .trust(bundle(version: version))
      for sync in syncs { _ = server?.send(stream: sync, framed: grpcFrame(message.encodedBytes())) }
    }
  }

  init(
    _ authority: MeshAuthority, port: UInt16 = 0, policy: GRPCServerSecurity.Policy = .required,
    context: TLSContext? = nil, _ manners: Manners = Manners()
  ) throws {
    self.authority = authority
    let context = try context ?? authority.controllerContext()
    let journal = Journal()
    self.journal = journal
    let (executor, made) = try ServiceLoop.start(name: "controller") { loop -> (Confined<Service>, UInt16) in
      let service = Service(authority, journal)
      service.manners = manners
      let server = try GRPCServer(
        loop: loop, address: .loopback(port: port), security: GRPCServerSecurity(context: context, policy: policy),
        service: service)
      service.server = server
      return (loop.confine(service), server.localAddress.port)
    }
    self.executor = executor
    (service, self.port) = made
  }

  func change(_ body: @escaping @Sendable (inout Manners) -> Void) { service.execute { body(&$0.manners) } }
  func sendTrust(_ version: UInt64) { service.execute { $0.sendTrust(version) } }
  /// New connections are met with this.
  func present(_ context: TLSContext) { service.execute { $0.server?.security?.context = context } }

  var said: [String] { journal.all }
  func heard(_ line: String) -> Bool { eventually { said.contains(line) } }

  func kill() {
    service.execute { $0.server?.close() }
    executor.stop()
  }
}
