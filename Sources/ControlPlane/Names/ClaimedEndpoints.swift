import HashTreeCollections
import MeshProtocol

/// A name's endpoints together with what proxies claim of them: what is told to proxies that take identities.
///
/// Its version is the source's and the claims' together, so that it grows with either.
struct ClaimedEndpoints {
  /// As the source tells it.
  private(set) var plain = NamedEndpoints(.pending)
  private(set) var told = NamedEndpoints(.pending)
  private var generation: UInt64

  /// - Parameter generation: grows with the claims, and beyond what an earlier run told.
  init(_ plain: NamedEndpoints, _ claims: InboundClaims, generation: UInt64) {
    self.generation = generation
    take(plain, claims)
  }

  /// Takes the source's newer state. False: it is not newer.
  mutating func advance(_ newer: NamedEndpoints, _ claims: InboundClaims) -> Bool {
    guard newer.version > plain.version else { return false }
    take(newer, claims)
    return true
  }

  private mutating func take(_ newer: NamedEndpoints, _ claims: InboundClaims) {
    var (endpoints, hash) = (told.endpoints, told.setHash)
    for gone in plain.endpoints.keys where newer.endpoints[gone] == nil {
      if let old = endpoints.removeValue(forKey: gone) { hash.remove(old.hash) }
    }
    for (address, endpoint) in newer.endpoints where plain.endpoints[address]?.hash != endpoint.hash {
      Self.set(endpoint.claimed(claims[address]), &endpoints, &hash)
    }
    plain = newer
    tell(endpoints, hash)
  }

  /// The claims of these addresses are others.
  mutating func claimsChanged(_ addresses: [String], _ claims: InboundClaims, generation: UInt64) {
    self.generation = generation
    var (endpoints, hash) = (told.endpoints, told.setHash)
    for address in addresses {
      if let endpoint = plain.endpoints[address] { Self.set(endpoint.claimed(claims[address]), &endpoints, &hash) }
    }
    tell(endpoints, hash)
  }

  private static func set(
    _ endpoint: EncodedEndpoint, _ endpoints: inout TreeDictionary<String, EncodedEndpoint>, _ hash: inout SetHash
  ) {
    if let old = endpoints.updateValue(endpoint, forKey: endpoint.address) { hash.remove(old.hash) }
    hash.insert(endpoint.hash)
  }

  private mutating func tell(_ endpoints: TreeDictionary<String, EncodedEndpoint>, _ hash: SetHash) {
    told = NamedEndpoints(
      state: plain.state, reason: plain.reason, version: plain.version == 0 ? 0 : plain.version &+ generation,
      id: plain.id,
      residual: plain.residual, protocol: plain.protocol, endpoints: endpoints, setHash: hash)
  }
}

extension EncodedEndpoint {
  /// The endpoint with where its proxy takes mutual TLS for it, and as whom.
  func claimed(_ claim: InboundClaims.Claim?) -> EncodedEndpoint {
    guard let claim else { return self }
    var claimed = Heddle_Mesh_V1_Endpoint()
    claimed.meshPort = claim.port
    claimed.meshIdentity = claim.identity
    // Fields of one message may follow each other in any number of pieces (protobuf.dev, "Encoding", "Last One Wins").
    let bytes = self.bytes + claimed.encodedBytes()
    return EncodedEndpoint(address: address, bytes: bytes, hash: SetHash(of: bytes))
  }
}
