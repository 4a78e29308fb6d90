import MeshProtocol
import SystemIO
import TLS
import Traffic

/// What connections to some services are secured by.
public struct ServiceContext: Sendable {
  /// Of concrete names.
  public let prefix: Prefix
  /// The host that is asked for, and whom the certificate must be for; nil: whoever.
  public let serverName: String?
  public var context: TLSContext

  public init(prefix: Prefix, serverName: String?, context: TLSContext) {
    (self.prefix, self.serverName, self.context) = (prefix, serverName, context)
  }
}

/// The proxy before an endpoint, which takes mutual TLS for it.
public struct MeshPeer: Hashable, Sendable {
  public let address: SocketAddress
  /// The SPIFFE ID that it must have.
  public let identity: String

  public init(address: SocketAddress, identity: String) {
    (self.address, self.identity) = (address, identity)
  }
}

/// What is spoken on a connection of its own to an endpoint.
enum SpokenAlone {
  case http1
  case bytes
}

// How a connection to an endpoint is secured: as one of the mesh where a proxy stands before it and we have an identity to show, else as
// the configuration says for the service, else not at all.

extension ProxyCore {
  /// The proxy before this endpoint, if connections go to it.
  mutating func meshPeer(_ c: ClusterIndex, _ e: EndpointIndex) -> MeshPeer? {
    credentials == nil ? nil : clusters[c].endpoints[Int(e)].endpoint.mesh
  }

  /// Whether connections to this endpoint go to a proxy of the mesh.
  mutating func isInMesh(_ c: ClusterIndex, _ e: EndpointIndex) -> Bool {
    credentials != nil && clusters[c].endpoints[Int(e)].isInMesh
  }

  /// Begins a connection of its own to an endpoint.
  mutating func open(_ c: ClusterIndex, _ e: EndpointIndex, for spoken: SpokenAlone) throws(SystemError) -> PeerSocket {
    try open(
      c, e, protocols: spoken == .http1 ? ["http/1.1"] : [],
      inMesh: spoken == .http1 ? "http/1.1" : MeshCredentials.bytes)
  }

  /// Begins a connection that becomes a session. Calls pass the proxy before an endpoint as bytes: they were told apart here.
  mutating func open(_ c: ClusterIndex, _ e: EndpointIndex, for kind: SessionMachine.Kind) throws(SystemError)
    -> PeerSocket
  {
    switch kind {
    case .http2: try open(c, e, protocols: ["h2"], inMesh: "h2")
    case .calls: try open(c, e, for: SpokenAlone.bytes)
    }
  }

  private mutating func open(
    _ c: ClusterIndex, _ e: EndpointIndex, protocols: [String], inMesh: String
  ) throws(SystemError) -> PeerSocket {
    if let peer = meshPeer(c, e), let credentials {
      let socket = try Socket.connect(to: peer.address)
      let session = TLSSession(
        credentials.client, peerURI: .exactly(peer.identity), protocols: [inMesh, MeshCredentials.marker])
      return PeerSocket(socket, startedBy: session)
    }
    let socket = try Socket.connect(to: clusters[c].endpoints[Int(e)].endpoint.address)
    guard let place = clusters[c].security else { return PeerSocket(socket) }
    let service = services[place]
    return PeerSocket(
      socket, startedBy: TLSSession(service.context, serverName: service.serverName, protocols: protocols))
  }
}
