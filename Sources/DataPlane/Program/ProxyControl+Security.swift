import MeshProtocol
import TLS

/// What the control side knows of the certificates of one listener.
struct ListenerCertificates {
  let security: ListenerSecurity
  /// Tells the certificates in use from newer ones.
  var fingerprint: [SetHash]
  /// What was wrong with newer ones.
  var fault = ""
  var isReading = false

  /// Nil when the listener has none.
  init?(_ listener: ListenerConfiguration) {
    guard let security = listener.security else { return nil }
    self.security = security
    fingerprint = listener.fingerprint
  }
}

extension ProxyControl {
  /// How often, in seconds, the files of `tls` are looked at: certificates are renewed days before they end.
  static let securityPeriod: UInt64 = 30

  /// Takes up replaced certificates: read on the thread for blocking work, given to the workers whole or not at all.
  func refreshSecurity() {
    for place in certificates.indices { refreshSecurity(ofListener: place) }
  }

  private func refreshSecurity(ofListener place: Int) {
    guard let known = certificates[place], let confined, !known.isReading else { return }
    certificates[place]?.isReading = true
    start.blocking.execute {
      let result = Result { () throws(ListenerSecurityFault) -> RenewedSecurity? in
        let material = try known.security.load()
        let fingerprint = material.fingerprint
        if fingerprint == known.fingerprint { return nil }
        return RenewedSecurity(fingerprint: fingerprint, context: try known.security.context(of: material))
      }
      confined.execute { $0.take(result, ofListener: place) }
    }
  }

  private func take(_ result: Result<RenewedSecurity?, ListenerSecurityFault>, ofListener place: Int) {
    guard var known = certificates[place] else { return }
    known.isReading = false
    switch result {
    case .success(nil): known.fault = ""
    case .success(let renewed?):
      known.fingerprint = renewed.fingerprint
      known.fault = ""
      for worker in workers { worker.send(.secure(listener: place, renewed.context)) }
      log.info("tls", "certificates renewed", [("key", known.security.path)])
    case .failure(let fault):
      // Said once, not every 30 s: what is in use stays in use.
      if fault.description != known.fault {
        log.error(
          "tls", "certificates were not renewed", [("key", known.security.path), ("error", fault.description)])
      }
      known.fault = fault.description
    }
    certificates[place] = known
  }
}

private struct RenewedSecurity: Sendable {
  let fingerprint: [SetHash]
  let context: TLSContext
}
