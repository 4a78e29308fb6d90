/// Why a session cannot go on. What it wrote meanwhile (an alert that tells the peer) should still be sent.
public enum TLSError: Error, Hashable, Sendable, CustomStringConvertible {
  /// We refuse the peer's certificate; `detail` says which it was, for an operator.
  case certificate(TLSCertificateFault, detail: String)
  /// The peer refuses us, with an alert.
  case alert(TLSAlert)
  /// There is no version, cipher or application protocol that both sides want.
  case nothingInCommon(String)
  /// The first bytes are no TLS: plain HTTP, or anything.
  case notTLS
  /// The connection ended without the peer's `close_notify`: what came before may have been cut short.
  case truncated
  /// The peer broke the protocol, or bytes were changed on the way; OpenSSL's words.
  case broken(String)

  public var description: String {
    switch self {
    case .certificate(let fault, let detail):
      detail.isEmpty ? fault.description : "\(fault.description): \(detail)"
    case .alert(let alert): "the peer refuses with the alert \(alert)"
    case .nothingInCommon(let reason): "the two sides have nothing in common: \(reason)"
    case .notTLS: "the peer does not speak TLS"
    case .truncated: "the connection ended without a TLS close"
    case .broken(let reason): "the TLS stream is broken: \(reason)"
    }
  }
}

/// What is wrong with a peer's certificate.
public enum TLSCertificateFault: Hashable, Sendable, CustomStringConvertible {
  case missing, expired, notYetValid, selfSigned, unknownIssuer, wrongName, wrongPurpose, revoked, weak
  /// More certificates between it and one that we trust than are looked at.
  case chainTooLong
  /// More bytes of certificates than are held.
  case tooLarge
  /// A mesh identity was expected, and it has no URI name, or several.
  case noIdentity
  /// A mesh identity of another trust domain.
  case wrongTrustDomain
  /// Another mesh identity than the one that was expected: another service answers at this address.
  case wrongIdentity
  /// Another reason, in OpenSSL's words.
  case other(String)

  public var description: String {
    switch self {
    case .missing: "the peer presents no certificate"
    case .expired: "the peer's certificate has expired"
    case .notYetValid: "the peer's certificate is not valid yet (do the clocks of the two hosts agree?)"
    case .selfSigned: "the peer's certificate is self-signed and not trusted"
    case .unknownIssuer: "the peer's certificate is signed by nobody we trust"
    case .wrongName: "the peer's certificate is for another name"
    case .wrongPurpose: "the peer's certificate is not for this use"
    case .revoked: "the peer's certificate is revoked"
    case .weak: "the peer's certificate is too weak"
    case .chainTooLong: "the chain of the peer's certificate is too long"
    case .tooLarge: "the peer presents more bytes of certificates than are taken"
    case .noIdentity: "the peer's certificate is no mesh identity: it needs exactly one URI name"
    case .wrongTrustDomain: "the peer's certificate is of another trust domain"
    case .wrongIdentity: "the peer's certificate is for another mesh identity"
    case .other(let reason): "the peer's certificate is refused: \(reason)"
    }
  }
}

/// A fatal alert (RFC 8446 §6.2).
public struct TLSAlert: Hashable, Sendable, CustomStringConvertible {
  public let code: UInt8

  public init(code: UInt8) { self.code = code }

  public static let handshakeFailure = TLSAlert(code: 40)
  public static let badCertificate = TLSAlert(code: 42)
  public static let certificateExpired = TLSAlert(code: 45)
  public static let unknownAuthority = TLSAlert(code: 48)
  public static let protocolVersion = TLSAlert(code: 70)
  public static let certificateRequired = TLSAlert(code: 116)
  public static let noApplicationProtocol = TLSAlert(code: 120)

  private static let names: [UInt8: String] = [
    10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure",
    42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
    46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
    51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security", 80: "internal_error",
    86: "inappropriate_fallback", 90: "user_canceled", 109: "missing_extension", 110: "unsupported_extension",
    112: "unrecognized_name", 113: "bad_certificate_status_response", 115: "unknown_psk_identity",
    116: "certificate_required", 120: "no_application_protocol",
  ]

  public var description: String { Self.names[code] ?? "\(code)" }
}
