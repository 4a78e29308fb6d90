import MeshProtocol
import Traffic

/// Everything that decides where a request goes, as one immutable unit. Workers swap it whole, at a loop edge.
public final class RoutingTable: Sendable {
  /// Counts the tables this process made, from 1. Local: a restart begins anew.
  public let generation: UInt64
  /// The store this configuration comes from (16 bytes); empty in standalone mode.
  public let epoch: [UInt8]
  /// The namespace's revision; 0 in standalone mode.
  public let revision: UInt64
  /// Set hash over the revision's resources (16 bytes); empty in standalone mode.
  public let hash: [UInt8]
  /// The file's dentries, the rules and the splits.
  public let rules: RuleIndex
  /// HTTP routes: which requests have a name by more than their host.
  public let routes: RouteTable
  /// Who may call the application behind the inbound listener. The same object as in the table before unless one changed.
  public let authorizations: AuthorizationTable
  /// No configuration has come yet, from a controller or from the disk: what there is are the file's own rules.
  public var awaitsConfiguration: Bool { authorizations.isUndecided }
  /// The prefixes whose dentries differ from generation - 1. `nil` = treat everything as changed.
  public let changed: [Prefix]?

  /// Makes a table; the caller guarantees that `generation` grows from table to table.
  public init(
    generation: UInt64, epoch: [UInt8] = [], revision: UInt64 = 0, hash: [UInt8] = [], rules: RuleIndex,
    routes: RouteTable = RouteTable(), authorizations: AuthorizationTable = .empty, changed: [Prefix]? = nil
  ) {
    self.generation = generation
    self.epoch = epoch
    self.revision = revision
    self.hash = hash
    self.rules = rules
    self.routes = routes
    self.authorizations = authorizations
    self.changed = changed
  }
}
