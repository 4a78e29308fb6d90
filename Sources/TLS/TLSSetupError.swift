/// Why a certificate, key or list cannot be used: the operator's mistake, found before any connection.
public enum TLSSetupError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The text holds no PEM certificate.
  case noCertificate
  /// A certificate in the text cannot be read; the text says why.
  case badCertificate(String)
  /// The text holds no PEM private key, or one that cannot be read.
  case badKey(String)
  /// The key asks for a password; keys are read without.
  case encryptedKey
  /// The key belongs to another certificate.
  case keyMismatch
  /// A server has nothing to present.
  case noIdentity
  /// An application protocol is empty or longer than 255 bytes, or all of them together than 65 535.
  case badProtocol(String)
  /// OpenSSL refuses the whole (a key below its security level, for one); its words.
  case refused(String)

  public var description: String {
    switch self {
    case .noCertificate: "there is no PEM certificate in it (-----BEGIN CERTIFICATE-----)"
    case .badCertificate(let reason): "a certificate cannot be read: \(reason)"
    case .badKey(let reason): "there is no readable PEM private key in it: \(reason)"
    case .encryptedKey: "the private key is encrypted; give it without a password"
    case .keyMismatch: "the private key does not belong to the certificate"
    case .noIdentity: "a server needs a certificate and its key"
    case .badProtocol(let name): "'\(name)' cannot be an application protocol: 1 to 255 bytes"
    case .refused(let reason): "OpenSSL refuses it: \(reason)"
    }
  }
}
