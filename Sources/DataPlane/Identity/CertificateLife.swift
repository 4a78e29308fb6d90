import TLS

/// From when to when a certificate is valid, in seconds since 1970.
struct CertificateLife: Hashable, Sendable {
  let notBefore: Int64
  let notAfter: Int64

  init(notBefore: Int64, notAfter: Int64) {
    (self.notBefore, self.notAfter) = (notBefore, notAfter)
  }

  init(of certificate: Certificate) {
    self.init(notBefore: certificate.facts.notBefore, notAfter: certificate.facts.notAfter)
  }

  func isOver(at now: Int64) -> Bool { now > notAfter }
}
