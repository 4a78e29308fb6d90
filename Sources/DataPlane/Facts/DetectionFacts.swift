/// What a caller's connection was found to speak.
public enum DetectedProtocol: String, Sendable, CaseIterable {
  case http1, http2
  /// TLS that the proxy ended, where a caller may come with it or without.
  case tls
  /// TLS that went on unopened.
  case tlsPassthrough = "tls_passthrough"
  /// Neither HTTP nor TLS: it went on as bytes.
  case tcp
  /// Nothing was said within the detection time: it went on as bytes.
  case silent
  /// Bytes, by the listener's own word.
  case declared
}

/// Connections by what they were found to speak.
public struct DetectionFacts: Sendable, Equatable {
  private var counts = Array(
    repeating: UInt64(0), count: TrafficDirection.allCases.count * DetectedProtocol.allCases.count)

  /// None.
  public init() {}

  public subscript(direction: TrafficDirection, spoken: DetectedProtocol) -> UInt64 {
    get { counts[Self.place(direction, spoken)] }
    set { counts[Self.place(direction, spoken)] = newValue }
  }

  /// Adds what was counted elsewhere.
  public mutating func add(_ other: DetectionFacts) {
    for index in counts.indices { counts[index] = counts[index].addingSaturating(other.counts[index]) }
  }

  private static func place(_ direction: TrafficDirection, _ spoken: DetectedProtocol) -> Int {
    let kind = DetectedProtocol.allCases.firstIndex(of: spoken) ?? 0
    return Int(direction.rawValue) * DetectedProtocol.allCases.count + kind
  }
}
