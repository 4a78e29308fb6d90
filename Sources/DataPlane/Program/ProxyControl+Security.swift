import MeshProtocol
import TLS

/// Certificates in files that may be replaced while the proxy runs.
struct CertificateFiles: Sendable {
  let source: any SecuritySource
  /// What workers are told when they have changed.
  let order: @Sendable (TLSContext) -> WorkerOrder
  /// Tells what is in use from newer files.
  var fingerprint: [SetHash]
  /// What was wrong with newer ones.
  var fault = ""
  var isReading = false

  /// All that a configuration names.
  static func all(_ configuration: ProxyConfiguration) -> [CertificateFiles] {
    let listeners = configuration.listeners.enumerated().compactMap { place, listener in
      listener.security.map { source in
        CertificateFiles(
          source: source, order: { .secure(listener: place, $0) }, fingerprint: listener.fingerprint)
      }
    }
    let clients = configuration.clients.enumerated().map { place, client in
      CertificateFiles(source: client.security, order: { .secureService(place, $0) }, fingerprint: client.fingerprint)
    }
    return listeners + clients
  }
}

extension ProxyControl {
  /// How often, in seconds, the files of `tls` are looked at: certificates are renewed days before they end.
  static let securityPeriod: UInt64 = 30

  /// How often, in seconds, sessions get another ticket key: who comes back within a day resumes, and a key is gone after a day and a half.
  static let ticketPeriod: UInt64 = 43_200

  /// Seals the tickets of callers' sessions by new keys from now on.
  func rotateTickets() {
    for listener in start.configuration.listeners { listener.security?.tickets.rotate() }
  }

  /// Takes up replaced certificates: read on the thread for blocking work, given to the workers whole or not at all.
  func refreshSecurity() {
    for place in certificates.indices { refreshSecurity(place) }
  }

  private func refreshSecurity(_ place: Int) {
    let known = certificates[place]
    guard let confined, !known.isReading else { return }
    certificates[place].isReading = true
    start.blocking.execute {
      let result = Result { () throws(ListenerSecurityFault) -> RenewedSecurity? in
        let material = try known.source.load()
        let fingerprint = material.fingerprint
        if fingerprint == known.fingerprint { return nil }
        return RenewedSecurity(fingerprint: fingerprint, context: try known.source.context(of: material))
      }
      confined.execute { $0.take(result, place) }
    }
  }

  private func take(_ result: Result<RenewedSecurity?, ListenerSecurityFault>, _ place: Int) {
    certificates[place].isReading = false
    let known = certificates[place]
    switch result {
    case .success(nil): certificates[place].fault = ""
    case .success(let renewed?):
      certificates[place].fingerprint = renewed.fingerprint
      certificates[place].fault = ""
      for worker in workers { worker.send(known.order(renewed.context)) }
      log.info("tls", "certificates renewed", [("key", known.source.path)])
    case .failure(let fault):
      // Said once, not every 30 s: what is in use stays in use.
      if fault.description != known.fault {
        log.error("tls", "certificates were not renewed", [("key", known.source.path), ("error", fault.description)])
      }
      certificates[place].fault = fault.description
    }
  }
}

private struct RenewedSecurity: Sendable {
  let fingerprint: [SetHash]
  let context: TLSContext
}
