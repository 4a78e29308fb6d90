extension TLSError {
  /// The reason as one of few words, for a metric's label: `certificate_expired`, `alert`, `not_tls`.
  public var label: String {
    switch self {
    case .certificate(let fault, _): "certificate_" + fault.label
    case .alert: "alert"
    case .nothingInCommon: "nothing_in_common"
    case .notTLS: "not_tls"
    case .truncated: "truncated"
    case .broken: "broken"
    }
  }
}

extension TLSCertificateFault {
  fileprivate var label: String {
    switch self {
    case .missing: "missing"
    case .expired: "expired"
    case .notYetValid: "not_yet_valid"
    case .selfSigned: "self_signed"
    case .unknownIssuer: "unknown_issuer"
    case .wrongName: "wrong_name"
    case .wrongPurpose: "wrong_purpose"
    case .revoked: "revoked"
    case .weak: "weak"
    case .chainTooLong: "chain_too_long"
    case .tooLarge: "too_large"
    case .noIdentity: "no_identity"
    case .wrongTrustDomain: "wrong_trust_domain"
    case .wrongIdentity: "wrong_identity"
    case .other: "other"
    }
  }
}
