import MeshProtocol
import TLS

/// What a proxy presents and trusts in the mesh: made anew with each certificate and each change of the roots, and shared by all
/// workers. Connections that stand keep what they began with.
public struct MeshCredentials: Sendable {
  /// Who this proxy is: `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/NAME`.
  public let spiffeID: String
  /// For connections to other proxies: TLS 1.3, `h2`; give each session the identity that it expects as `peerURI`.
  public let client: TLSContext
  /// For connections from other proxies: TLS 1.3, `h2`, and only from callers of this trust domain.
  public let server: TLSContext
  /// For connections to controllers.
  let controller: TLSContext
  /// The identity that a controller must have.
  let controllerID: String

  /// - Throws: what OpenSSL refuses.
  init(_ issued: IssuedIdentity, key: PrivateKey, trust: MeshTrust) throws(TLSSetupError) {
    spiffeID = issued.id.description
    controllerID = SPIFFEID.controller(of: issued.id.trustDomain)
    var settings = TLSSettings(
      trust: .certificates(pem: Certificate.pem(trust.roots)),
      identities: [try TLSIdentity(chain: issued.chain, key: key)],
      protocols: ["h2"], minimumVersion: .v13)
    settings.trustDomain = issued.id.trustDomain
    // A controller issues its own certificate: it has no excuse for an old one.
    controller = try TLSContext(.client, settings)
    settings.expiryGrace = .seconds(trust.outageGrace)
    client = try TLSContext(.client, settings)
    server = try TLSContext(.server, settings)
  }
}
