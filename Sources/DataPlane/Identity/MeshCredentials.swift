import MeshProtocol
import TLS

/// What a proxy presents and trusts in the mesh: made anew with each certificate and each change of the roots, and shared by all
/// workers. Connections that stand keep what they began with.
public struct MeshCredentials: Sendable {
  /// Who this proxy is: `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/NAME`.
  public let spiffeID: String
  /// For connections to other proxies: TLS 1.3, `h2`; give each session the identity that it expects as `peerURI`.
  public let client: TLSContext
  /// For connections from other proxies: TLS 1.3, and only from callers of this trust domain.
  public let server: TLSContext
  /// For connections to controllers.
  let controller: TLSContext
  /// The identity that a controller must have.
  let controllerID: String

  /// Offered beside what is spoken, so that a listener with certificates for others tells callers of the mesh from those.
  static let marker = "heddle/1"
  /// What is spoken is bytes, and the service may begin.
  static let bytes = "heddle-bytes/1"
  /// What is spoken between proxies.
  static let protocols = ["h2", "http/1.1", bytes]

  /// - Throws: what OpenSSL refuses.
  init(_ issued: IssuedIdentity, key: PrivateKey, trust: MeshTrust) throws(TLSSetupError) {
    spiffeID = issued.id.description
    controllerID = SPIFFEID.controller(of: issued.id.trustDomain)
    var settings = TLSSettings(
      trust: .certificates(pem: Certificate.pem(trust.roots)),
      identities: [try TLSIdentity(chain: issued.chain, key: key)],
      protocols: Self.protocols, minimumVersion: .v13)
    settings.trustDomain = issued.id.trustDomain
    // A controller issues its own certificate: it has no excuse for an old one.
    var toController = settings
    toController.protocols = ["h2"]
    controller = try TLSContext(.client, toController)
    settings.expiryGrace = .seconds(trust.outageGrace)
    client = try TLSContext(.client, settings)
    server = try TLSContext(.server, settings)
  }
}
