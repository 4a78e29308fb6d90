import MeshProtocol
import TLS

/// How this controller gives identities, complete and checked.
struct IdentitySettings: Sendable {
  var trustDomain = "heddle.local"
  var leafLifetime = Duration.seconds(24 * 3600)
  /// For so long after its end a leaf is still taken, so that an outage of all controllers stops no traffic; 0: not.
  var outageGrace = Duration.seconds(72 * 3600)
  /// The least time from a new root's standing in the bundle to its first signature.
  var rotationOverlap = Duration.seconds(300)
  /// The operator's own intermediate; nil: roots of our own, kept in the store.
  var own: OperatorAuthority?
  /// Where that is, to be read again; nil: it stays as it is.
  var ownFiles: OperatorFiles?
  /// The cluster whose service accounts are identities; nil: none.
  var kubernetes: KubernetesReviewSettings?
  /// Names under which proxies reach the mesh port: DNS names and numeric addresses.
  var names: [String] = []
  /// Whether proxies without TLS are served.
  var isPermissive = true

  /// How long a root of our own lives. Why: as the field has it (kubeadm, Istio); it is rotated long before.
  static let rootLifetime = Duration.seconds(3650 * 86_400)
  /// Certificates begin this much in the past, for proxies whose clock is behind ours.
  static let backdating = Duration.seconds(300)
  /// Below this rest of life of what signs somebody must act.
  static let alarm = Duration.seconds(30 * 86_400)
}

/// An authority that the operator gives in files: it signs, and this program never rotates it.
struct OperatorAuthority: Sendable, Equatable {
  /// The one that signs, then those above it.
  let chain: [Certificate]
  let key: PrivateKey
  /// What proxies trust.
  let roots: [Certificate]

  /// - Parameters:
  ///   - certificate: PEM, the signing certificate first, then those above it.
  ///   - bundle: PEM of the roots; nil: the last of the chain.
  init(certificate: [UInt8], key: [UInt8], bundle: [UInt8]?) throws(TLSSetupError) {
    chain = try Certificate.all(pem: certificate)
    self.key = try PrivateKey(pem: key)
    _ = try CertificateAuthority(certificate: chain[0], key: self.key)
    for (lower, upper) in zip(chain, chain.dropFirst()) where !lower.isSigned(by: upper) {
      throw .refused("\(lower.facts.summary) is not signed by \(upper.facts.summary), which follows it")
    }
    roots =
      try bundle.map { bytes throws(TLSSetupError) in try Certificate.all(pem: bytes) } ?? [chain[chain.count - 1]]
    let top = chain[chain.count - 1]
    guard roots.contains(where: { $0 == top || top.isSigned(by: $0) }) else {
      throw .refused("no root of the bundle has signed \(top.facts.summary)")
    }
  }

  static func == (a: Self, b: Self) -> Bool {
    a.chain == b.chain && a.roots == b.roots && a.key.publicKeyHash == b.key.publicKeyHash
  }
}
