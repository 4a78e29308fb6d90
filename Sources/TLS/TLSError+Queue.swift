import COpenSSL

extension TLSError {
  /// What the errors of a failed call mean.
  /// - Parameters:
  ///   - fault: why a certificate was refused, if one was.
  ///   - rejected: the refused certificate, as `TLSTransport` noted it.
  init(_ errors: [ErrorQueue.Entry], fault: TLSCertificateFault, rejected: String) {
    // The last entry of module SSL is the outermost word on it; the first is often a detail of the cryptography.
    guard let error = errors.first(where: { $0.library == ERR_LIB_SSL }) ?? errors.first else {
      self = .broken("no reason given")
      return
    }
    // The reasons above the offset are alerts that came in, by their number.
    if error.library == ERR_LIB_SSL, (1001...1255).contains(error.reason) {
      self = .alert(TLSAlert(code: UInt8(error.reason - SSL_AD_REASON_OFFSET)))
      return
    }
    self = Self.ours(error, fault: fault, rejected: rejected)
  }

  private static func ours(_ error: ErrorQueue.Entry, fault: TLSCertificateFault, rejected: String) -> TLSError {
    guard error.library == ERR_LIB_SSL else { return .broken(error.text) }
    return switch error.reason {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      .certificate(fault, detail: rejected)
    case SSL_R_EXCESSIVE_MESSAGE_SIZE: .certificate(.tooLarge, detail: "")
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: .certificate(.missing, detail: "")
    case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_WRONG_VERSION_NUMBER, SSL_R_PACKET_LENGTH_TOO_LONG,
      SSL_R_RECORD_LENGTH_MISMATCH:
      .notTLS
    case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_UNKNOWN_PROTOCOL, SSL_R_VERSION_TOO_LOW,
      SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_GROUPS,
      SSL_R_NO_SUITABLE_KEY_SHARE,
      SSL_R_NO_APPLICATION_PROTOCOL, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
      .nothingInCommon(error.text)
    default: .broken(error.text)
    }
  }
}

extension TLSCertificateFault {
  /// - Parameter code: `X509_V_ERR_…`.
  init(_ code: Int) {
    switch Int32(clamping: code) {
    case X509_V_ERR_CERT_HAS_EXPIRED: self = .expired
    case X509_V_ERR_CERT_NOT_YET_VALID: self = .notYetValid
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: self = .selfSigned
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
      X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
      X509_V_ERR_CERT_UNTRUSTED, X509_V_ERR_CERT_SIGNATURE_FAILURE:
      self = .unknownIssuer
    case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: self = .wrongName
    case X509_V_ERR_INVALID_PURPOSE: self = .wrongPurpose
    case X509_V_ERR_CERT_CHAIN_TOO_LONG: self = .chainTooLong
    case X509_V_ERR_CERT_REVOKED: self = .revoked
    case X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL, X509_V_ERR_CA_MD_TOO_WEAK: self = .weak
    default: self = .other(unsafe String(cString: X509_verify_cert_error_string(code)))
    }
  }
}
