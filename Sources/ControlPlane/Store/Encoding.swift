import MeshProtocol
import Traffic

// What proxies get of a document, and what the interpreter makes of it here.

extension Document {
  /// nil for kinds that stay in the controller.
  var resourceKey: ResourceKey? {
    switch key.kind {
    case .rule: ResourceKey(kind: .rule, name: key.name)
    case .split: ResourceKey(kind: .split, name: key.name)
    case .route: ResourceKey(kind: .route, name: key.name)
    case .authorization: ResourceKey(kind: .authorization, name: key.name)
    case .service: nil
    }
  }

  /// A `heddle.mesh.v1.Resource`; nil for kinds that stay in the controller.
  var encoded: EncodedResource? {
    guard let resourceKey else { return nil }
    var message = Heddle_Mesh_V1_Resource()
    message.key.name = key.name
    message.revision = revision
    switch body {
    case .rule(let rule):
      message.key.kind = .rule
      message.rule.prefix = rule.prefix.description
      message.rule.destination = rule.destination.description
      message.rule.sortKey = .init(rule.place.bytes)
    case .split(let split):
      message.key.kind = .split
      message.split.prefix = split.prefix.description
      message.split.onUnbound = split.onUnbound?.rawValue ?? ""
      message.split.backends = split.backends.map(\.message)
    case .route(let route):
      message.key.kind = .route
      message.route = .init(route.wire.encodedBytes())
    case .authorization(let authorization):
      message.key.kind = .authorization
      message.authorization = .init(authorization.wire.encodedBytes())
    case .service: return nil
    }
    let bytes = message.encodedBytes()
    return EncodedResource(key: resourceKey, bytes: bytes, hash: SetHash(of: bytes))
  }

  /// The document as a rule of the delegation; nil for kinds that name nothing.
  var ruleEntry: RuleEntry? {
    switch body {
    case .rule(let rule):
      .rule(
        id: key.name, revision: revision, sortKey: rule.place.bytes,
        dentry: Dentry(prefix: rule.prefix, destination: rule.destination))
    case .split(let split):
      .split(
        name: key.name, revision: revision, prefix: split.prefix,
        backends: split.backends.map { ($0.name, Weighted(weight: Weight($0.weight), tree: $0.destination)) },
        onUnbound: split.onUnbound ?? .guard)
    case .route, .authorization, .service: nil
    }
  }

  var ruleKey: RuleKey? {
    switch key.kind {
    case .rule: .rule(key.name)
    case .split: .split(key.name)
    case .route, .authorization, .service: nil
    }
  }
}

extension Split.Backend {
  fileprivate var message: Heddle_Mesh_V1_Backend {
    var message = Heddle_Mesh_V1_Backend()
    message.name = name
    message.destination = destination.description
    message.weight = weight
    return message
  }
}
