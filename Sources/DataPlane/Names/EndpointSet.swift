import MeshProtocol
import RPC
import SystemIO
import Traffic

/// One place a request can be sent to.
public struct Endpoint: Hashable, Sendable {
  /// Where to connect.
  public let address: SocketAddress
  /// The address as the registry wrote it: the name in metrics and in `/endpoints`.
  public let text: String
  /// Relative share, finite and ≥ 0. 0 = no new requests.
  public let weight: Double
  /// Failure domain, or empty.
  public let zone: String
  /// Host to send instead of the caller's, where the endpoint wants its own (metadata key `authority`).
  public let authority: String?
  /// The proxy before it, which takes mutual TLS; nil: connections go to the address itself.
  public let mesh: MeshPeer?

  /// Makes an endpoint; a weight that is not finite or is negative counts as 0.
  public init(
    address: SocketAddress, text: String, weight: Double = 1, zone: String = "", authority: String? = nil,
    mesh: MeshPeer? = nil
  ) {
    self.address = address
    self.text = text
    self.weight = weight.isFinite && weight > 0 ? weight : 0
    self.zone = zone
    self.authority = authority
    self.mesh = mesh
  }
}

/// What an endpoint speaks, as its service declares it.
public enum EndpointProtocol: String, Sendable {
  /// Not declared: HTTP/1.1 unless the connection shows otherwise.
  /// A call goes by the protocol that it came by.
  case automatic
  case http1, http2, tcp
  case thrift, mux, thriftmux

  /// What a service may be said to speak: as at the controller.
  static let declarable: [EndpointProtocol] = [.http1, .http2, .tcp, .thrift, .mux, .thriftmux]

  /// Set when it takes calls and nothing else.
  var calls: CallProtocol? {
    switch self {
    case .thrift: .thrift
    case .mux: .mux
    case .thriftmux: .thriftMux
    case .automatic, .http1, .http2, .tcp: nil
    }
  }
}

/// The state of one concrete name (`/#/registry/users-v1`), immutable; a later one replaces it.
public final class EndpointSet: Sendable {
  /// The whole concrete name that was asked for.
  public let name: Path
  /// Grows with each change at its source; comparable only for one name.
  public let version: UInt64
  /// Whether the name is bound. `pending` and `failed` never replace `bound` (the replica sees to it).
  public let state: NameState
  /// The part of `name` that the namer took, as text.
  public let id: String
  /// What is left of `name` after `id`.
  public let residual: Path
  /// In the order of their addresses.
  public let endpoints: [Endpoint]
  /// What the service declares to speak.
  public let serviceProtocol: EndpointProtocol
  /// Why the namer failed, when `state` is `failed`.
  public let reason: String
  /// When a controller last confirmed this, in wall-clock milliseconds since 1970. Older than now when read from disk.
  public let confirmed: Int64

  /// Makes a state.
  public init(
    name: Path, version: UInt64, state: NameState, id: String = "", residual: Path = Path(segments: []),
    endpoints: [Endpoint] = [], serviceProtocol: EndpointProtocol = .automatic, reason: String = "",
    confirmed: Int64 = 0
  ) {
    self.name = name
    self.version = version
    self.state = state
    self.id = id
    self.residual = residual
    self.endpoints = endpoints
    self.serviceProtocol = serviceProtocol
    self.reason = reason
    self.confirmed = confirmed
  }
}
