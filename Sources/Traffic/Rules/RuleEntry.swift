import MeshProtocol

/// What made a rule what it is.
public enum RuleOrigin: Hashable, Sendable {
  /// The n-th dentry of the proxy file.
  case file(Int)
  case rule(id: String, revision: UInt64)
  case split(name: String, revision: UInt64)
  /// The n-th dentry that came with a request; `RuleOrder.tier` tells which header.
  case request(Int)

  /// The same, whatever the revision.
  public var key: RuleKey {
    switch self {
    case .file(let index): .file(index)
    case .rule(let id, _): .rule(id)
    case .split(let name, _): .split(name)
    case .request(let index): .request(index)
    }
  }

  /// 0 for what has no revision.
  public var revision: UInt64 {
    switch self {
    case .rule(_, let revision), .split(_, let revision): revision
    case .file, .request: 0
    }
  }
}

/// Which rule, through all its revisions.
public enum RuleKey: Hashable, Sendable, CustomStringConvertible {
  case file(Int)
  case rule(String)
  case split(String)
  case request(Int)

  /// The id, the split's name, or the number.
  public var name: String {
    switch self {
    case .file(let index), .request(let index): "\(index)"
    case .rule(let name), .split(let name): name
    }
  }

  public var description: String {
    switch self {
    case .file(let index): "file \(index)"
    case .rule(let id): "rule \(id)"
    case .split(let name): "split \(name)"
    case .request(let index): "request \(index)"
    }
  }
}

/// A dentry in the order of all rules. Immutable and shared: trees and explanations of one delegation point to the same one.
public final class RuleEntry: Sendable {
  public let origin: RuleOrigin
  public let order: RuleOrder
  public let dentry: Dentry
  /// For a split, the names of its backends in the order of the union's branches; else empty.
  public let branches: [String]
  public let onUnbound: OnUnbound

  public init(
    origin: RuleOrigin, order: RuleOrder, dentry: Dentry, branches: [String] = [], onUnbound: OnUnbound = .guard
  ) {
    self.origin = origin
    self.order = order
    self.dentry = dentry
    self.branches = branches
    self.onUnbound = onUnbound
  }

  /// A rule of the controller.
  public static func rule(id: String, revision: UInt64, sortKey: [UInt8], dentry: Dentry) -> RuleEntry {
    RuleEntry(
      origin: .rule(id: id, revision: revision), order: RuleOrder(tier: .rules, key: sortKey), dentry: dentry)
  }

  /// A split: `prefix => w1 * d1 & w2 * d2`, with the backends' names kept for the leaves.
  public static func split(
    name: String, revision: UInt64, prefix: Prefix, backends: [(name: String, branch: Weighted<Path>)],
    onUnbound: OnUnbound = .guard
  ) -> RuleEntry {
    RuleEntry(
      origin: .split(name: name, revision: revision), order: RuleOrder(splitOn: prefix),
      dentry: Dentry(prefix: prefix, destination: .union(backends.map(\.branch))), branches: backends.map(\.name),
      onUnbound: onUnbound)
  }

  /// The proxy file's own table.
  public static func file(_ dtab: Dtab) -> [RuleEntry] {
    dtab.dentries.enumerated().map { index, dentry in
      RuleEntry(origin: .file(index), order: RuleOrder(tier: .file, position: index), dentry: dentry)
    }
  }

  public var key: RuleKey { origin.key }

  /// The split's name; empty for other rules.
  public var splitName: String {
    if case .split(let name, _) = origin { return name }
    return ""
  }

  /// Whether both are one rule of one table. It may have been read twice.
  func isSame(as other: RuleEntry) -> Bool { order == other.order && key == other.key }

  /// Whether this one is looked at before `other` when both match.
  public func isPreferred(over other: RuleEntry) -> Bool {
    if order != other.order { return other.order < order }
    // Two splits of one length, or a sort key used twice: any fixed order will do.
    return other.key.description < key.description
  }
}
