import COpenSSL

/// Reads PEM texts. What comes out is owned by the caller.
enum PEM {
  /// All certificates of the text in order, at least one.
  static func certificates(_ text: [UInt8]) throws(TLSSetupError) -> [OpenSSLReference] {
    ErrorQueue.clear()
    let source = unsafe memory(text)
    defer { unsafe _ = BIO_free(source) }
    var found: [OpenSSLReference] = []
    while let certificate = unsafe PEM_read_bio_X509(source, nil, noPassword, nil) {
      unsafe found.append(OpenSSLReference(certificate) { unsafe X509_free($0) })
    }
    // At the end of the text there is no further start line: that is no error.
    let errors = ErrorQueue.drain()
    if let bad = errors.first, !(bad.library == ERR_LIB_PEM && bad.reason == PEM_R_NO_START_LINE) {
      throw .badCertificate(bad.text)
    }
    if found.isEmpty { throw .noCertificate }
    return found
  }

  /// The first private key of the text.
  static func key(_ text: [UInt8]) throws(TLSSetupError) -> OpenSSLReference {
    ErrorQueue.clear()
    let source = unsafe memory(text)
    defer { unsafe _ = BIO_free(source) }
    if let key = unsafe PEM_read_bio_PrivateKey(source, nil, noPassword, nil) {
      ErrorQueue.clear()
      return unsafe OpenSSLReference(key) { unsafe EVP_PKEY_free($0) }
    }
    let errors = ErrorQueue.drain()
    if errors.contains(where: { $0.library == ERR_LIB_PEM && $0.reason == PEM_R_BAD_PASSWORD_READ }) {
      throw .encryptedKey
    }
    throw .badKey(errors.first?.text ?? "no reason given")
  }

  /// Without it OpenSSL would ask at the terminal.
  private static let noPassword:
    @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 =
      { _, _, _, _ in -1 }

  /// A source over a copy of the bytes; traps only when there is no memory.
  @unsafe private static func memory(_ bytes: [UInt8]) -> OpaquePointer {
    guard let source = unsafe BIO_new(BIO_s_mem()) else { fatalError("no memory for a certificate") }
    let written = unsafe BIO_write(source, bytes, Int32(clamping: bytes.count))
    precondition(Int(written) == bytes.count || bytes.isEmpty, "no memory for a certificate")
    return unsafe source
  }
}
