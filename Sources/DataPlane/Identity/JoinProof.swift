import MeshProtocol
import TLS

/// What a proxy without a certificate shows to get one, and how it knows the controller to show it to.
enum JoinProof: Sendable {
  case token(JoinToken)
  /// A service account's token, and the roots one of which has signed the controller's certificate.
  case kubernetes(token: String, roots: [Certificate])

  /// Whom TLS takes for the controller.
  var trust: TLSTrust {
    switch self {
    case .token(let token): .publicKey(sha256: token.rootHash)
    case .kubernetes(_, let roots): .certificates(pem: Certificate.pem(roots))
    }
  }

  /// A request for a certificate with it: a secret.
  func request(_ csr: [UInt8]) -> Heddle_Mesh_V1_SignRequest {
    var request = Heddle_Mesh_V1_SignRequest()
    request.csr = .init(csr)
    switch self {
    case .token(let token): request.joinToken = token.text
    case .kubernetes(let token, _): request.kubernetesToken = token
    }
    return request
  }

  /// Whether what the controller gave has to do with whom we trusted.
  func fits(_ certificates: [Certificate]) -> Bool {
    switch self {
    case .token(let token): certificates.contains { $0.publicKeyHash == token.rootHash }
    case .kubernetes(_, let roots):
      certificates.contains { certificate in
        roots.contains { $0 == certificate || certificate.isSigned(by: $0) }
      }
    }
  }
}
