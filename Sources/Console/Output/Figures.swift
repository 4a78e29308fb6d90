/// Numbers as people read them; a missing figure is `-`, never 0.
enum Figures {
  static func rounded(_ value: Double?, places: Int) -> String {
    guard let value, value.isFinite, abs(value) < 1e15 else { return "-" }
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let units = (abs(value) * scale).rounded()
    let whole = Int(units / scale)
    let sign = value < 0 && units > 0 ? "-" : ""
    guard places > 0 else { return "\(sign)\(whole)" }
    let fraction = String(Int(units) - whole * Int(scale))
    return "\(sign)\(whole)." + String(repeating: "0", count: places - fraction.count) + fraction
  }

  /// A share of 1 as per cent.
  static func percent(_ share: Double?, places: Int = 2) -> String {
    let text = rounded(share.map { $0 * 100 }, places: places)
    return text == "-" ? text : text + " %"
  }

  static func milliseconds(_ value: Double?) -> String {
    guard let value else { return "-" }
    return rounded(value, places: value < 100 ? 1 : 0) + " ms"
  }

  /// `"250ms"`, `"1.5s"`, `"5m"`, `"1h"` as the contract writes durations; nil when it is none of these.
  static func duration(_ text: String) -> Duration? {
    let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]
    for (suffix, seconds) in units where text.hasSuffix(suffix) {
      guard let value = Double(text.dropLast(suffix.count)), value >= 0, value < 1e9 else { continue }
      return .seconds(value * seconds)
    }
    return nil
  }
}
