import MeshProtocol
import Serving
import TLS

/// A request for a certificate, read and checked as far as it can be without the store. Pure.
///
/// Whom the certificate will name is the proof's to say. What the request asks for is not looked at.
struct SignCheck: Sendable {
  enum Proof: Sendable {
    case token(JoinToken)
    /// A service account's, for the cluster to judge.
    case kubernetes(token: String)
    /// The certificate of the connection, which TLS has checked.
    case renewal(of: SPIFFEID, hasExpired: Bool)
  }

  let request: CertificateRequest
  let proof: Proof

  init(_ bytes: [UInt8], from peer: GRPCPeer, trustDomain: String) throws(SignRefusal) {
    let message: Heddle_Mesh_V1_SignRequest
    do { message = try Heddle_Mesh_V1_SignRequest(serializedBytes: bytes) } catch { throw .malformed }
    do { request = try CertificateRequest(der: Array(message.csr)) } catch { throw .request(error) }
    switch message.proof {
    case .joinToken(let text):
      do { proof = .token(try JoinToken(parsing: text)) } catch { throw .token(error) }
    case .kubernetesToken(let token): proof = .kubernetes(token: token)
    case nil: proof = try Self.renewal(peer, trustDomain)
    }
  }

  private static func renewal(_ peer: GRPCPeer, _ trustDomain: String) throws(SignRefusal) -> Proof {
    guard let certificate = peer.certificate else { throw .noProof }
    guard let text = certificate.uris.first, certificate.uris.count == 1, let id = SPIFFEID(text),
      id.trustDomain == trustDomain
    else { throw .notAProxy }
    return .renewal(of: id, hasExpired: peer.hasExpired)
  }
}
