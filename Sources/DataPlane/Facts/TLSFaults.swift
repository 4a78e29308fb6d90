import TLS

/// Connections whose TLS failed, by why.
public struct TLSFaults: Sendable, Equatable {
  /// As `TLSError.label` has them.
  public enum Reason: String, Sendable, CaseIterable {
    // The peer's certificate is refused, since it
    case missing = "certificate_missing"
    case expired = "certificate_expired"
    case notYetValid = "certificate_not_yet_valid"
    case selfSigned = "certificate_self_signed"
    case unknownIssuer = "certificate_unknown_issuer"
    case wrongName = "certificate_wrong_name"
    case wrongPurpose = "certificate_wrong_purpose"
    case revoked = "certificate_revoked"
    case weak = "certificate_weak"
    case chainTooLong = "certificate_chain_too_long"
    case tooLarge = "certificate_too_large"
    case noIdentity = "certificate_no_identity"
    case wrongTrustDomain = "certificate_wrong_trust_domain"
    case wrongIdentity = "certificate_wrong_identity"
    case otherCertificateFault = "certificate_other"
    /// The peer refuses ours, with an alert.
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

  mutating func record(_ fault: TLSError) { counts[Self.place(Reason(rawValue: fault.label) ?? .broken)] &+= 1 }

  mutating func add(_ other: TLSFaults) {
    for index in counts.indices { counts[index] = counts[index].addingSaturating(other.counts[index]) }
  }

  private static func place(_ reason: Reason) -> Int { Reason.allCases.firstIndex(of: reason) ?? 0 }
}
