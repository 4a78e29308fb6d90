import Discovery
import MeshProtocol
import SystemIO
import Traffic

extension EndpointSet {
  /// What a namer of this proxy found, as workers use it. `confirmed` is wall-clock milliseconds.
  convenience init(_ found: DiscoveredName, confirmed: Int64) {
    self.init(
      name: found.name, version: found.version, state: NameState(found.state), id: found.id.description,
      residual: found.residual, endpoints: found.endpoints.compactMap(Endpoint.init),
      serviceProtocol: EndpointProtocol(found.serviceProtocol), reason: found.reason, confirmed: confirmed)
  }
}

extension Endpoint {
  /// Nil never happens: discovery leaves out what has no numeric address.
  fileprivate init?(_ found: FoundEndpoint) {
    guard let address = SocketAddress(found.address) else { return nil }
    self.init(
      address: address, text: found.address, weight: found.weight, zone: found.zone,
      authority: found.metadata["authority"])
  }
}

extension NameState {
  fileprivate init(_ found: DiscoveredName.State) {
    switch found {
    case .pending: self = .pending
    case .negative: self = .negative
    case .bound: self = .bound
    case .failed: self = .failed
    }
  }
}

extension EndpointProtocol {
  fileprivate init(_ found: FoundProtocol?) {
    switch found {
    case .http1: self = .http1
    case .http2: self = .http2
    case .tcp: self = .tcp
    case .thrift: self = .thrift
    case .mux: self = .mux
    case .thriftmux: self = .thriftmux
    case nil: self = .automatic
    }
  }
}
