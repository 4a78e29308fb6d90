import SystemIO

/// Durations of one kind, in milliseconds.
struct Distribution {
  private let sorted: [Double]

  init(_ values: [Double]) { sorted = values.sorted() }

  /// The smallest value that at least this share of the values does not exceed.
  func quantile(_ share: Double) -> Double {
    guard !sorted.isEmpty else { return 0 }
    let index = Int((share * Double(sorted.count)).rounded(.up)) - 1
    return sorted[min(max(index, 0), sorted.count - 1)]
  }

  var json: String {
    let shown: [(String, Double)] = [
      ("min", quantile(0)), ("p50", quantile(0.5)), ("p90", quantile(0.9)), ("p99", quantile(0.99)),
      ("max", quantile(1)),
    ]
    return "{" + shown.map { "\"\($0.0)\": \(decimal($0.1))" }.joined(separator: ", ") + "}"
  }
}

/// Three decimals: microseconds of a millisecond.
func decimal(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }

/// A JSON string literal.
func jsonString(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"", "\\": out += "\\\(scalar)"
    case _ where scalar.value < 0x20: out += " "
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}

/// Resident bytes and processor seconds of another process, from `/proc`. Nil when it is gone or not ours to see.
struct ProcessFacts {
  let residentBytes: UInt64
  let cpuSeconds: Double

  init?(pid: Int) {
    guard let statm = Self.fields("/proc/\(pid)/statm"), statm.count > 1, let pages = UInt64(statm[1]) else {
      return nil
    }
    guard let text = Self.text("/proc/\(pid)/stat"), let close = text.lastIndex(of: ")") else { return nil }
    // After the name, which may hold spaces: field 3 of proc(5) comes first, utime and stime are 14 and 15.
    let fields = text[close...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return nil }
    residentBytes = pages * 4096
    cpuSeconds = (user + system) / 100
  }

  private static func fields(_ path: String) -> [Substring]? { text(path)?.split(separator: " ") }

  private static func text(_ path: String) -> String? {
    (try? readFile(path, limit: 65_536)).map { String(decoding: $0, as: UTF8.self) }
  }
}
