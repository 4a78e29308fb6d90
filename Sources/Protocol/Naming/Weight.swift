/// A branch's part in a union, relative to the others: finite, from 0 to `NamingLimits.weight`.
public struct Weight: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let value: Double

  public static let one = Weight(UInt32(1))
  public static let zero = Weight(UInt32(0))

  /// nil when NaN, negative or above `NamingLimits.weight`.
  public init?(_ value: Double) {
    guard value >= 0, value <= NamingLimits.weight else { return nil }
    self.value = value == 0 ? 0 : value  // -0.0 would print a sign that no parser takes
  }

  public init(_ whole: UInt32) { value = Double(whole) }

  public static func < (a: Weight, b: Weight) -> Bool { a.value < b.value }

  /// The shortest decimal, without exponent, that reads back the same.
  public var description: String { shortestDecimal(value) }
}

/// The shortest digits that read back as `value` (finite, not negative), with no exponent and no needless `.0`.
/// The standard library finds the digits (`Double.description`); this only moves the point.
func shortestDecimal(_ value: Double) -> String {
  let parts = value.description.split(separator: "e", maxSplits: 1)
  let exponent = parts.count == 2 ? Int(parts[1]) ?? 0 : 0
  let mantissa = parts[0].split(separator: ".", maxSplits: 1)
  var fraction = mantissa.count == 2 ? String(mantissa[1]) : ""
  if fraction == "0" { fraction = "" }
  return place(point: mantissa[0].count + exponent, in: String(mantissa[0]) + fraction)
}

/// `digits` with the decimal point after the first `point` of them, which may lie outside.
private func place(point: Int, in digits: String) -> String {
  if point >= digits.count { return digits + String(repeating: "0", count: point - digits.count) }
  if point <= 0 { return "0." + String(repeating: "0", count: -point) + digits }
  return String(digits.prefix(point)) + "." + String(digits.dropFirst(point))
}
