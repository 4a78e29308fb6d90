import Discovery
import Memory
import MeshProtocol

/// All names that are watched, and which of them a change of a service or of a namer's name concerns.
struct EndpointWatches {
  /// Names are read in the namespace of the proxy that asks.
  struct Key: Hashable {
    let namespace: String
    let name: String
    /// For proxies that are told where endpoints take mutual TLS, and as whom.
    let isIdentified: Bool

    init(namespace: String, name: String, isIdentified: Bool = false) {
      (self.namespace, self.name, self.isIdentified) = (namespace, name, isIdentified)
    }
  }

  var claims = InboundClaims()
  /// Grows with each change of a claim, and beyond what an earlier run of this controller told.
  private var generation: UInt64
  private var claimed: [Key: ClaimedEndpoints] = [:]
  /// Which identified names have an endpoint at an address.
  private var places: [String: Set<Key>] = [:]

  private var watches: [Key: EndpointWatch] = [:]
  private var services: [RegistryService: Set<Key>] = [:]
  private var discovered: [Path: Set<Key>] = [:]

  init(generation: UInt64 = 0) { self.generation = generation }

  var count: Int { watches.count }

  func contains(_ key: Key) -> Bool { watches[key] != nil }

  /// Adds a watcher; the first one of a name asks whoever answers for it.
  mutating func add(
    _ watcher: Handle, _ key: Key, limits: StreamLimits, source: any MeshSource, names: any NameSource
  ) {
    if watches[key] == nil {
      let target = ConcreteName(key.name, askedFrom: key.namespace, claims: names.claims)
      let plain = begin(key, target, source, names)
      watches[key] = EndpointWatch(
        name: key.name, target: target, current: key.isIdentified ? claim(key, plain) : plain, limits: limits)
    }
    watches[key]?.watchers.insert(watcher)
  }

  private mutating func begin(
    _ key: Key, _ target: ConcreteName, _ source: any MeshSource, _ names: any NameSource
  ) -> NamedEndpoints {
    switch target {
    case .registry(let name):
      services[name.service, default: []].insert(key)
      return NamedEndpoints(name, source.endpoints(name.service.namespace, name.service.service))
    case .discovered(let path):
      let known = discovered[path]?.first.flatMap { plain($0) }
      discovered[path, default: []].insert(key)
      // What is told of the path from now on reaches every key of it, so one `want` does for all.
      if known == nil { names.want(path) }
      return known ?? NamedEndpoints(.pending)
    case .unknown(let reason): return NamedEndpoints(.negative, because: reason)
    }
  }

  /// Takes a watcher away; a name without watchers is forgotten.
  mutating func remove(_ watcher: Handle, _ key: Key, names: any NameSource) {
    watches[key]?.watchers.remove(watcher)
    guard let watch = watches[key], watch.watchers.isEmpty else { return }
    watches[key] = nil
    if let endpoints = claimed.removeValue(forKey: key)?.plain.endpoints {
      for address in endpoints.keys { Self.drop(key, from: &places, at: address) }
    }
    switch watch.target {
    case .registry(let name): Self.drop(key, from: &services, at: name.service)
    case .discovered(let path):
      Self.drop(key, from: &discovered, at: path)
      if discovered[path] == nil { names.release(path) }
    case .unknown: break
    }
  }

  private static func drop<Name>(_ key: Key, from keys: inout [Name: Set<Key>], at name: Name) {
    keys[name]?.remove(key)
    if keys[name]?.isEmpty == true { keys[name] = nil }
  }

  /// Takes a service's newer state and calls `stale` with each watcher of each name that it concerns.
  mutating func advance(_ endpoints: ServiceEndpoints, stale: (Handle, String) -> Void) {
    let service = RegistryService(namespace: endpoints.namespace, service: endpoints.service)
    for key in services[service] ?? [] {
      guard case .registry(let name)? = watches[key]?.target else { continue }
      advance(key, NamedEndpoints(name, endpoints), stale)
    }
  }

  /// The same for a namer's name.
  mutating func advance(_ name: DiscoveredName, stale: (Handle, String) -> Void) {
    guard let keys = discovered[name.name], let first = keys.first else { return }
    let newer = NamedEndpoints(name, after: plain(first))
    for key in keys { advance(key, newer, stale) }
  }

  private mutating func advance(_ key: Key, _ newer: NamedEndpoints, _ stale: (Handle, String) -> Void) {
    let told = key.isIdentified ? claim(key, newer) : newer
    guard watches[key]?.advance(told) == true else { return }
    for watcher in watches[key]?.watchers ?? [] { stale(watcher, key.name) }
  }

  // MARK: claims

  /// The state without claims, as its source tells it.
  private func plain(_ key: Key) -> NamedEndpoints? { claimed[key]?.plain ?? watches[key]?.current }

  /// A source's newer state, with the claims.
  private mutating func claim(_ key: Key, _ newer: NamedEndpoints) -> NamedEndpoints {
    let before = claimed[key]?.plain.endpoints ?? [:]
    var endpoints = claimed[key] ?? ClaimedEndpoints(newer, claims, generation: generation)
    guard endpoints.advance(newer, claims) || claimed[key] == nil else { return endpoints.told }
    claimed[key] = endpoints
    for address in before.keys where newer.endpoints[address] == nil { Self.drop(key, from: &places, at: address) }
    for address in newer.endpoints.keys where before[address] == nil { places[address, default: []].insert(key) }
    return endpoints.told
  }

  /// Claims of these addresses have changed: calls `stale` with each watcher of each name that it concerns.
  mutating func claimsChanged(_ addresses: Set<String>, at milliseconds: UInt64, stale: (Handle, String) -> Void) {
    var concerned: [Key: [String]] = [:]
    for address in addresses { for key in places[address] ?? [] { concerned[key, default: []].append(address) } }
    if concerned.isEmpty { return }
    generation = max(generation + 1, milliseconds)
    for (key, addresses) in concerned {
      claimed[key]?.claimsChanged(addresses, claims, generation: generation)
      guard let told = claimed[key]?.told, watches[key]?.advance(told) == true else { continue }
      for watcher in watches[key]?.watchers ?? [] { stale(watcher, key.name) }
    }
  }

  /// The message that brings a watcher up to date, and what it holds then. Nil: nobody watches the name.
  mutating func message(_ key: Key, from held: ToldEndpoints?) -> (framed: [UInt8], told: ToldEndpoints?)? {
    guard let framed = watches[key]?.message(from: held) else { return nil }
    return (framed, watches[key]?.told)
  }
}
