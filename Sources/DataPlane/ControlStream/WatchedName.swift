import MeshProtocol
import SystemIO
import Traffic

/// A concrete name that this proxy watches: who needs it and what is known of it.
struct WatchedName {
  var replica: EndpointReplica
  var holders: NameHolders
  /// When a controller last spoke of it, in wall-clock milliseconds; 0 = never.
  var confirmed: Int64 = 0
  /// Gaps came too often on this stream: it is not asked for again before the next.
  var isGivenUp = false

  /// A name that nobody holds yet.
  init(name: String, announcedAt now: Instant) {
    replica = EndpointReplica(name: name)
    holders = NameHolders(announcedAt: now)
  }

  /// Whether there is an answer that a request can be routed by.
  var isAnswered: Bool { replica.state != .unspecified && replica.state != .pending }
}

extension EndpointSet {
  /// What a replica holds, as workers use it. Endpoints that cannot be connected to (no address, no weight) are left
  /// out and counted in `unusable`.
  convenience init(_ replica: EndpointReplica, name: Path, confirmed: Int64, unusable: inout Int) {
    var endpoints: [Endpoint] = []
    for (text, endpoint) in replica.endpoints {
      guard let address = SocketAddress(text), let weight = endpoint.weight else {
        unusable += 1
        continue
      }
      endpoints.append(
        Endpoint(
          address: address, text: text, weight: weight, zone: endpoint.zone, authority: endpoint.metadata["authority"],
          mesh: MeshPeer(endpoint, at: address)))
    }
    endpoints.sort { $0.text < $1.text }
    // A residual that does not read is none: endpoints are worth more than the rest of a name.
    let residual = (try? Path(parsing: replica.residual)) ?? .root
    self.init(
      name: name, version: replica.version, state: NameState(replica.state), id: replica.id, residual: residual,
      endpoints: endpoints, serviceProtocol: EndpointProtocol(replica.protocol), reason: replica.reason,
      confirmed: confirmed)
  }
}

extension MeshPeer {
  /// Nil where no proxy stands before the endpoint.
  fileprivate init?(_ endpoint: ReplicatedEndpoint, at address: SocketAddress) {
    guard let port = UInt16(exactly: endpoint.meshPort), port > 0, !endpoint.meshIdentity.isEmpty else { return nil }
    var address = address
    address.port = port
    self.init(address: address, identity: endpoint.meshIdentity)
  }
}

extension NameState {
  init(_ wire: Heddle_Mesh_V1_NameState) {
    switch wire {
    case .bound: self = .bound
    case .negative: self = .negative
    case .failed: self = .failed
    case .pending, .unspecified, .UNRECOGNIZED: self = .pending
    }
  }
}

extension EndpointProtocol {
  init(_ wire: Heddle_Mesh_V1_ServiceProtocol) {
    switch wire {
    case .http1: self = .http1
    case .http2: self = .http2
    case .tcp: self = .tcp
    case .thrift: self = .thrift
    case .mux: self = .mux
    case .thriftmux: self = .thriftmux
    case .unspecified, .UNRECOGNIZED: self = .automatic
    }
  }
}
