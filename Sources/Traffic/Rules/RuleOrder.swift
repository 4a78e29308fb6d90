import MeshProtocol

/// Where a rule comes from, weakest first: what stands later wins over what stands earlier.
public enum RuleTier: UInt8, Comparable, Hashable, Sendable, CaseIterable {
  /// The proxy file's `dtab:`.
  case file
  /// The controller's rules.
  case rules
  /// The controller's splits.
  case splits
  /// `l5d-ctx-dtab`, from the proxies before this one.
  case context
  /// `l5d-dtab`, from the caller.
  case request

  public static func < (a: RuleTier, b: RuleTier) -> Bool { a.rawValue < b.rawValue }
}

/// The place of a rule among all: by tier, then bytewise by key. The greater one is preferred.
public struct RuleOrder: Comparable, Hashable, Sendable {
  public let tier: RuleTier
  public let key: [UInt8]

  public init(tier: RuleTier, key: [UInt8]) {
    self.tier = tier
    self.key = key
  }

  /// The n-th of its tier.
  public init(tier: RuleTier, position: Int) {
    let bits = UInt32(clamping: position)
    self.init(tier: tier, key: [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: bits >> $0) })
  }

  /// Splits go by the length of their prefix, longer later. (Two on one prefix do not exist.)
  public init(splitOn prefix: Prefix) { self.init(tier: .splits, position: prefix.count) }

  public static func < (a: RuleOrder, b: RuleOrder) -> Bool {
    if a.tier != b.tier { return a.tier < b.tier }
    return a.key.lexicographicallyPrecedes(b.key)
  }
}
