/// What the authorizations of a proxy say to one request.
public struct AuthorizationDecision: Hashable, Sendable {
  /// What those in force say: this is what happens.
  public let enforced: Outcome
  /// What those in a dry run say by themselves, as if no others were there: this is only counted.
  public let dryRun: Outcome

  /// What the authorizations of one mode say.
  public enum Outcome: Hashable, Sendable {
    /// None of this mode targets the proxy: everything is allowed.
    case unrestricted
    /// By the rule with this index of the authorization with this index in `AuthorizationTable.authorizations`.
    case allowed(authorization: Int32, rule: Int32)
    /// No rule allows it. Of the authorizations that would have had to, the first: one that names the proxy's identity
    /// before one for every workload, then by name.
    case denied(authorization: Int32)
  }

  /// Whether the request goes on.
  public var isAllowed: Bool {
    if case .denied = enforced { false } else { true }
  }

  /// In one word, with the index of who says so.
  public var verdict: Verdict {
    if case .denied(let authorization) = enforced { return .denied(by: authorization) }
    if case .denied(let authorization) = dryRun { return .wouldDeny(by: authorization) }
    return .allowed
  }

  /// What both say together.
  public enum Verdict: Hashable, Sendable {
    case allowed
    case denied(by: Int32)
    /// Allowed, and a dry run would have denied it.
    case wouldDeny(by: Int32)
  }
}
