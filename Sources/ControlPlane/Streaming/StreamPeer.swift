import MeshProtocol
import Serving

/// Who is at the other end of a stream, as the connection shows it.
struct StreamPeer: Hashable, Sendable {
  /// Its address without port; empty when unknown.
  var host = ""
  /// Whom its certificate names; nil: it came in clear.
  var identity: SPIFFEID?

  init(host: String = "", identity: SPIFFEID? = nil) { (self.host, self.identity) = (host, identity) }

  /// - Parameter trustDomain: nil: this controller gives no identities.
  /// - Throws: why a proxy's stream does not come this way.
  init(_ peer: GRPCPeer, trustDomain: String?) throws(StreamPeerFault) {
    // A socket for both families shows IPv4 as `::ffff:10.0.0.1`; endpoints are written without that.
    let (host, mapped) = (peer.address.host, "::ffff:")
    self.host = host.hasPrefix(mapped) && host.contains(".") ? String(host.dropFirst(mapped.count)) : host
    guard peer.isSecure else { return }
    guard let certificate = peer.certificate else { throw .noCertificate }
    guard certificate.uris.count == 1, let id = SPIFFEID(certificate.uris[0]), id.trustDomain == trustDomain else {
      throw .notAProxy
    }
    identity = id
  }
}

enum StreamPeerFault: Error, Hashable, Sendable { case noCertificate, notAProxy }
