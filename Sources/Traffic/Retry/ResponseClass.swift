/// What an answer counts as: the one classification that metrics, accrual, budget and retry share.
public enum ResponseClass: UInt8, Sendable, CaseIterable, Hashable {
  case success, failure
  /// A failure after which the request may be sent again.
  case retryable

  /// Reads `success`, `failure` or `retryable`.
  public init?(_ text: String) {
    guard let known = Self.allCases.first(where: { "\($0)" == text }) else { return nil }
    self = known
  }
}
