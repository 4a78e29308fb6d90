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

  /// - Parameter withdrawals: how many roots were withdrawn, ever.
  init(version: UInt64, roots: [Certificate], withdrawals: Int = 0, settings: IdentitySettings) {
    var message = Heddle_Mesh_V1_TrustBundle()
    message.version = version
    message.roots = roots.map { .init($0.der) }
    message.outageGraceS = UInt32(clamping: settings.outageGrace.components.seconds)
    message.trustDomain = settings.trustDomain
    message.withdrawals = UInt32(clamping: withdrawals)
    self.message = message
    framed = Heddle_Mesh_V1_ControlMessage.framed(.trust(message))
    self.roots = Certificate.pem(roots)
  }

  init(version: UInt64, of book: AuthorityBook, settings: IdentitySettings) {
    self.init(version: version, roots: book.roots, withdrawals: book.withdrawals, settings: settings)
  }

  /// Tells this content from any other, whatever its number.
  static func hash(_ book: AuthorityBook, _ settings: IdentitySettings) -> String {
    let content = TrustBundle(version: 0, of: book, settings: settings).message.encodedBytes()
    return Facts.hex(SHA256.digest(content.span))
  }
}
