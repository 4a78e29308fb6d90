import MeshProtocol
import Serving
import SystemIO
import TLS

/// What the mesh port presents, and whom it trusts: made anew when the authorities change and at half of its life.
struct ServerIdentity: Sendable {
  let security: GRPCServerSecurity
  private let generation: UInt64
  private let renewAt: Int64

  init(_ service: IdentityService, at now: WallTime) throws {
    generation = service.generation
    let (book, bundle, settings) = (service.book, service.bundle, service.settings)
    guard let authority = book.shown(at: now) else {
      throw SignRefusal.unavailable("there is no authority that could sign the controller's certificate")
    }
    let lifetime = min(now.seconds + settings.leafLifetime.components.seconds, authority.notAfter)
    let key = PrivateKey()
    let names = Self.names(settings.names)
    let template = CertificateTemplate(
      .leaf, uris: [SPIFFEID.controller(of: settings.trustDomain)], dnsNames: names.dns, addresses: names.addresses,
      notBefore: now.seconds - IdentitySettings.backdating.components.seconds, notAfter: lifetime,
      serial: try service.random(16))
    let signer = try CertificateAuthority(certificate: authority.certificate, key: authority.key)
    let leaf = try signer.issue(template, for: CertificateRequest(key))
    // With its root: a proxy that joins knows that by its hash alone, and must be shown it.
    let roots = authority.roots.filter { !authority.chain.contains($0) }
    let identity = try TLSIdentity(chain: [leaf] + authority.chain + roots, key: key)
    var tls = TLSSettings(
      trust: .certificates(pem: bundle.roots), peer: .optional, identities: [identity], protocols: ["h2"],
      minimumVersion: .v13)
    tls.trustDomain = settings.trustDomain
    tls.expiryGrace = settings.outageGrace
    security = GRPCServerSecurity(
      context: try TLSContext(.server, tls), policy: settings.isPermissive ? .permissive : .required)
    renewAt = now.seconds + (lifetime - now.seconds) / 2
  }

  func isStale(_ service: IdentityService, at now: WallTime) -> Bool {
    service.generation != generation || now.seconds >= renewAt
  }

  private static func names(_ names: [String]) -> (dns: [String], addresses: [String]) {
    let addresses = names.filter { SocketAddress(host: $0, port: 1) != nil }
    return (names.filter { !addresses.contains($0) }, addresses)
  }
}
