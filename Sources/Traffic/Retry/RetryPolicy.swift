/// What retries of one name may cost, and when they end. Decides; waiting and sending are its driver's.
///
/// A retry is for an answer that was classified retryable. A request that surely reached no application is no retry but a re-send,
/// with a budget of its own.
public struct RetryPolicy: Hashable, Sendable {
  /// What a `TokenBudget` is made of.
  public struct Budget: Hashable, Sendable {
    /// Retries for each request: 0.2 is a fifth.
    public var share = 0.2
    /// Allowed whatever the requests, a second, in the whole fleet.
    public var floor = 10.0
    /// How long a request counts, in nanoseconds; 1 s to 60 s.
    public var window: UInt64 = 10_000_000_000

    public init() {}
  }

  /// Retries of one request. 2.
  public var most = 2
  public var budget = Budget()
  public var backoff = RetryBackoff()
  /// Bytes of a request that is kept to be sent again; a longer one is not retried. 64 KiB.
  public var buffer = 65_536

  /// More retries of one request than help anyone.
  public static let mostRetries = 10

  public init() {}

  /// What is known of a request when its answer has come.
  public struct Attempt: Hashable, Sendable {
    public var responseClass: ResponseClass
    /// Retries that went before this answer.
    public var retries: Int
    /// Bytes of the request, when it can be sent again as it was; nil: part of it is gone.
    public var keptBytes: Int?
    /// The pause before the last retry, in nanoseconds; 0 for none.
    public var pause: UInt64
    /// Nanoseconds until the caller waits no longer.
    public var timeLeft: UInt64

    public init(
      responseClass: ResponseClass, retries: Int = 0, keptBytes: Int?, pause: UInt64 = 0, timeLeft: UInt64 = .max
    ) {
      self.responseClass = responseClass
      self.retries = retries
      self.keptBytes = keptBytes
      self.pause = pause
      self.timeLeft = timeLeft
    }
  }

  /// What becomes of an answer.
  public enum Decision: Hashable, Sendable {
    /// The caller gets it.
    case answer
    /// The caller gets it, since the request is not kept.
    case body
    /// The caller gets it, since the budget is empty.
    case budget
    /// Nobody gets it; the request is sent again after so many nanoseconds.
    case retry(after: UInt64)
  }

  /// Decides of one answer, and takes the price of a retry from the budget.
  /// - Parameter now: nanoseconds of the clock that `tokens` began with.
  public func decide(
    _ attempt: Attempt, tokens: inout TokenBudget, now: UInt64, using random: inout FastRandom
  ) -> Decision {
    guard attempt.responseClass == .retryable, attempt.retries < most else { return .answer }
    guard let kept = attempt.keptBytes, kept <= buffer else { return .body }
    let pause = backoff.next(after: attempt.pause, using: &random)
    // Before the budget is asked: what would come too late costs nothing.
    guard pause < attempt.timeLeft else { return .answer }
    guard tokens.tryWithdraw(now: now) else { return .budget }
    return .retry(after: pause)
  }
}
