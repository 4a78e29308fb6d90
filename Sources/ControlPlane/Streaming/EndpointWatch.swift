import Memory
import MeshProtocol

/// What a proxy was last told about a name, or says that it holds.
struct ToldEndpoints: Hashable, Sendable {
  var version: UInt64
  var hash: SetHash
}

/// One concrete name of one namespace, for all proxies that watch it: the newest state, some older ones to step from,
/// and the messages, each encoded once.
struct EndpointWatch {
  /// As subscribed.
  let name: String
  let target: ConcreteName
  private(set) var current: ServiceEndpoints?
  var watchers: Set<Handle> = []
  private var older: [ServiceEndpoints] = []
  private var full: [UInt8]?
  private var steps: [ToldEndpoints: [UInt8]] = [:]
  private let limits: StreamLimits

  init(name: String, target: ConcreteName, current: ServiceEndpoints?, limits: StreamLimits) {
    self.name = name
    self.target = target
    self.current = current
    self.limits = limits
  }

  /// What a proxy that has the newest message holds. Nil: nothing to step from.
  var told: ToldEndpoints? {
    guard let current, current.exists, !isTooLarge else { return nil }
    return ToldEndpoints(version: current.version, hash: current.setHash)
  }

  /// Takes a newer state. False: it is not newer.
  mutating func advance(_ endpoints: ServiceEndpoints) -> Bool {
    if let current {
      guard endpoints.version > current.version else { return false }
      older.append(current)
      if older.count > limits.rememberedVersions { older.removeFirst() }
    }
    current = endpoints
    full = nil
    steps = [:]
    return true
  }

  /// What brings a proxy from `held` to the newest state, framed: a step where one is possible, else everything.
  mutating func message(from held: ToldEndpoints?) -> [UInt8] {
    if let held, let step = step(from: held) { return step }
    if let full { return full }
    let message = Heddle_Mesh_V1_ControlMessage.framed(.endpoints(whole()))
    full = message
    return message
  }

  // MARK: encoding

  private var isTooLarge: Bool {
    guard let current, current.endpoints.count > 1000 else { return false }
    return current.endpoints.values.reduce(0) { $0 + $1.bytes.count + 4 } > limits.endpointBytes
  }

  private func whole() -> Heddle_Mesh_V1_Endpoints {
    var message = Heddle_Mesh_V1_Endpoints()
    message.name = name
    message.full = true
    guard case .registry(let registry) = target, let current else {
      if case .unknown(let reason) = target { message.reason = reason }
      message.state = .negative
      return message
    }
    message.version = current.version
    guard current.exists else {
      message.state = .negative
      message.reason = "no service \(registry.service.service) in namespace \(registry.service.namespace)"
      return message
    }
    guard !isTooLarge else {
      message.state = .failed
      message.reason = "its \(current.endpoints.count) endpoints do not fit in a message"
      return message
    }
    fill(&message, registry, current)
    message.adds = current.endpoints.values.map { .init($0.bytes) }
    return message
  }

  private mutating func step(from held: ToldEndpoints) -> [UInt8]? {
    if let step = steps[held] { return step }
    guard case .registry(let registry) = target, let current, current.exists, !isTooLarge,
      let base = ([current] + older).first(where: { $0.version == held.version }), base.exists,
      base.setHash == held.hash
    else { return nil }
    var message = Heddle_Mesh_V1_Endpoints()
    message.name = name
    message.base = base.version
    fill(&message, registry, current)
    if base.version != current.version {
      message.adds = current.endpoints.values.filter { base.endpoints[$0.address]?.hash != $0.hash }.map {
        .init($0.bytes)
      }
      message.removes = base.endpoints.keys.filter { current.endpoints[$0] == nil }
    }
    let framed = Heddle_Mesh_V1_ControlMessage.framed(.endpoints(message))
    guard framed.count <= MeshLimits.message else { return nil }
    steps[held] = framed
    return framed
  }

  private func fill(
    _ message: inout Heddle_Mesh_V1_Endpoints, _ registry: ConcreteName.RegistryName, _ endpoints: ServiceEndpoints
  ) {
    message.version = endpoints.version
    message.state = .bound
    message.setHash = .init(endpoints.setHash.bytes)
    message.id = registry.id
    message.residual = registry.residual
    message.protocol =
      switch endpoints.protocol {
      case .http1: .http1
      case .http2: .http2
      case .tcp: .tcp
      case nil: .unspecified
      }
  }
}

/// All names that are watched, and which of them a change of a service concerns.
struct EndpointWatches {
  /// Names are read in the namespace of the proxy that asks.
  struct Key: Hashable {
    let namespace: String
    let name: String
  }

  private var watches: [Key: EndpointWatch] = [:]
  private var names: [RegistryService: Set<Key>] = [:]

  var count: Int { watches.count }

  func contains(_ key: Key) -> Bool { watches[key] != nil }

  /// Adds a watcher; the first one of a name asks `current` for its state.
  mutating func add(
    _ watcher: Handle, _ key: Key, limits: StreamLimits, current: (RegistryService) -> ServiceEndpoints
  ) {
    if watches[key] == nil {
      let target = ConcreteName(key.name, askedFrom: key.namespace)
      var endpoints: ServiceEndpoints?
      if case .registry(let registry) = target {
        names[registry.service, default: []].insert(key)
        endpoints = current(registry.service)
      }
      watches[key] = EndpointWatch(name: key.name, target: target, current: endpoints, limits: limits)
    }
    watches[key]?.watchers.insert(watcher)
  }

  /// Takes a watcher away; a name without watchers is forgotten.
  mutating func remove(_ watcher: Handle, _ key: Key) {
    watches[key]?.watchers.remove(watcher)
    guard let watch = watches[key], watch.watchers.isEmpty else { return }
    watches[key] = nil
    guard case .registry(let registry) = watch.target else { return }
    names[registry.service]?.remove(key)
    if names[registry.service]?.isEmpty == true { names[registry.service] = nil }
  }

  /// Takes a service's newer state and calls `stale` with each watcher of each name that it concerns.
  mutating func advance(_ endpoints: ServiceEndpoints, stale: (Handle, String) -> Void) {
    let service = RegistryService(namespace: endpoints.namespace, service: endpoints.service)
    for key in names[service] ?? [] where watches[key]?.advance(endpoints) == true {
      for watcher in watches[key]?.watchers ?? [] { stale(watcher, key.name) }
    }
  }

  /// The message that brings a watcher up to date, and what it holds then. Nil: nobody watches the name.
  mutating func message(_ key: Key, from held: ToldEndpoints?) -> (framed: [UInt8], told: ToldEndpoints?)? {
    guard let framed = watches[key]?.message(from: held) else { return nil }
    return (framed, watches[key]?.told)
  }
}
