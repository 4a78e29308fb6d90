/// What is known of a concrete name.
public enum NameState: Hashable, Sendable {
  /// Nobody has answered yet.
  case pending
  /// There is no such name.
  case negative
  /// There is; it may have no endpoint just now, which is a matter of health.
  case bound
  /// Its namer failed before any answer.
  case failed
}
