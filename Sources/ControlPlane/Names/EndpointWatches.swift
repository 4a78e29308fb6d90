import Discovery
import Memory
import MeshProtocol

/// All names that are watched, and which of them a change of a service or of a namer's name concerns.
struct EndpointWatches {
  /// Names are read in the namespace of the proxy that asks.
  struct Key: Hashable {
    let namespace: String
    let name: String
  }

  private var watches: [Key: EndpointWatch] = [:]
  private var services: [RegistryService: Set<Key>] = [:]
  private var discovered: [Path: Set<Key>] = [:]

  var count: Int { watches.count }

  func contains(_ key: Key) -> Bool { watches[key] != nil }

  /// Adds a watcher; the first one of a name asks whoever answers for it.
  mutating func add(
    _ watcher: Handle, _ key: Key, limits: StreamLimits, source: any MeshSource, names: any NameSource
  ) {
    if watches[key] == nil {
      let target = ConcreteName(key.name, askedFrom: key.namespace, claims: names.claims)
      let current = begin(key, target, source, names)
      watches[key] = EndpointWatch(name: key.name, target: target, current: current, limits: limits)
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
      let known = discovered[path]?.first.flatMap { watches[$0]?.current }
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
    let newer = NamedEndpoints(name, after: watches[first]?.current)
    for key in keys { advance(key, newer, stale) }
  }

  private mutating func advance(_ key: Key, _ newer: NamedEndpoints, _ stale: (Handle, String) -> Void) {
    guard watches[key]?.advance(newer) == true else { return }
    for watcher in watches[key]?.watchers ?? [] { stale(watcher, key.name) }
  }

  /// The message that brings a watcher up to date, and what it holds then. Nil: nobody watches the name.
  mutating func message(_ key: Key, from held: ToldEndpoints?) -> (framed: [UInt8], told: ToldEndpoints?)? {
    guard let framed = watches[key]?.message(from: held) else { return nil }
    return (framed, watches[key]?.told)
  }
}
