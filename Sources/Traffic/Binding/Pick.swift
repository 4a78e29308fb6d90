/// Where one request goes.
public enum Pick: Hashable, Sendable {
  /// To this one of `RouteTree.leaves`.
  case leaf(Int)
  /// A name on its way has no answer yet: wait for one, up to the binding timeout.
  case pending
  /// The rules lead nowhere: 502 `no-route`.
  case noRoute(NoRoute)
  /// They lead to nothing that could answer: 503 `no-endpoints`.
  case noEndpoints(NoEndpoints)
  case failed(NamingFailure)
}

public enum NoRoute: Hashable, Sendable {
  /// No rule matches, or no such name exists.
  case negative
  /// A rule says `!`.
  case fail
}

public enum NoEndpoints: Hashable, Sendable {
  /// A rule says `$`.
  case empty
  /// Every branch of a union has weight 0.
  case zeroWeights
  /// The share of a branch that is not bound, and no alternative to take it.
  case missingShare
}
