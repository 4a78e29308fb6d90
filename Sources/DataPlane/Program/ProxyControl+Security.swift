import MeshProtocol
import TLS

extension ProxyControl {
  /// How often, in seconds, the files of `outbound.tls` are looked at: certificates are renewed days before they end.
  static let securityPeriod: UInt64 = 30

  /// Takes up replaced certificates: read on the thread for blocking work, given to the workers whole or not at all.
  func refreshSecurity() {
    guard let security = start.configuration.listenerSecurity, let confined, !isReadingSecurity else { return }
    isReadingSecurity = true
    let known = securityFingerprint
    start.blocking.execute {
      let result = Result { () throws(ListenerSecurityFault) -> RenewedSecurity? in
        let material = try security.load()
        let fingerprint = material.fingerprint
        if fingerprint == known { return nil }
        return RenewedSecurity(fingerprint: fingerprint, context: try security.context(of: material))
      }
      confined.execute { $0.take(result) }
    }
  }

  private func take(_ result: Result<RenewedSecurity?, ListenerSecurityFault>) {
    isReadingSecurity = false
    switch result {
    case .success(nil): securityFault = ""
    case .success(let renewed?):
      securityFingerprint = renewed.fingerprint
      securityFault = ""
      for worker in workers { worker.send(.secure(renewed.context)) }
      log.info("tls", "certificates renewed")
    case .failure(let fault):
      // Said once, not every 30 s: what is in use stays in use.
      if fault.description != securityFault {
        log.error("tls", "certificates were not renewed", [("error", fault.description)])
      }
      securityFault = fault.description
    }
  }
}

private struct RenewedSecurity: Sendable {
  let fingerprint: [SetHash]
  let context: TLSContext
}
