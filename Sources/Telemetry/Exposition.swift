/// Writes the Prometheus text exposition format 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
public struct Exposition {
  /// The content type of what `text` holds.
  public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// What a family of samples is.
  public enum Kind: String {
    case counter, gauge, histogram
  }

  /// Label names (fixed) with their values (anything).
  public typealias Labels = [(name: StaticString, value: String)]

  /// What was written so far.
  public private(set) var text = ""
  private var family: StaticString = ""

  /// Nothing written.
  public init() {}

  /// Begins a family: `# HELP` and `# TYPE`. All its samples must follow before the next family.
  public mutating func begin(_ name: StaticString, _ kind: Kind, help: StaticString) {
    family = name
    text += "# HELP \(name) "
    appendEscaped("\(help)", quotes: false)
    text += "\n# TYPE \(name) \(kind.rawValue)\n"
  }

  /// One sample of a counter or gauge.
  public mutating func sample(_ value: UInt64, _ labels: Labels = []) { line("", labels, "\(value)") }

  /// One sample of a counter or gauge that is not whole.
  public mutating func sample(_ value: Double, _ labels: Labels = []) { line("", labels, Self.number(value)) }

  /// One distribution: cumulative buckets, sum in seconds, count.
  public mutating func sample(_ histogram: BoundedHistogram, _ labels: Labels = []) {
    var running: UInt64 = 0
    for (index, bound) in HistogramScale.bounds.enumerated() {
      running = running.addingSaturating(histogram.counts[index])
      line("_bucket", labels + [("le", "\(bound.seconds)")], "\(running)")
    }
    line("_bucket", labels + [("le", "+Inf")], "\(running)")
    line("_sum", labels, Self.number(Double(histogram.sum) / 1_000_000))
    line("_count", labels, "\(running)")
  }

  private mutating func line(_ suffix: StaticString, _ labels: Labels, _ value: String) {
    text += "\(family)\(suffix)"
    for (index, label) in labels.enumerated() {
      text += index == 0 ? "{" : ","
      text += "\(label.name)=\""
      appendEscaped(label.value, quotes: true)
      text += "\""
    }
    text += labels.isEmpty ? " " : "} "
    text += value
    text += "\n"
  }

  /// Backslash and line feed, and in label values the quote, are the three that the format escapes.
  private mutating func appendEscaped(_ raw: String, quotes: Bool) {
    for scalar in raw.unicodeScalars {
      switch scalar {
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\"" where quotes: text += "\\\""
      default: text.unicodeScalars.append(scalar)
      }
    }
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }
}

/// A cumulative distribution over the 20 fixed bounds: what a scrape shows, for as long as the process lives.
public struct BoundedHistogram: Sendable, Equatable {
  /// Not cumulative; one per `HistogramScale.bounds`.
  public private(set) var counts = [UInt64](repeating: 0, count: HistogramScale.bounds.count)
  /// Sum in microseconds, saturating.
  public private(set) var sum: UInt64 = 0

  /// No value.
  public init() {}

  /// Adds an interval's counts.
  public mutating func merge(_ sparse: SparseHistogram) {
    for (bucket, count) in zip(sparse.buckets, sparse.counts) {
      let bound = HistogramScale.bound(ofBucket: Int(bucket))
      counts[bound] = counts[bound].addingSaturating(count)
    }
    sum = sum.addingSaturating(sparse.sum)
  }

  /// Adds another's counts.
  public mutating func merge(_ other: BoundedHistogram) {
    for index in counts.indices { counts[index] = counts[index].addingSaturating(other.counts[index]) }
    sum = sum.addingSaturating(other.sum)
  }
}
