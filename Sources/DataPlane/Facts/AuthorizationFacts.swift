import Traffic

/// What was decided of a request to an application.
public enum AuthorizationVerdict: String, Sendable, CaseIterable {
  case allowed, denied
  /// Allowed, and one in a dry run would have denied it.
  case wouldDeny = "would_deny"
}

/// Decisions of one kind by one authorization since the last collection.
public struct AuthorizationFact: Sendable {
  public let verdict: AuthorizationVerdict
  /// Whose word it was; empty where none of those in force targets the proxy.
  public let authorization: String
  public let count: UInt64
}

/// Counts decisions by the indexes of one table, which give names to them when it is replaced, or when they are collected.
struct AuthorizationCounts {
  private var table = AuthorizationTable.empty
  private var counts: [UInt64] = []
  private var named: [AuthorizationFact] = []

  mutating func record(_ decision: AuthorizationDecision, in table: AuthorizationTable) {
    if table !== self.table { turn(to: table) }
    switch decision.verdict {
    case .denied(let authorization): add(.denied, authorization)
    case .wouldDeny(let authorization): add(.wouldDeny, authorization)
    case .allowed:
      if case .allowed(let authorization, _) = decision.enforced {
        add(.allowed, authorization)
      } else {
        add(.allowed, -1)
      }
    }
  }

  /// What was counted since the last time.
  mutating func collect() -> [AuthorizationFact] {
    turn(to: table)
    defer { named = [] }
    return named
  }

  private mutating func add(_ verdict: AuthorizationVerdict, _ authorization: Int32) {
    counts[(Int(authorization) + 1) * AuthorizationVerdict.allCases.count + verdict.place] &+= 1
  }

  private mutating func turn(to newer: AuthorizationTable) {
    for (place, count) in counts.enumerated() where count > 0 {
      let (authorization, verdict) = place.quotientAndRemainder(dividingBy: AuthorizationVerdict.allCases.count)
      named.append(
        AuthorizationFact(
          verdict: AuthorizationVerdict.allCases[verdict],
          authorization: authorization == 0 ? "" : table.authorizations[authorization - 1], count: count))
    }
    table = newer
    counts = Array(repeating: 0, count: (newer.authorizations.count + 1) * AuthorizationVerdict.allCases.count)
  }
}

extension AuthorizationVerdict {
  fileprivate var place: Int {
    switch self {
    case .allowed: 0
    case .denied: 1
    case .wouldDeny: 2
    }
  }
}
