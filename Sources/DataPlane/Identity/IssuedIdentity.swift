import MeshProtocol
import TLS

/// Whose signatures count in the mesh, and for how long an expired certificate does.
struct MeshTrust: Hashable, Sendable {
  let roots: [Certificate]
  /// Seconds after its end for which a peer's certificate is still taken.
  let outageGrace: Int64

  init(roots: [Certificate], outageGrace: Int64) {
    (self.roots, self.outageGrace) = (roots, outageGrace)
  }

  /// - Throws: what of a controller's bundle cannot be used.
  init(_ bundle: Heddle_Mesh_V1_TrustBundle) throws(IdentityFault) {
    guard !bundle.roots.isEmpty, bundle.roots.count <= Self.mostRoots else {
      throw .bundle("it has \(bundle.roots.count) roots, expected 1 to \(Self.mostRoots)")
    }
    var roots: [Certificate] = []
    for root in bundle.roots {
      do { roots.append(try Certificate(der: [UInt8](root))) } catch { throw .bundle("\(error)") }
    }
    self.init(roots: roots, outageGrace: Int64(bundle.outageGraceS))
  }

  /// Why: every root is looked at in every handshake; a mesh that changes its root has two. At the limit the bundle is refused.
  private static let mostRoots = 32

  /// Whether one of the roots has signed this certificate or is it.
  func reaches(_ certificate: Certificate) -> Bool {
    roots.contains { $0 == certificate || certificate.isSigned(by: $0) }
  }
}

/// A certificate on our key, issued by the mesh, with those that sign it below the root. Checked when it is made.
struct IssuedIdentity: Hashable, Sendable {
  let id: SPIFFEID
  /// Our own first.
  let chain: [Certificate]

  var life: CertificateLife { CertificateLife(of: chain[0]) }

  /// - Parameter namespace: ours; an identity of another one would be refused with our first words on the stream.
  /// - Throws: why it is of no use.
  init(chain: [Certificate], key: PrivateKey, trust: MeshTrust, namespace: String) throws(IdentityFault) {
    guard let leaf = chain.first, chain.count <= Self.longestChain else {
      throw .chain("it has \(chain.count) certificates")
    }
    guard leaf.publicKeyHash == key.publicKeyHash else { throw .anotherKey }
    guard leaf.facts.uris.count == 1, let id = SPIFFEID(leaf.facts.uris[0]) else {
      throw .noIdentity(leaf.facts.summary)
    }
    guard id.namespace == namespace else { throw .anotherNamespace(id, namespace) }
    for (signed, signer) in zip(chain, chain.dropFirst()) where !signed.isSigned(by: signer) {
      throw .chain("\(signed.facts.summary) is not signed by \(signer.facts.summary)")
    }
    guard let last = chain.last, trust.reaches(last) else { throw .chain("it leads to no root of the bundle") }
    (self.id, self.chain) = (id, chain)
  }

  /// Why: it goes over the wire in every handshake. At the limit it is refused.
  private static let longestChain = 8
}

/// Why a certificate, bundle or key cannot be used.
enum IdentityFault: Error, Hashable, Sendable, CustomStringConvertible {
  case chain(String)
  case anotherKey
  case noIdentity(String)
  case anotherNamespace(SPIFFEID, String)
  case bundle(String)
  case anotherTrustDomain(String, expected: String)
  /// None of the roots by which the controller was known is in the bundle.
  case unexpectedRoot
  /// The controller's answer does not read.
  case malformed
  /// OpenSSL does not take it.
  case refused(TLSSetupError)

  var description: String {
    switch self {
    case .chain(let reason): "the certificate's chain is of no use: \(reason)"
    case .anotherKey: "the certificate is for another key"
    case .noIdentity(let summary): "the certificate names no workload of a mesh: \(summary)"
    case .anotherNamespace(let id, let namespace):
      "the certificate is for \(id), and this proxy belongs to namespace \(namespace)"
    case .bundle(let reason): "the trust bundle is of no use: \(reason)"
    case .anotherTrustDomain(let domain, let expected): "the trust bundle is of \(domain), expected \(expected)"
    case .unexpectedRoot: "the root by which the controller was known is not in the trust bundle"
    case .malformed: "the controller's answer does not read"
    case .refused(let error): "\(error)"
    }
  }
}
