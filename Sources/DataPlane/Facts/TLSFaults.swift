import TLS

/// Callers' connections whose TLS failed, by why.
public struct TLSFaults: Sendable, Equatable {
  public enum Reason: String, Sendable, CaseIterable {
    /// The caller's certificate is refused.
    case certificate
    /// The caller refuses ours, with an alert.
    case alert
    /// No version, cipher or protocol that both sides want.
    case nothingInCommon = "nothing_in_common"
    case notTLS = "not_tls"
    /// The connection ended without a TLS close.
    case truncated
    case broken
  }

  private var counts = [UInt64](repeating: 0, count: Reason.allCases.count)

  /// None.
  public init() {}

  public subscript(reason: Reason) -> UInt64 { counts[Self.place(reason)] }

  mutating func record(_ fault: TLSError) { counts[Self.place(Reason(fault))] &+= 1 }

  mutating func add(_ other: TLSFaults) {
    for index in counts.indices { counts[index] = counts[index].addingSaturating(other.counts[index]) }
  }

  private static func place(_ reason: Reason) -> Int { Reason.allCases.firstIndex(of: reason) ?? 0 }
}

extension TLSFaults.Reason {
  fileprivate init(_ fault: TLSError) {
    self =
      switch fault {
      case .certificate: .certificate
      case .alert: .alert
      case .nothingInCommon: .nothingInCommon
      case .notTLS: .notTLS
      case .truncated: .truncated
      case .broken: .broken
      }
  }
}
