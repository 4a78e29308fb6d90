import Testing
import Traffic

/// The vectors of the reference's 4.6. Times in seconds, from a start that is not zero.
@Suite struct TokenBudgetTests {
  private func at(_ seconds: Double) -> UInt64 { 1_000_000_000_000 + UInt64(seconds * 1e9) }

  private func withdrawals(_ budget: inout TokenBudget, at time: UInt64, most: Int = 1000) -> Int {
    var count = 0
    while count < most, budget.tryWithdraw(now: time) { count += 1 }
    return count
  }

  @Test func defaults() {
    var budget = TokenBudget(now: at(0))
    #expect(budget.balance(now: at(0)) == 100)
    for _ in 0..<5 { budget.deposit(now: at(0)) }
    #expect(budget.balance(now: at(0)) == 101)
  }

  @Test func burstWithoutRequests() {
    var budget = TokenBudget(now: at(0))
    #expect(withdrawals(&budget, at: at(0)) == 100)
    #expect(budget.balance(now: at(0)) == 0)
    #expect(withdrawals(&budget, at: at(9)) == 0)
    #expect(withdrawals(&budget, at: at(10)) == 100)
  }

  @Test func depositsExpire() {
    var budget = TokenBudget(minRetriesPerSecond: 0, now: at(0))
    for _ in 0..<50 { budget.deposit(now: at(0)) }
    #expect(budget.balance(now: at(9)) == 10)
    #expect(budget.balance(now: at(10.5)) == 0)
  }

  /// A fifth of a steady stream of requests, whatever fails.
  @Test func steadyShare() {
    var budget = TokenBudget(minRetriesPerSecond: 0, now: at(0))
    var retries = 0
    for request in 0..<10_000 {
      let now = at(Double(request) / 100)
      budget.deposit(now: now)
      if budget.tryWithdraw(now: now) { retries += 1 }
    }
    #expect((1990...2000).contains(retries), "\(retries)")
  }

  @Test func floorOnly() {
    var budget = TokenBudget(minRetriesPerSecond: 10, percent: 0, now: at(0))
    #expect(budget.balance(now: at(0)) == 100)
    budget.deposit(now: at(0))
    #expect(budget.balance(now: at(0)) == 100)
    #expect(withdrawals(&budget, at: at(1)) == 100)
  }

  @Test func never() {
    var budget = TokenBudget(minRetriesPerSecond: 0, percent: 0, now: at(0))
    for _ in 0..<100 { budget.deposit(now: at(0)) }
    #expect(withdrawals(&budget, at: at(1)) == 0)
    #expect(budget.balance(now: at(1)) == 0)
  }

  @Test func twoRetriesForARequest() {
    var budget = TokenBudget(minRetriesPerSecond: 0, percent: 2, now: at(0))
    budget.deposit(now: at(0))
    #expect(withdrawals(&budget, at: at(0)) == 2)
  }

  @Test func sharedFloor() {
    var budget = TokenBudget(minRetriesPerSecond: 0.25, now: at(0))
    #expect(budget.balance(now: at(0)) == 2)
    budget.setFloor(perSecond: 10)
    #expect(budget.balance(now: at(0)) == 100)
    #expect(withdrawals(&budget, at: at(0), most: 90) == 90)
    budget.setFloor(perSecond: 1)
    #expect(budget.balance(now: at(1)) == 0, "debits count against the new floor")
  }

  @Test func strangeValuesAreBounded() {
    for percent in [Double.nan, -1, .infinity, 1e300] {
      var budget = TokenBudget(ttlNanoseconds: 0, minRetriesPerSecond: percent, percent: percent, now: .max - 5)
      for _ in 0..<10 { budget.deposit(now: .max) }
      _ = budget.tryWithdraw(now: 0)
      #expect(budget.balance(now: .max) >= 0)
    }
  }

  /// The slices against a list of all that was added.
  @Test func windowAgreesWithAList() {
    var random = FastRandom(seed: 5)
    var budget = TokenBudget(ttlNanoseconds: 10_000_000_000, minRetriesPerSecond: 0, percent: 1000, now: at(0))
    var time = 0.0
    var added: [Double] = []
    for _ in 0..<500 {
      time += Double(random.below(3)) * 1.0  // whole slices, so that slicing does not blur the ends
      budget.deposit(now: at(time))
      added.append(time)
      let live = added.count { $0 > time - 10 }
      #expect(budget.balance(now: at(time)) == live * 1000)
    }
  }
}
