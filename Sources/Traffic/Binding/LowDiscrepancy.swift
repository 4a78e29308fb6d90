/// Evenly spread numbers: the additive recurrence with the golden ratio (Weyl sequence), which has the lowest
/// discrepancy of its kind. However many are drawn, each interval of 2^64 gets its part to within about one draw;
/// random starts do no harm.
public enum LowDiscrepancy {
  /// 2^64 divided by the golden ratio.
  static let step: UInt64 = 0x9e37_79b9_7f4a_7c15

  /// The sequence's next number.
  @inline(__always) public static func next(after x: UInt64) -> UInt64 { x &+ step }

  /// A number that depends on all bits of `x` (finaliser of SplitMix64: Steele, Lea and Flood 2014).
  @inline(__always) static func scatter(_ x: UInt64) -> UInt64 {
    var z = x &+ step
    z = (z ^ (z &>> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z &>> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z &>> 31)
  }

  /// The upper bound of a cumulated share: `share` (0 to 1) of 2^64.
  static func bound(_ share: Double) -> UInt64 {
    let scaled = share * 0x1p64
    return scaled >= 0x1p64 ? .max : scaled > 0 ? UInt64(scaled) : 0
  }

  /// FNV-1a, for names: the same on every machine.
  static func salt(_ text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }
}
