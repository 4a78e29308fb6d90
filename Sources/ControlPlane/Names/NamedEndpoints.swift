import Discovery
import HashTreeCollections
import MeshProtocol

/// What proxies are told of one concrete name at one version, whoever answers for it: the registry, a namer, or nobody.
struct NamedEndpoints: Sendable {
  let state: DiscoveredName.State
  /// Why it is not bound, or not fresh. Empty when there is nothing to say.
  let reason: String
  /// Grows with every change of the name. 0: nobody has answered yet.
  let version: UInt64
  /// The part of the name that its source took.
  let id: String
  /// What is left, "/" for nothing.
  let residual: String
  let `protocol`: ServiceProtocol?
  /// By address; shares structure with the version before.
  let endpoints: TreeDictionary<String, EncodedEndpoint>
  /// Sum of the hashes of `endpoints`.
  let setHash: SetHash
}

extension NamedEndpoints {
  /// A name without endpoints.
  init(_ state: DiscoveredName.State, version: UInt64 = 0, because reason: String = "") {
    self.init(
      state: state, reason: reason, version: version, id: "", residual: "", protocol: nil, endpoints: [:],
      setHash: .empty)
  }

  /// A service of the registry.
  init(_ name: ConcreteName.RegistryName, _ service: ServiceEndpoints) {
    guard service.exists else {
      self.init(
        .negative, version: service.version,
        because: "no service \(name.service.service) in namespace \(name.service.namespace)")
      return
    }
    self.init(
      state: .bound, reason: "", version: service.version, id: name.id, residual: name.residual,
      protocol: service.protocol, endpoints: service.endpoints, setHash: service.setHash)
  }

  /// A namer's name. What did not change since `previous` is not encoded again.
  init(_ name: DiscoveredName, after previous: NamedEndpoints?) {
    guard name.state == .bound else {
      self.init(name.state, version: name.version, because: name.reason)
      return
    }
    let (endpoints, hash) = Self.encode(name.endpoints, after: previous)
    self.init(
      state: .bound, reason: name.reason, version: name.version, id: name.id.description,
      residual: name.residual.description, protocol: name.serviceProtocol.map(ServiceProtocol.init),
      endpoints: endpoints, setHash: hash)
  }

  private static func encode(
    _ found: [FoundEndpoint], after previous: NamedEndpoints?
  ) -> (TreeDictionary<String, EncodedEndpoint>, SetHash) {
    var endpoints = previous?.endpoints ?? [:]
    var hash = previous?.setHash ?? .empty
    let listed = Set(found.lazy.map(\.address))
    for gone in endpoints.keys.filter({ !listed.contains($0) }) {
      if let old = endpoints.removeValue(forKey: gone) { hash.remove(old.hash) }
    }
    for endpoint in found {
      let new = endpoint.encoded
      guard endpoints[endpoint.address]?.hash != new.hash else { continue }
      if let old = endpoints.updateValue(new, forKey: endpoint.address) { hash.remove(old.hash) }
      hash.insert(new.hash)
    }
    return (endpoints, hash)
  }
}

extension ServiceProtocol {
  init(_ found: FoundProtocol) {
    switch found {
    case .http1: self = .http1
    case .http2: self = .http2
    case .tcp: self = .tcp
    case .thrift: self = .thrift
    case .mux: self = .mux
    case .thriftmux: self = .thriftmux
    }
  }
}

extension FoundEndpoint {
  fileprivate var encoded: EncodedEndpoint {
    EncodedEndpoint(address: address, weight: weight, zone: zone, metadata: metadata)
  }
}

extension EncodedEndpoint {
  /// An endpoint as it travels: `heddle.mesh.v1.Endpoint`.
  init(address: String, weight: Double, zone: String, metadata: [String: String]) {
    var message = Heddle_Mesh_V1_Endpoint()
    message.address = address
    message.weight = weight
    message.zone = zone
    message.metadata = metadata
    let bytes = message.encodedBytes()
    self.init(address: address, bytes: bytes, hash: SetHash(of: bytes))
  }
}
