/// One state of a namespace's configuration: which history, how far along it, and the hash of all resources.
public struct ConfigurationVersion: Hashable, Sendable {
  /// 16 bytes, random per store. Revisions compare only within one epoch.
  public let epoch: [UInt8]
  public let revision: UInt64
  public let hash: SetHash

  public init(epoch: [UInt8], revision: UInt64, hash: SetHash) {
    self.epoch = epoch
    self.revision = revision
    self.hash = hash
  }

  /// Nil unless epoch and hash have their 16 bytes.
  public init?(_ wire: Heddle_Mesh_V1_ConfigVersion) {
    guard wire.epoch.count == 16, let hash = SetHash(bytes: wire.hash) else { return nil }
    self.init(epoch: Array(wire.epoch), revision: wire.revision, hash: hash)
  }

  public var wire: Heddle_Mesh_V1_ConfigVersion {
    var wire = Heddle_Mesh_V1_ConfigVersion()
    wire.epoch = .init(epoch)
    wire.revision = revision
    wire.hash = .init(hash.bytes)
    return wire
  }
}

/// Which unit of a configuration: a kind's number on the wire and a name that is unique within the kind.
public struct ResourceIdentity: Hashable, Sendable, CustomStringConvertible {
  public let kind: Heddle_Mesh_V1_ResourceKind
  public let name: String

  public init(kind: Heddle_Mesh_V1_ResourceKind, name: String) {
    self.kind = kind
    self.name = name
  }

  public init(_ wire: Heddle_Mesh_V1_ResourceKey) { self.init(kind: wire.kind, name: wire.name) }

  public var wire: Heddle_Mesh_V1_ResourceKey {
    var wire = Heddle_Mesh_V1_ResourceKey()
    wire.kind = kind
    wire.name = name
    return wire
  }

  /// Such as "rule r12" or "split users".
  public var description: String {
    switch kind {
    case .rule: "rule \(name)"
    case .split: "split \(name)"
    case .route: "route \(name)"
    case .authorization: "authorization \(name)"
    case .unspecified, .UNRECOGNIZED: "resource of kind \(kind.rawValue) \(name)"
    }
  }
}
