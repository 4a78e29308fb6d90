// How times, durations and names are written in requests and answers.

extension Duration {
  /// Reads `250ms`, `1s`, `1.5s`, `5m`, `2h`; nil for anything else, below zero, or above ten years.
  init?(configured text: String) {
    let units: [(suffix: String, milliseconds: Double)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
    guard let unit = units.first(where: { text.hasSuffix($0.suffix) }) else { return nil }
    let digits = text.dropLast(unit.suffix.count)
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
      let number = Double(digits)
    else {
      return nil
    }
    let milliseconds = number * unit.milliseconds
    guard milliseconds.isFinite, milliseconds <= 10 * 366 * 24 * 3_600_000 else { return nil }
    self = .milliseconds(Int64(milliseconds.rounded()))
  }

  /// In the largest unit that leaves a whole number.
  var configured: String {
    let ms = wholeMilliseconds
    if ms != 0, ms % 3_600_000 == 0 { return "\(ms / 3_600_000)h" }
    if ms != 0, ms % 60_000 == 0 { return "\(ms / 60_000)m" }
    return ms % 1000 == 0 ? "\(ms / 1000)s" : "\(ms)ms"
  }

  /// Rounded down; saturates.
  var wholeMilliseconds: Int64 {
    let (seconds, attoseconds) = components
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    return overflow ? (seconds < 0 ? .min : .max) : product &+ attoseconds / 1_000_000_000_000_000
  }
}

extension WallTime {
  /// RFC 3339 in UTC with milliseconds: `2026-11-23T14:25:00.123Z`. Days to civil date after Howard Hinnant,
  /// "chrono-Compatible Low-Level Date Algorithms".
  var rfc3339: String {
    let day: Int64 = 86_400_000
    let days = milliseconds >= 0 ? milliseconds / day : (milliseconds - day + 1) / day
    let inDay = milliseconds - days * day
    let z = days + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let date = dayOfYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let clock = "\(two(inDay / 3_600_000)):\(two(inDay / 60_000 % 60)):\(two(inDay / 1000 % 60))"
    return "\(padded(year, 4))-\(two(month))-\(two(date))T\(clock).\(padded(inDay % 1000, 3))Z"
  }

  private func two(_ n: Int64) -> String { padded(n, 2) }

  private func padded(_ n: Int64, _ width: Int) -> String {
    let digits = String(n)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

/// Names of namespaces, splits, services: `[A-Za-z0-9._-]{1,253}`.
enum ResourceName {
  static let pattern = "[A-Za-z0-9._-]{1,253}"

  static func isValid(_ text: String) -> Bool {
    (1...253).contains(text.utf8.count) && text.utf8.allSatisfy(isNameByte)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
