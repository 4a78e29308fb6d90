import COpenSSL

/// What a certificate says of its owner. Names are as they stand in it: compare them, never look for parts of them.
public struct TLSCertificate: Hashable, Sendable {
  /// As RFC 2253 writes it: `CN=users,O=Example`.
  public let subject: String
  public let issuer: String
  /// Subject alternative names of the kind DNS.
  public let dnsNames: [String]
  /// Of the kind IP, numeric.
  public let addresses: [String]
  /// Of the kind URI; a mesh identity stands here (`spiffe://…`).
  public let uris: [String]
  /// Seconds since 1970; 0 when the certificate's time makes no sense.
  public let notBefore: Int64
  public let notAfter: Int64
  /// SHA-256 of the whole certificate.
  public let fingerprint: [UInt8]

  @unsafe init(_ certificate: OpaquePointer) {
    subject = unsafe Self.text(X509_get_subject_name(certificate))
    issuer = unsafe Self.text(X509_get_issuer_name(certificate))
    (dnsNames, addresses, uris) = unsafe Self.names(certificate)
    notBefore = unsafe copenssl_unix_time(X509_get0_notBefore(certificate))
    notAfter = unsafe copenssl_unix_time(X509_get0_notAfter(certificate))
    var digest = [UInt8](repeating: 0, count: 32)
    var count = UInt32(digest.count)
    unsafe X509_digest(certificate, EVP_sha256(), &digest, &count)
    fingerprint = digest
    ErrorQueue.clear()
  }

  /// One line that tells an operator which certificate it is.
  public var summary: String {
    let names = dnsNames + addresses + uris
    return names.isEmpty ? "'\(subject)'" : "'\(subject)' for \(names.prefix(8).joined(separator: ", "))"
  }

  @unsafe private static func text(_ name: OpaquePointer?) -> String {
    guard let name = unsafe name, let sink = unsafe BIO_new(BIO_s_mem()) else { return "" }
    defer { unsafe _ = BIO_free(sink) }
    unsafe copenssl_print_name(sink, name)
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = unsafe BIO_read(sink, &bytes, Int32(bytes.count))
    return String(decoding: bytes.prefix(max(0, Int(count))), as: UTF8.self)
  }

  @unsafe private static func names(_ certificate: OpaquePointer) -> (
    dns: [String], addresses: [String], uris: [String]
  ) {
    guard let names = unsafe copenssl_names(certificate) else { return ([], [], []) }
    defer { unsafe GENERAL_NAMES_free(names) }
    var (dns, addresses, uris): ([String], [String], [String]) = ([], [], [])
    for index in 0..<(unsafe copenssl_names_count(names)) {
      var start: UnsafePointer<UInt8>?
      var count: Int32 = 0
      let kind = unsafe copenssl_name_at(names, index, &start, &count)
      let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: max(0, Int(count))))
      switch kind {
      case GEN_DNS: dns.append(String(decoding: bytes, as: UTF8.self))
      case GEN_URI: uris.append(String(decoding: bytes, as: UTF8.self))
      case GEN_IPADD: addresses.append(address(bytes))
      default: break
      }
    }
    return (dns, addresses, uris)
  }

  /// `10.0.0.1`, or the eight groups of an IPv6 address, none left out.
  private static func address(_ bytes: [UInt8]) -> String {
    if bytes.count == 4 { return bytes.map { String($0) }.joined(separator: ".") }
    return stride(from: 0, to: bytes.count & ~1, by: 2)
      .map { String(Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]), radix: 16) }.joined(separator: ":")
  }
}
