import HashTreeCollections
import JSONFormat
import MeshProtocol

/// Something that is not wrong and yet worth a look.
struct Warning: Sendable, Equatable {
  let code: String
  let detail: String
  /// What it is about, where that is one resource.
  var key: DocumentKey?
  /// Where in the resource's destination, as bytes from its start in the form that answers show.
  var offset: Int?

  var json: JSON {
    var members: [JSON.Member] = [
      .init(name: "code", value: .string(code)), .init(name: "detail", value: .string(detail)),
    ]
    if let key {
      members += [
        .init(name: "kind", value: .string(key.kind.rawValue)), .init(name: "name", value: .string(key.name)),
      ]
    }
    if let offset { members.append(.init(name: "offset", value: JSON(offset))) }
    return .object(members)
  }
}

/// What a write is checked against beside the store.
struct Surroundings: Sendable {
  var proxies = ProxyCensus()
  /// Whether a namer beside the registry answers names such as this one.
  var hasNamer: @Sendable (Path) -> Bool = { _ in false }
}

/// One write in the making: a namespace's state with what it would become. Nothing is stored by it.
struct Edit: Sendable {
  let base: NamespaceState
  private(set) var state: NamespaceState
  /// What the caller overrides: the protection of connected proxies.
  let isForced: Bool
  let surroundings: Surroundings
  var warnings: [Warning] = []
  /// Never to be held back by anything on its way to the proxies.
  var isUrgent = false

  private var touched: [DocumentKey] = []
  private var touchedSet: Set<DocumentKey> = []
  private(set) var registry: [String: RegistryTouch] = [:]
  /// Leased endpoints that this write registers or renews, also where nothing else changed.
  private(set) var leases: [LeaseKey: Duration] = [:]

  /// What happened to one service's stored rows.
  struct RegistryTouch: Sendable {
    var addresses: Set<String> = []
    /// All its rows go before the touched ones are written.
    var wasRemoved = false
  }

  init(_ base: NamespaceState, isForced: Bool, surroundings: Surroundings) {
    self.base = base
    self.isForced = isForced
    self.surroundings = surroundings
    state = base
  }

  /// The revision that this write makes, if it changes configuration.
  var nextRevision: UInt64 { base.revision + 1 }

  /// What differs between before and after, in the order it was touched.
  var changes: [DocumentChange] {
    touched.compactMap { key in
      let (before, after) = (base[key], state[key])
      return before?.body == after?.body ? nil : DocumentChange(key: key, before: before, after: after)
    }
  }

  /// Whether it moves the revision.
  var changesConfiguration: Bool { base.isPresent != state.isPresent || !changes.isEmpty }
}

// MARK: configuration

extension Edit {
  mutating func makeNamespace() { state.isPresent = true }

  mutating func put(_ kind: DocumentKey.Kind, _ name: String, _ body: Document.Body) {
    let key = DocumentKey(kind: kind, name: name)
    if state[key]?.body == body { return }
    // Back to what it was: then it is also as old as it was.
    let old = base[key].flatMap { $0.body == body ? $0 : nil }
    set(key, to: old ?? Document(key: key, revision: nextRevision, body: body))
  }

  mutating func remove(_ kind: DocumentKey.Kind, _ name: String) { set(DocumentKey(kind: kind, name: name), to: nil) }

  private mutating func set(_ key: DocumentKey, to document: Document?) {
    if touchedSet.insert(key).inserted { touched.append(key) }
    state.set(key, to: document)
  }

  /// The state becomes that of the next revision.
  mutating func stamp(at now: WallTime) {
    state.revision = nextRevision
    state.committedAt = now
  }

  mutating func nextRuleID() -> String {
    state.lastRule += 1
    return "r-\(state.lastRule)"
  }

  /// Takes everything away. The revision and the numbers of rules count on, should the namespace be made again.
  mutating func removeNamespace() {
    for key in state.keys { set(key, to: nil) }
    for service in Array(state.services.keys) { dropService(service) }
    state.isPresent = false
  }
}

// MARK: registry

extension Edit {
  /// Makes the service if it is not there. Its version moves, so that proxies hear of its protocol.
  mutating func touchService(_ name: String) {
    let service = state.services[name] ?? Service(name: name, version: 0)
    keep(service)
  }

  mutating func register(_ endpoint: Endpoint, in name: String) throws(Problem) {
    var service = state.services[name] ?? Service(name: name, version: 0)
    if let ttl = endpoint.ttl { leases[LeaseKey(namespace: base.name, service: name, address: endpoint.address)] = ttl }
    if service.endpoints[endpoint.address] == endpoint { return }
    guard service.endpoints[endpoint.address] != nil || service.endpoints.count < Service.mostEndpoints else {
      throw .impossible("Service \(name) has \(Service.mostEndpoints) endpoints, the most that one may have.")
    }
    service.set(endpoint.address, to: endpoint)
    keep(service)
    registry[name]?.addresses.insert(endpoint.address)
  }

  /// False when there is no such endpoint.
  mutating func unregister(_ address: String, from name: String) -> Bool {
    guard var service = state.services[name], service.endpoints[address] != nil else { return false }
    service.set(address, to: nil)
    keep(service)
    registry[name]?.addresses.insert(address)
    return true
  }

  /// Makes `endpoints` the static ones of a service; leased ones stay unless an address is now static.
  mutating func replaceStatic(_ endpoints: [Endpoint], in name: String) throws(Problem) {
    let wanted = Set(endpoints.map(\.address))
    let gone = (state.services[name]?.endpoints ?? [:]).values.filter { $0.ttl == nil && !wanted.contains($0.address) }
    for endpoint in gone { _ = unregister(endpoint.address, from: name) }
    for endpoint in endpoints { try register(endpoint, in: name) }
  }

  mutating func dropService(_ name: String) {
    guard state.services[name] != nil else { return }
    state.services[name] = nil
    state.endpointsVersion = base.endpointsVersion + 1
    registry[name] = RegistryTouch(wasRemoved: true)
  }

  private mutating func keep(_ service: Service) {
    var service = service
    state.endpointsVersion = base.endpointsVersion + 1
    service.version = state.endpointsVersion
    state.services[service.name] = service
    registry[service.name, default: RegistryTouch()].addresses.formUnion([])
  }
}
