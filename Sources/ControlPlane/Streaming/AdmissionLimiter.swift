import SystemIO

/// A token bucket (RFC 2697's committed rate, one colour): what may be spent per second, and at once.
///
/// A cost above the whole burst is let through when the bucket is full, and the bucket goes below zero: a configuration
/// larger than the burst would otherwise never be sent.
struct AdmissionLimiter: Sendable {
  private let perSecond: Double
  private let burst: Double
  private var level: Double
  private var filledAt: Instant?

  init(perSecond: Int, burst: Int) {
    self.perSecond = Double(max(1, perSecond))
    self.burst = Double(max(1, burst))
    level = self.burst
  }

  /// Takes `cost` if it is there.
  mutating func admit(_ cost: Int, now: Instant) -> Bool {
    if let filledAt { level = min(burst, level + perSecond * Double(now.nanoseconds(since: filledAt)) / 1e9) }
    filledAt = now
    guard level >= min(Double(cost), burst) else { return false }
    level -= Double(cost)
    return true
  }
}
