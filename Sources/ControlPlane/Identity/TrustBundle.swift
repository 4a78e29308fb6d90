import HTTP
import MeshProtocol
import TLS

/// The roots that count now, as proxies are told.
struct TrustBundle: Sendable {
  let message: Heddle_Mesh_V1_TrustBundle
  /// A `ControlMessage` of it, framed once for all streams.
  let framed: [UInt8]
  /// PEM.
  let roots: [UInt8]
  var version: UInt64 { message.version }

  init(version: UInt64, roots: [Certificate], settings: IdentitySettings) {
    var message = Heddle_Mesh_V1_TrustBundle()
    message.version = version
    message.roots = roots.map { .init($0.der) }
    message.outageGraceS = UInt32(clamping: settings.outageGrace.components.seconds)
    message.trustDomain = settings.trustDomain
    self.message = message
    framed = Heddle_Mesh_V1_ControlMessage.framed(.trust(message))
    self.roots = Certificate.pem(roots)
  }

  /// Tells this content from any other, whatever its number.
  static func hash(_ roots: [Certificate], _ settings: IdentitySettings) -> String {
    let content = TrustBundle(version: 0, roots: roots, settings: settings).message.encodedBytes()
    return Facts.hex(SHA256.digest(content.span))
  }
}
