/// What a table knows of a caller: which of its rules can mean it. Belongs to one table.
public struct CallerScope: Hashable, Sendable {
  let index: Int32

  /// A caller without an identity.
  public static let anonymous = CallerScope(index: -1)
  /// An identity that no rule names.
  public static let unnamed = CallerScope(index: -2)

  var isNamed: Bool { index >= 0 }
}

/// The scopes of callers that a worker knows by number, found once for each caller and table.
public struct CallerScopes {
  private var table: AuthorizationTable?
  private var known: [Int32] = []

  private static let unknown = Int32.min

  public init() {}

  /// The scope of a caller in `table`. Allocates only for a caller that is new to the table.
  /// - Parameters:
  ///   - caller: its number, from 0 and without wide gaps: a few bytes are kept for each.
  ///   - identity: its SPIFFE ID; asked for when the caller is new to the table.
  public mutating func scope(
    of caller: Int32, in table: AuthorizationTable, identity: @autoclosure () -> String
  ) -> CallerScope {
    if self.table !== table {
      self.table = table
      known.removeAll(keepingCapacity: true)
    }
    let i = Int(caller)
    if i >= known.count { known += Array(repeating: Self.unknown, count: i &+ 1 &- known.count) }
    if known[i] == Self.unknown { known[i] = table.scope(of: identity()).index }
    return CallerScope(index: known[i])
  }
}
