import MeshProtocol

/// A rule as the index holds it: read, or encoded as a controller sent it and read when a name comes by. One pointer.
enum StoredRule: Sendable {
  case read(RuleEntry)
  /// A rule or split.
  case encoded(ReplicatedResource)

  /// Nil only for a resource that is neither rule nor split.
  var entry: RuleEntry? {
    switch self {
    case .read(let entry): entry
    case .encoded(let resource): RuleEntry(resource.resource)
    }
  }

  /// Whether both are the same object.
  func isIdentical(to other: StoredRule) -> Bool {
    switch (self, other) {
    case (.read(let a), .read(let b)): a === b
    case (.encoded(let a), .encoded(let b)): a === b
    default: false
    }
  }
}

extension RuleEntry {
  /// A rule or split of a controller; nil for any other kind.
  public convenience init?(_ resource: ConfigurationResource) {
    switch resource.body {
    case .rule(let rule):
      self.init(
        origin: .rule(id: resource.identity.name, revision: resource.revision),
        order: RuleOrder(tier: .rules, key: rule.sortKey), dentry: rule.dentry)
    case .split(let split):
      self.init(
        origin: .split(name: resource.identity.name, revision: resource.revision),
        order: RuleOrder(splitOn: split.prefix), dentry: split.dentry, branches: split.backends.map(\.name),
        onUnbound: split.onUnbound)
    case .route, .authorization: return nil
    }
  }
}
