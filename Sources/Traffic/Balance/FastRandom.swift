/// xoshiro256** (Blackman and Vigna 2018), seeded through SplitMix64. For choices, not for secrets: its numbers can be
/// predicted.
public struct FastRandom: RandomNumberGenerator, Sendable {
  private var s0, s1, s2, s3: UInt64

  public init(seed: UInt64) {
    s0 = LowDiscrepancy.scatter(seed)
    s1 = LowDiscrepancy.scatter(seed &+ LowDiscrepancy.step)
    s2 = LowDiscrepancy.scatter(seed &+ 2 &* LowDiscrepancy.step)
    s3 = LowDiscrepancy.scatter(seed &+ 3 &* LowDiscrepancy.step)
  }

  public mutating func next() -> UInt64 {
    let result = Self.rotated(s1 &* 5, by: 7) &* 9
    let shifted = s1 &<< 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = Self.rotated(s3, by: 45)
    return result
  }

  /// A number in `0 ..< bound` by one multiplication; `bound` at least 1. Off from even by less than bound / 2^64.
  public mutating func below(_ bound: Int) -> Int {
    Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// A number in `0 ..< 1`, of 53 bits.
  public mutating func unit() -> Double { Double(next() &>> 11) * 0x1p-53 }

  private static func rotated(_ x: UInt64, by n: UInt64) -> UInt64 { (x &<< n) | (x &>> (64 &- n)) }
}
