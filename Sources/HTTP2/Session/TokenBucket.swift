/// So many at once, so many more each second; time is an argument, in milliseconds.
struct TokenBucket: Sendable {
  /// Thousandths of a token, so that a rate per second adds up per millisecond without rounding.
  private var level: UInt64
  private let capacity: UInt64
  private let rate: UInt64
  private var filledAt: UInt64

  init(burst: UInt64, perSecond: UInt64, at now: UInt64) {
    capacity = burst.multipliedReportingOverflow(by: 1000).partialValue
    level = capacity
    rate = perSecond
    filledAt = now
  }

  /// Takes one token; false when there is none.
  mutating func spend(at now: UInt64) -> Bool {
    if now > filledAt {
      let (gain, overflow) = (now - filledAt).multipliedReportingOverflow(by: rate)
      level = overflow ? capacity : min(capacity, level.addingReportingOverflow(gain).partialValue)
      filledAt = now
    }
    guard level >= 1000 else { return false }
    level -= 1000
    return true
  }

  /// Gives parts of a token back, up to the burst.
  mutating func refund(thousandths: UInt64) { level = min(capacity, level &+ thousandths) }
}
