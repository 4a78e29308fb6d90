import MeshProtocol

/// Something in the rules that is well formed and surely, or probably, not what was meant.
public struct LintFinding: Hashable, Sendable {
  /// What kind of thing it is; the raw value stands in answers.
  public enum Code: String, Hashable, Sendable, CaseIterable {
    /// A rule that no name reaches: one that wins over it matches all its names and never falls through.
    case unreachableRule = "unreachable_rule"
    /// A rule that takes all names from others, which no name reaches now.
    case shadows
    /// The same prefix and the same destination twice.
    case duplicate
    /// An alternative behind one that never falls through.
    case unreachableAlternative = "unreachable_alternative"
    /// A union all of whose weights are 0.
    case zeroWeights = "zero_weights"
    /// A name with which nothing can be made, whatever follows it.
    case neverBinds = "never_binds"
    /// A name of a namer that is not configured.
    case unknownNamer = "unknown_namer"
    /// A logical name that no rule takes.
    case deadEnd = "dead_end"
    /// Rules that lead back to themselves.
    case loop
  }

  public let code: Code
  public let rule: RuleKey
  /// Which of the destination's leaves and signs it is about, counted from 0 in the order written; nil: the whole rule.
  public let place: Int?
  /// One sentence: what is so, and what to do.
  public let message: String
}
