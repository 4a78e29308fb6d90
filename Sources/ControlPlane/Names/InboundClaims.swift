import MeshProtocol

/// Which proxies take mutual TLS for which applications, by the address of the application (`10.0.0.1:8080`). A change costs what
/// it changes.
struct InboundClaims {
  /// How an application is reached through its proxy.
  struct Claim: Hashable {
    let port: UInt32
    /// The SPIFFE ID that the proxy's certificate names.
    let identity: String
  }

  /// What one proxy takes.
  struct Inbound: Hashable {
    let host: String
    let identity: String
    /// By address.
    let claims: [String: Claim]

    /// Nil: it takes nothing, or does not show who it is.
    init?(_ hello: Heddle_Mesh_V1_Hello, _ peer: StreamPeer) {
      guard hello.hasInbound, let identity = peer.identity, !peer.host.isEmpty else { return nil }
      host = peer.host
      self.identity = identity.description
      let start = peer.host.contains(":") ? "[\(peer.host)]:" : "\(peer.host):"
      var claims: [String: Claim] = [:]
      for inbound in hello.inbounds {
        let claim = Claim(port: inbound.port, identity: self.identity)
        for port in inbound.applications where claims[start + String(port)] == nil {
          claims[start + String(port)] = claim
        }
      }
      self.claims = claims
    }

    var addresses: Set<String> { Set(claims.keys) }
    fileprivate var place: Place { Place(host: host, identity: identity) }
  }

  /// A proxy has new instance ids with each start: who comes back is known by host and identity.
  fileprivate struct Place: Hashable {
    let host: String
    let identity: String
  }

  private var inbounds: [String: Inbound] = [:]
  /// By address, who claims it, the newest last.
  private var claimants: [String: [String]] = [:]
  /// Those that claim and are not connected.
  private var away: [Place: Set<String>] = [:]

  /// The claim that counts: the newest of the connected proxies', else the newest.
  subscript(address: String) -> Claim? {
    guard let claimants = claimants[address] else { return nil }
    let proxy = claimants.last { !isAway($0) } ?? claimants.last
    return proxy.flatMap { inbounds[$0]?.claims[address] }
  }

  /// What a proxy takes from now on; nil: nothing. What proxies that are gone have claimed for the same identity on the same host
  /// is over: it has started anew.
  /// - Returns: the addresses whose claim is another now.
  mutating func set(_ proxy: String, _ inbound: Inbound?, isConnected: Bool) -> Set<String> {
    guard let inbound else { return remove(proxy) }
    let place = inbound.place
    let replaced = (isConnected ? away[place] ?? [] : []).union([proxy])
    let concerned = replaced.reduce(into: inbound.addresses) { $0.formUnion(inbounds[$1]?.addresses ?? []) }
    return changes(of: concerned) { claims in
      for old in replaced { claims.drop(old) }
      claims.inbounds[proxy] = inbound
      for address in inbound.addresses { claims.claimants[address, default: []].append(proxy) }
      if !isConnected { claims.away[place, default: []].insert(proxy) }
    }
  }

  /// A proxy's stream is over.
  mutating func left(_ proxy: String) -> Set<String> {
    guard let inbound = inbounds[proxy] else { return [] }
    let place = inbound.place
    return changes(of: inbound.addresses) { $0.away[place, default: []].insert(proxy) }
  }

  mutating func remove(_ proxy: String) -> Set<String> {
    guard let inbound = inbounds[proxy] else { return [] }
    return changes(of: inbound.addresses) { $0.drop(proxy) }
  }

  private mutating func changes(of addresses: Set<String>, _ change: (inout Self) -> Void) -> Set<String> {
    let before = addresses.map { ($0, self[$0]) }
    change(&self)
    return Set(before.filter { self[$0.0] != $0.1 }.map(\.0))
  }

  private mutating func drop(_ proxy: String) {
    guard let inbound = inbounds.removeValue(forKey: proxy) else { return }
    for address in inbound.addresses {
      claimants[address]?.removeAll { $0 == proxy }
      if claimants[address]?.isEmpty == true { claimants[address] = nil }
    }
    let place = inbound.place
    away[place]?.remove(proxy)
    if away[place]?.isEmpty == true { away[place] = nil }
  }

  private func isAway(_ proxy: String) -> Bool {
    guard let inbound = inbounds[proxy] else { return true }
    return away[inbound.place]?.contains(proxy) == true
  }
}

extension Heddle_Mesh_V1_Hello {
  /// Every port where the proxy takes mutual TLS.
  var inbounds: [Heddle_Mesh_V1_Inbound] { hasInbound ? [inbound] + moreInbounds : [] }
}
