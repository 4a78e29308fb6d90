/// Texts of settings as typed values. Every function answers `nil` for what it does not understand; none traps.
public enum Scalar {
  /// `true`, `false`, and YAML 1.1's `yes`/`no`/`on`/`off`.
  public static func boolean(_ text: String) -> Bool? {
    switch text {
    case "true", "True", "TRUE", "yes", "on": true
    case "false", "False", "FALSE", "no", "off": false
    default: nil
    }
  }

  /// A decimal integer with an optional sign.
  public static func integer(_ text: String) -> Int? { Int(text) }

  /// `10us`, `250ms`, `1s`, `5m`, `2h`: a whole number and a unit, at most ten years.
  public static func duration(_ text: String) -> Duration? {
    guard let (number, unit) = split(text), let scale = microsecondsPerUnit[unit] else { return nil }
    let (microseconds, overflow) = number.multipliedReportingOverflow(by: scale)
    guard !overflow, microseconds <= 315_360_000_000_000 else { return nil }
    return .microseconds(microseconds)
  }

  /// `4096`, `4096B`, `64KiB`, `1MiB`, `2GiB`: bytes.
  public static func size(_ text: String) -> Int? {
    guard let (number, unit) = split(text), let scale = bytesPerUnit[unit] else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: scale)
    return overflow ? nil : bytes
  }

  /// The text that `duration` reads back, in the largest unit that keeps it whole.
  public static func text(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let fraction = attoseconds / 1_000_000_000_000
    if fraction == 0 {
      if seconds != 0, seconds % 3600 == 0 { return "\(seconds / 3600)h" }
      if seconds != 0, seconds % 60 == 0 { return "\(seconds / 60)m" }
      return "\(seconds)s"
    }
    let microseconds = seconds &* 1_000_000 &+ fraction
    return microseconds % 1000 == 0 ? "\(microseconds / 1000)ms" : "\(microseconds)us"
  }

  private static let microsecondsPerUnit = [
    "us": 1, "ms": 1000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000,
  ]
  private static let bytesPerUnit = ["": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30]

  private static func split(_ text: String) -> (Int, String)? {
    let digits = text.utf8.prefix { $0 >= 0x30 && $0 <= 0x39 }
    guard !digits.isEmpty, let number = Int(String(Substring(digits))) else { return nil }
    return (number, String(text.dropFirst(digits.count)))
  }
}

/// The nearest of some known words, for "did you mean": at most a third of the letters differ, at least one may.
public func nearest(to word: String, in known: [String]) -> String? {
  let tolerance = max(1, word.count / 3)
  let ranked = known.map { (word: $0, distance: editDistance(word, $0)) }.filter { $0.distance <= tolerance }
  return ranked.min { ($0.distance, $0.word) < ($1.distance, $1.word) }?.word
}

/// Levenshtein distance in characters, two neighbours swapped counting as two. Long words count as far apart.
private func editDistance(_ first: String, _ second: String) -> Int {
  let (a, b) = (Array(first), Array(second))
  guard a.count <= 64, b.count <= 64 else { return .max }
  var row = Array(0...b.count)
  for i in a.indices {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let above = row[j + 1]
      row[j + 1] = a[i] == b[j] ? diagonal : 1 + min(diagonal, above, row[j])
      diagonal = above
    }
  }
  return row[b.count]
}
