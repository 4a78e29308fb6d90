import Testing
import Traffic

/// What becomes of an answer, without a socket and without a clock.
@Suite struct RetryPolicyTests {
  private typealias Attempt = RetryPolicy.Attempt

  private func budget(floor: Double = 10, share: Double = 0) -> TokenBudget {
    TokenBudget(minRetriesPerSecond: floor, percent: share, now: 0)
  }

  private func decide(
    _ attempt: RetryPolicy.Attempt, _ policy: RetryPolicy = RetryPolicy(), floor: Double = 10, share: Double = 0.2
  ) -> RetryPolicy.Decision {
    var (tokens, random) = (budget(floor: floor, share: share), FastRandom(seed: 1))
    return policy.decide(attempt, tokens: &tokens, now: 0, using: &random)
  }

  private func isRetry(_ decision: RetryPolicy.Decision) -> Bool { if case .retry = decision { true } else { false } }

  @Test func onlyWhatIsRetryableIsTriedAgain() {
    #expect(decide(Attempt(responseClass: .success, keptBytes: 10)) == .answer)
    #expect(decide(Attempt(responseClass: .failure, keptBytes: 10)) == .answer)
    #expect(isRetry(decide(Attempt(responseClass: .retryable, keptBytes: 10))))
  }

  @Test func noMoreOftenThanItSays() {
    var policy = RetryPolicy()
    for (most, retries, expected) in [(2, 0, true), (2, 1, true), (2, 2, false), (0, 0, false), (1, 1, false)] {
      policy.most = most
      #expect(isRetry(decide(Attempt(responseClass: .retryable, retries: retries, keptBytes: 1), policy)) == expected)
    }
  }

  @Test func aRequestThatIsNotKeptIsNotRetried() {
    #expect(decide(Attempt(responseClass: .retryable, keptBytes: nil)) == .body)
    #expect(isRetry(decide(Attempt(responseClass: .retryable, keptBytes: 65_536))))
    #expect(decide(Attempt(responseClass: .retryable, keptBytes: 65_537)) == .body)
  }

  @Test func nothingIsTriedPastTheDeadlineAndThatCostsNothing() {
    var (tokens, random) = (budget(floor: 0.1), FastRandom(seed: 3))  // one retry within the window
    let policy = RetryPolicy()
    let late = Attempt(responseClass: .retryable, keptBytes: 1, timeLeft: 25_000_000)
    #expect(policy.decide(late, tokens: &tokens, now: 0, using: &random) == .answer)
    var soon = late
    soon.timeLeft = 80_000_000  // the first pause is below three times the shortest
    #expect(isRetry(policy.decide(soon, tokens: &tokens, now: 0, using: &random)))
    #expect(policy.decide(soon, tokens: &tokens, now: 0, using: &random) == .budget)
  }

  /// A fifth of the requests and ten a second, over ten seconds.
  @Test func theBudgetBoundsAStorm() {
    var (tokens, random) = (TokenBudget(now: 0), FastRandom(seed: 4))
    var retries = 0
    let policy = RetryPolicy()
    for request in 0..<10_000 {  // within a second, all failing
      let now = UInt64(request) * 100_000
      tokens.deposit(now: now)
      if isRetry(policy.decide(Attempt(responseClass: .retryable, keptBytes: 1), tokens: &tokens, now: now, using: &random)) {
        retries += 1
      }
    }
    #expect(retries == 10_000 / 5 + 100)
  }

  @Test func pausesGrowWithinTheirBounds() {
    let backoff = RetryBackoff()
    var random = FastRandom(seed: 5)
    var pauses: Set<UInt64> = []
    for _ in 0..<200 {
      let first = backoff.next(after: 0, using: &random)
      #expect((25_000_000..<75_000_000).contains(first))
      let second = backoff.next(after: first, using: &random)
      #expect(second >= 25_000_000 && second <= min(250_000_000, 3 * first))
      pauses.formUnion([first, second])
    }
    #expect(pauses.count > 300, "they are drawn")
    #expect((0..<200).contains { _ in backoff.next(after: 250_000_000, using: &random) == 250_000_000 })
  }

  @Test func boundsThatAreNone() {
    var random = FastRandom(seed: 6)
    #expect(RetryBackoff(shortest: 9, longest: 3) == RetryBackoff(shortest: 9, longest: 9))
    #expect(RetryBackoff(shortest: .max, longest: .max).next(after: .max, using: &random) == RetryBackoff.limit)
    #expect(RetryBackoff(shortest: 0, longest: 0).next(after: 0, using: &random) == 0)
  }

  @Test(arguments: [
    (CallOutcome.value, ResponseClass.success), (.declared(1), .retryable), (.declared(2), .failure), (.declared(3), .success),
    (.application(6), .retryable), (.application(1), .failure), (.application(nil), .failure), (.error, .retryable),
  ]) func classes(_ outcome: CallOutcome, _ expected: ResponseClass) {
    let classifier = CallClassifier(
      declared: [1: .retryable, 2: .failure], application: [6: .retryable], error: .retryable)
    #expect(classifier.classify(outcome) == expected)
  }

  @Test func withoutAWordNothingIsRetryable() {
    for outcome in [CallOutcome.value, .declared(1), .application(6), .application(nil), .error] {
      #expect(CallClassifier().classify(outcome) != .retryable)
    }
    #expect(ResponseClass("retryable") == .retryable && ResponseClass("success") == .success && ResponseClass("Success") == nil)
  }
}
