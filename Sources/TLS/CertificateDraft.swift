import COpenSSL

/// A certificate before its signature: X.509 version 3 as RFC 5280 has it.
struct CertificateDraft {
  private let draft: OpenSSLReference
  private let issuer: OpenSSLReference

  /// - Parameter issuer: nil: it signs itself.
  init(_ template: CertificateTemplate, publicKey: OpenSSLReference, issuer: Certificate?) throws(TLSSetupError) {
    ErrorQueue.clear()
    guard let made = unsafe X509_new() else { throw .refused("no memory for a certificate") }
    draft = unsafe OpenSSLReference(made) { unsafe X509_free($0) }
    self.issuer = issuer?.reference ?? draft
    try Self.check(unsafe X509_set_version(made, Int(X509_VERSION_3)) == 1)
    try Self.check(unsafe X509_set_pubkey(made, publicKey.pointer) == 1)
    try setSerial(template.serial)
    try setTimes(template)
    try setNames(template)
    try setExtensions(template.use)
  }

  func signed(by key: PrivateKey) throws(TLSSetupError) -> Certificate {
    try Self.check(unsafe X509_sign(draft.pointer, key.reference.pointer, key.digest) > 0)
    return Certificate(draft)
  }

  private func setSerial(_ bytes: [UInt8]) throws(TLSSetupError) {
    var positive = bytes
    if let first = positive.first { positive[0] = first & 0x7f }
    guard positive.count == 16, positive.contains(where: { $0 != 0 }) else {
      throw .refused("a serial has 16 bytes, not all 0")
    }
    let number = unsafe BN_bin2bn(positive, Int32(positive.count), nil)
    defer { unsafe BN_free(number) }
    try Self.check(unsafe BN_to_ASN1_INTEGER(number, X509_get_serialNumber(draft.pointer)) != nil)
  }

  private func setTimes(_ template: CertificateTemplate) throws(TLSSetupError) {
    guard template.notBefore < template.notAfter else { throw .refused("it would end before it begins") }
    try Self.check(unsafe ASN1_TIME_set(X509_getm_notBefore(draft.pointer), Int(template.notBefore)) != nil)
    try Self.check(unsafe ASN1_TIME_set(X509_getm_notAfter(draft.pointer), Int(template.notAfter)) != nil)
  }

  private func setNames(_ template: CertificateTemplate) throws(TLSSetupError) {
    if !template.commonName.isEmpty {
      let subject = unsafe X509_get_subject_name(draft.pointer)
      let text = Array(template.commonName.utf8)
      try Self.check(
        unsafe X509_NAME_add_entry_by_txt(subject, "CN", Int32(MBSTRING_UTF8), text, Int32(clamping: text.count), -1, 0)
          == 1)
    }
    try Self.check(unsafe X509_set_issuer_name(draft.pointer, X509_get_subject_name(issuer.pointer)) == 1)
    if template.uris.isEmpty, template.dnsNames.isEmpty, template.addresses.isEmpty { return }
    let names = unsafe copenssl_names_new()
    defer { unsafe GENERAL_NAMES_free(names) }
    let texts = template.uris.map { (GEN_URI, $0) } + template.dnsNames.map { (GEN_DNS, $0) }
    for (kind, text) in texts {
      let bytes = Array(text.utf8)
      try Self.check(unsafe copenssl_names_add(names, kind, bytes, Int32(clamping: bytes.count)) == 1)
    }
    for address in template.addresses {
      let bytes = try Self.bytes(ofAddress: address)
      try Self.check(unsafe copenssl_names_add(names, GEN_IPADD, bytes, Int32(bytes.count)) == 1)
    }
    // Without a subject the names are all there is: whoever cannot read them must not take it (RFC 5280 §4.2.1.6).
    let isCritical: Int32 = template.commonName.isEmpty ? 1 : 0
    let value = unsafe UnsafeMutableRawPointer(names)
    try Self.check(unsafe X509_add1_ext_i2d(draft.pointer, NID_subject_alt_name, value, isCritical, 0) == 1)
  }

  private static func bytes(ofAddress text: String) throws(TLSSetupError) -> [UInt8] {
    guard let string = unsafe a2i_IPADDRESS(text) else { throw .refused("'\(text)' is no numeric address") }
    defer { unsafe ASN1_OCTET_STRING_free(string) }
    return unsafe Array(
      UnsafeBufferPointer(start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string))))
  }

  private func setExtensions(_ use: CertificateTemplate.Use) throws(TLSSetupError) {
    switch use {
    case .authority:
      try add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
      try add(NID_key_usage, "critical,keyCertSign,cRLSign")
    case .leaf:
      try add(NID_basic_constraints, "critical,CA:FALSE")
      try add(NID_key_usage, "critical,digitalSignature")
      try add(NID_ext_key_usage, "serverAuth,clientAuth")
    }
    try add(NID_subject_key_identifier, "hash")
    if unsafe X509_get0_subject_key_id(issuer.pointer) != nil { try add(NID_authority_key_identifier, "keyid") }
  }

  private func add(_ kind: Int32, _ value: String) throws(TLSSetupError) {
    var context = unsafe X509V3_CTX()
    unsafe X509V3_set_ctx(&context, issuer.pointer, draft.pointer, nil, nil, 0)
    let made = unsafe X509V3_EXT_conf_nid(nil, &context, kind, value)
    defer { unsafe X509_EXTENSION_free(made) }
    try Self.check(unsafe made != nil && X509_add_ext(draft.pointer, made, -1) == 1)
  }

  private static func check(_ isFine: Bool) throws(TLSSetupError) {
    if !isFine { throw .refused(ErrorQueue.text()) }
  }
}
