/// Nanoseconds that a `grpc-timeout` value says: one to eight digits and one of `H M S m u n`. Nil for anything else.
/// Values beyond 2^63 − 1 ns (292 years) become that.
public func grpcTimeoutNanoseconds(_ value: Span<UInt8>) -> UInt64? {
  let digits = value.count &- 1
  guard digits >= 1, digits <= 8 else { return nil }
  var number: UInt64 = 0
  for i in 0..<digits {
    guard isDigit(value[i]) else { return nil }
    number = number &* 10 &+ UInt64(value[i] &- 0x30)
  }
  let unit: UInt64
  switch value[digits] {
  case UInt8(ascii: "H"): unit = 3_600_000_000_000
  case UInt8(ascii: "M"): unit = 60_000_000_000
  case UInt8(ascii: "S"): unit = 1_000_000_000
  case UInt8(ascii: "m"): unit = 1_000_000
  case UInt8(ascii: "u"): unit = 1000
  case UInt8(ascii: "n"): unit = 1
  default: return nil
  }
  let (product, overflow) = number.multipliedReportingOverflow(by: unit)
  return overflow ? UInt64(Int64.max) : min(product, UInt64(Int64.max))
}

/// A `grpc-timeout` value for that many nanoseconds: the finest unit in which eight digits suffice, rounded up so
/// that the callee never gives up before the caller.
public func grpcTimeout(nanoseconds: UInt64) -> String {
  let units: [(letter: String, size: UInt64)] = [
    ("n", 1), ("u", 1000), ("m", 1_000_000), ("S", 1_000_000_000), ("M", 60_000_000_000),
  ]
  for unit in units {
    let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: unit.size)
    let number = rest == 0 ? whole : whole + 1
    if number <= 99_999_999 { return "\(number)\(unit.letter)" }
  }
  return "\(nanoseconds / 3_600_000_000_000)H"
}
