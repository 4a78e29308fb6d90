/// A resource of the configuration, read and checked.
public struct ConfigurationResource: Sendable {
  public let identity: ResourceIdentity
  /// The revision that made it what it is.
  public let revision: UInt64
  public let body: Body

  public enum Body: Sendable {
    case rule(RuleResource)
    case split(SplitResource)
    case route(HTTPRoute)
    case authorization(Authorization)
  }
}

/// A dentry with an id.
public struct RuleResource: Sendable {
  public let dentry: Dentry
  /// Bytewise order among rules.
  public let sortKey: [UInt8]
}

/// `prefix => w1*d1 & w2*d2`, after all rules.
public struct SplitResource: Sendable {
  public let prefix: Prefix
  /// In the order of the union's branches; names are unique.
  public let backends: [SplitBackend]
  public let onUnbound: OnUnbound

  /// The split as a dentry, one branch for each backend, also for those of weight 0.
  public var dentry: Dentry {
    let branches = backends.map { Weighted(weight: Weight($0.weight), tree: $0.destination) }
    return Dentry(prefix: prefix, destination: .union(branches))
  }
}

public struct SplitBackend: Sendable {
  public let name: String
  public let destination: NameTree<Path>
  /// 0 to 1 000 000, relative to the others.
  public let weight: UInt32
}

/// Limits of what a resource may hold.
public enum ResourceLimits {
  /// Greatest weight of a backend (contract.md, section 2).
  public static let weight: UInt32 = 1_000_000
  /// Bytes of a rule id or split name.
  public static let name = 253
  /// Bytes of a sort key.
  public static let sortKey = 256
  /// Backends of one split.
  public static let backends = 1000
}

extension ConfigurationResource {
  /// Reads an encoded `Resource`.
  public init(decoding bytes: [UInt8]) throws(ResourceFault) {
    let wire: Heddle_Mesh_V1_Resource
    do { wire = try Heddle_Mesh_V1_Resource(serializedBytes: bytes) } catch {
      throw ResourceFault(identity: nil, message: "is not an encoded Resource")
    }
    identity = ResourceIdentity(wire.key)
    revision = wire.revision
    guard !identity.name.isEmpty, identity.name.utf8.count <= ResourceLimits.name else {
      throw ResourceFault(identity: identity, message: "its name is not 1 to \(ResourceLimits.name) bytes long")
    }
    switch (identity.kind, wire.body) {
    case (.rule, .rule(let rule)): body = .rule(try RuleResource(rule, identity))
    case (.split, .split(let split)): body = .split(try SplitResource(split, identity))
    case (.route, .route(let bytes)): body = .route(try HTTPRoute(decoding: bytes, identity))
    case (.authorization, .authorization(let bytes)):
      body = .authorization(try Authorization(decoding: bytes, identity))
    default: throw ResourceFault(identity: identity, message: "is of a kind that this version does not know")
    }
  }
}

extension RuleResource {
  init(_ wire: Heddle_Mesh_V1_Rule, _ identity: ResourceIdentity) throws(ResourceFault) {
    guard wire.sortKey.count <= ResourceLimits.sortKey else {
      throw ResourceFault(identity: identity, message: "its sort key is longer than \(ResourceLimits.sortKey) bytes")
    }
    dentry = Dentry(
      prefix: try parse(wire.prefix, "its prefix", identity, Prefix.init(parsing:)),
      destination: try parse(wire.destination, "its destination", identity, NameTree<Path>.init(parsing:)))
    sortKey = Array(wire.sortKey)
  }
}

extension SplitResource {
  init(_ wire: Heddle_Mesh_V1_Split, _ identity: ResourceIdentity) throws(ResourceFault) {
    guard !wire.backends.isEmpty, wire.backends.count <= ResourceLimits.backends else {
      throw ResourceFault(identity: identity, message: "has not 1 to \(ResourceLimits.backends) backends")
    }
    guard let onUnbound = wire.onUnbound.isEmpty ? .guard : OnUnbound(rawValue: wire.onUnbound) else {
      throw ResourceFault(identity: identity, message: "its on_unbound is not guard, redistribute or fail")
    }
    prefix = try parse(wire.prefix, "its prefix", identity, Prefix.init(parsing:))
    self.onUnbound = onUnbound
    var names: Set<String> = []
    var backends: [SplitBackend] = []
    for backend in wire.backends {
      guard names.insert(backend.name).inserted else {
        throw ResourceFault(identity: identity, message: "has two backends named \(backend.name)")
      }
      backends.append(try SplitBackend(backend, identity))
    }
    self.backends = backends
  }
}

extension SplitBackend {
  init(_ wire: Heddle_Mesh_V1_Backend, _ identity: ResourceIdentity) throws(ResourceFault) {
    guard wire.weight <= ResourceLimits.weight else {
      throw ResourceFault(identity: identity, message: "backend \(wire.name) weighs over \(ResourceLimits.weight)")
    }
    name = wire.name
    destination = try parse(wire.destination, "backend \(wire.name)", identity, NameTree<Path>.init(parsing:))
    weight = wire.weight
  }
}

private func parse<Value>(
  _ text: String, _ what: String, _ identity: ResourceIdentity, _ read: (String) throws(NamingError) -> Value
) throws(ResourceFault) -> Value {
  do {
    return try read(text)
  } catch {
    throw ResourceFault(identity: identity, message: "\(what): \(error.message)")
  }
}
