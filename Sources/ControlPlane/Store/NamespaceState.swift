import HashTreeCollections
import MeshProtocol
import SystemIO
import Traffic

/// Everything the controller knows of one namespace at one moment. A value: the writer makes the next one from the
/// last, readers keep what they took. All tables share structure, so a change costs what it changes.
struct NamespaceState: Sendable {
  let name: String
  let epoch: [UInt8]
  /// False before it is made and after it is deleted.
  var isPresent: Bool
  var revision: UInt64
  /// Number of the last rule id given out.
  var lastRule: UInt64
  /// Version of the last change of any service's endpoints.
  var endpointsVersion: UInt64
  var committedAt: WallTime
  var services: TreeDictionary<String, Service> = [:]

  private(set) var rules: TreeDictionary<String, Document> = [:]
  private(set) var splits: TreeDictionary<String, Document> = [:]
  private(set) var routes: TreeDictionary<String, Document> = [:]
  private(set) var authorizations: TreeDictionary<String, Document> = [:]
  private(set) var serviceFields: TreeDictionary<String, Document> = [:]
  /// Rule ids in order.
  private(set) var sequence = RuleSequence()
  private(set) var splitByPrefix: TreeDictionary<Prefix, String> = [:]
  /// For `resolve` and for the checks at writing.
  private(set) var index = RuleIndex()
  /// Which routes match what, for the warnings.
  private(set) var routeShapes = RouteShapes()
  private(set) var encoded: TreeDictionary<ResourceKey, EncodedResource> = [:]
  private(set) var hash = SetHash.empty
  /// What stood in the store when it was opened: the revision then, and the hash that it was committed with, if that is known.
  private var loaded: (revision: UInt64, hash: SetHash?)?

  init(
    name: String, epoch: [UInt8], isPresent: Bool, revision: UInt64, lastRule: UInt64, endpointsVersion: UInt64,
    committedAt: WallTime
  ) {
    self.name = name
    self.epoch = epoch
    self.isPresent = isPresent
    self.revision = revision
    self.lastRule = lastRule
    self.endpointsVersion = endpointsVersion
    self.committedAt = committedAt
  }

  /// Notes that this was read from the store, where its revision has this hash.
  mutating func loaded(committedHash: SetHash?) { loaded = (revision, committedHash) }

  /// The hash with which the newest revision was committed; nil when that is not known. It differs from `hash` when an earlier
  /// program encoded the same resources in another way.
  var committedHash: SetHash? {
    guard let loaded, loaded.revision == revision else { return hash }
    return loaded.hash
  }

  /// Whether a proxy that holds the newest revision may hold it with this hash.
  func mayHave(_ other: SetHash) -> Bool {
    guard let committedHash else { return true }
    return other == hash || other == committedHash
  }

  /// One that never was.
  static func absent(_ name: String, epoch: [UInt8], now: WallTime) -> NamespaceState {
    NamespaceState(
      name: name, epoch: epoch, isPresent: false, revision: 0, lastRule: 0, endpointsVersion: 0, committedAt: now)
  }

  /// Without any rule and split, so that no request finds its way.
  var routesNothing: Bool { rules.isEmpty && splits.isEmpty }

  subscript(key: DocumentKey) -> Document? {
    switch key.kind {
    case .rule: rules[key.name]
    case .split: splits[key.name]
    case .route: routes[key.name]
    case .authorization: authorizations[key.name]
    case .service: serviceFields[key.name]
    }
  }

  func rule(_ id: String) -> Rule? {
    if case .rule(let rule)? = rules[id]?.body { rule } else { nil }
  }

  func split(_ name: String) -> Split? {
    if case .split(let split)? = splits[name]?.body { split } else { nil }
  }

  func route(_ name: String) -> HTTPRoute? {
    if case .route(let route)? = routes[name]?.body { route } else { nil }
  }

  /// What proxies with the identity `target` are asked to hold to.
  func authorizationTable(for target: SPIFFEID) -> AuthorizationTable {
    let all = authorizations.compactMap { name, document -> (String, Authorization)? in
      if case .authorization(let authorization) = document.body { (name, authorization) } else { nil }
    }
    return AuthorizationTable(Dictionary(uniqueKeysWithValues: all), for: target)
  }

  func fields(_ service: String) -> ServiceFields {
    if case .service(let fields)? = serviceFields[service]?.body { fields } else { ServiceFields() }
  }

  func hasService(_ name: String) -> Bool { services[name] != nil || serviceFields[name] != nil }

  /// Keys of all documents, in the order of their kinds and names.
  var keys: [DocumentKey] {
    (rules.keys.map { DocumentKey(kind: .rule, name: $0) } + splits.keys.map { DocumentKey(kind: .split, name: $0) }
      + routes.keys.map { DocumentKey(kind: .route, name: $0) }
      + authorizations.keys.map { DocumentKey(kind: .authorization, name: $0) }
      + serviceFields.keys.map { DocumentKey(kind: .service, name: $0) }).sorted()
  }

  func snapshot(publishedAt: Instant) -> NamespaceSnapshot {
    NamespaceSnapshot(
      name: name, epoch: epoch, revision: revision, hash: hash, resources: encoded, committedAt: committedAt,
      publishedAt: publishedAt, exists: isPresent)
  }
}

// MARK: changing

extension NamespaceState {
  /// Puts or, with nil, removes one document, and keeps every table in step.
  mutating func set(_ key: DocumentKey, to document: Document?) {
    if let old = self[key] { unlink(old) }
    switch key.kind {
    case .rule: rules[key.name] = document
    case .split: splits[key.name] = document
    case .route: routes[key.name] = document
    case .authorization: authorizations[key.name] = document
    case .service: serviceFields[key.name] = document
    }
    if let document { link(document) }
  }

  private mutating func unlink(_ document: Document) {
    switch document.body {
    case .rule(let rule): sequence.remove(at: rule.place)
    case .split(let split): if splitByPrefix[split.prefix] == document.key.name { splitByPrefix[split.prefix] = nil }
    case .route(let route): routeShapes.remove(document.key.name, route)
    case .authorization, .service: break
    }
    if let key = document.ruleKey { index.remove(key) }
    if let key = document.resourceKey, let old = encoded.removeValue(forKey: key) { hash.remove(old.hash) }
  }

  private mutating func link(_ document: Document) {
    switch document.body {
    case .rule(let rule): sequence.insert(document.key.name, at: rule.place)
    case .split(let split): splitByPrefix[split.prefix] = document.key.name
    case .route(let route): routeShapes.insert(document.key.name, route)
    case .authorization, .service: break
    }
    if let entry = document.ruleEntry { index.insert(entry) }
    if let resource = document.encoded {
      encoded[resource.key] = resource
      hash.insert(resource.hash)
    }
  }
}
