import MeshProtocol
import Serving
import SystemIO
import TLS

@testable import ControlPlane

/// A proxy's end of Sign, without a connection.
enum SignKit {
  static func request(_ key: PrivateKey = PrivateKey(), token: String? = nil) -> [UInt8] {
    request(csr: CertificateRequest(key).der, token: token)
  }

  /// With a Kubernetes service account's token.
  static func request(_ key: PrivateKey = PrivateKey(), account token: String) -> [UInt8] {
    var request = Heddle_Mesh_V1_SignRequest()
    request.csr = .init(CertificateRequest(key).der)
    request.kubernetesToken = token
    return request.encodedBytes()
  }

  static func request(csr: [UInt8], token: String? = nil) -> [UInt8] {
    var request = Heddle_Mesh_V1_SignRequest()
    request.csr = .init(csr)
    if let token { request.joinToken = token }
    return request.encodedBytes()
  }

  static let stranger = GRPCPeer(address: .loopback(port: 1), isSecure: true)

  /// A peer that showed this certificate in its handshake.
  static func peer(_ certificate: Certificate, hasExpired: Bool = false) -> GRPCPeer {
    GRPCPeer(address: .loopback(port: 1), isSecure: true, certificate: certificate.facts, hasExpired: hasExpired)
  }
}

extension Heddle_Mesh_V1_SignResponse {
  func certificates() throws -> [Certificate] { try chain.map { try Certificate(der: Array($0)) } }
  func roots() throws -> [Certificate] { try bundle.roots.map { try Certificate(der: Array($0)) } }
}

extension Plane {
  /// A join token's text.
  func token(_ identity: String = "users", ttl: String = "1h", uses: Int = 1) async -> String {
    await at("POST", "/join-tokens", ["identity": .string(identity), "ttl": .string(ttl), "uses": .integer(Int64(uses))])
      .json["token"]?.text ?? ""
  }

  func sign(_ request: [UInt8], from peer: GRPCPeer = SignKit.stranger) async -> Result<
    Heddle_Mesh_V1_SignResponse, SignRefusal
  > {
    await identity.sign(request, from: peer)
  }

  /// A leaf of this controller, by a token.
  func leaf(_ identity: String = "users") async throws -> Certificate {
    try await sign(SignKit.request(token: token(identity))).get().certificates()[0]
  }
}
