import HTTP
import MeshProtocol
import TLS

/// Why a proxy gets no certificate.
enum SignRefusal: Error, Hashable, Sendable {
  /// The request itself; its maker's fault.
  case malformed
  case request(CertificateRequestFault)
  case token(JoinToken.Fault)
  /// No proof came, and the connection has no certificate.
  case noProof
  /// Tokens of a cluster are not taken here.
  case kubernetes
  /// The cluster's API server does not accept the token.
  case kubernetesToken(String)
  /// It could not be asked.
  case kubernetesAway(String)
  case unknownToken
  case wrongToken
  case usedToken
  case expiredToken
  /// The certificate of the connection is no proxy's of this mesh.
  case notAProxy
  /// A root was withdrawn, and the key is none that this controller has certified for a proof.
  case unknownKey
  /// The authority that issues has expired, or the store failed: ours to repair.
  case unavailable(String)

  /// The label `reason`: of a set that does not grow.
  enum Label: String, CaseIterable, Sendable {
    case malformed, request, token
    case noProof = "no_proof"
    case kubernetes
    case kubernetesToken = "kubernetes_token"
    case kubernetesAway = "kubernetes_away"
    case unknownToken = "unknown_token"
    case wrongToken = "wrong_token"
    case usedToken = "used_token"
    case expiredToken = "expired_token"
    case notAProxy = "not_a_proxy"
    case unknownKey = "unknown_key"
    case unavailable
  }

  var label: Label {
    switch self {
    case .malformed: .malformed
    case .request: .request
    case .token: .token
    case .noProof: .noProof
    case .kubernetes: .kubernetes
    case .kubernetesToken: .kubernetesToken
    case .kubernetesAway: .kubernetesAway
    case .unknownToken: .unknownToken
    case .wrongToken: .wrongToken
    case .usedToken: .usedToken
    case .expiredToken: .expiredToken
    case .notAProxy: .notAProxy
    case .unknownKey: .unknownKey
    case .unavailable: .unavailable
    }
  }

  var status: GRPCStatus {
    switch self {
    case .malformed: GRPCStatus(.invalidArgument, "not a SignRequest")
    case .request(let fault): GRPCStatus(.invalidArgument, fault.description)
    case .token(let fault): GRPCStatus(.invalidArgument, fault.description)
    case .noProof:
      GRPCStatus(
        .unauthenticated,
        "a certificate needs a proof: a join token, or for a renewal a connection with the certificate held")
    case .kubernetes:
      GRPCStatus(.unimplemented, "this controller takes no Kubernetes tokens: identity.kubernetes.enabled is not set")
    case .kubernetesToken(let reason):
      GRPCStatus(.permissionDenied, "the service-account token is not accepted: \(reason)")
    case .kubernetesAway(let reason): GRPCStatus(.unavailable, reason)
    case .unknownToken:
      GRPCStatus(
        .permissionDenied,
        "this controller knows no such join token: it was deleted, is long past, or is another mesh's")
    case .wrongToken: GRPCStatus(.permissionDenied, "the secret of the join token is wrong")
    case .usedToken: GRPCStatus(.permissionDenied, "the join token was used as often as it may be; make a new one")
    case .expiredToken: GRPCStatus(.permissionDenied, "the join token has expired; make a new one")
    case .notAProxy: GRPCStatus(.permissionDenied, "the certificate of this connection is no proxy's of this mesh")
    case .unknownKey:
      GRPCStatus(
        .permissionDenied,
        "a root of this mesh was withdrawn, and this controller has not certified this key: join anew, with a token")
    case .unavailable(let reason): GRPCStatus(.unavailable, reason)
    }
  }
}
