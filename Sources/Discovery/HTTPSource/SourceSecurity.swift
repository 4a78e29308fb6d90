import Serving
import SystemIO
import TLS
import Telemetry

/// The TLS of one source's connections, made of what its configuration names. Files are read again from time to time, for
/// certificates are renewed; connections that stand keep what they began with. Belongs to the discovery thread.
final class SourceSecurity {
  /// Bytes of a certificate or key file. Why: a bundle of all public roots has about 250 kB; a wrong path must not fill the
  /// memory. Above it: the file is of no use.
  static let fileLimit = 1 << 20
  /// How long what was read is believed. Why: certificates are renewed hours before they end.
  static let freshness = Duration.seconds(30)

  /// What the files held.
  private struct Texts: Equatable {
    var authorities: [UInt8]?
    var certificate: [UInt8]?
    var key: [UInt8]?
  }

  private let trust: SourceTrust
  private let log: Log
  private let now: () -> Instant
  private var made: (context: TLSContext, of: Texts)?
  private var freshUntil = Instant.zero

  init(_ trust: SourceTrust, log: Log, now: @escaping () -> Instant) {
    self.trust = trust
    self.log = log
    self.now = now
    if trust.acceptsAnyServer {
      log.warning("discovery", "any server's certificate is taken, as insecureSkipVerify says")
    }
  }

  /// For the connections of a client.
  var client: ClientSecurity { ClientSecurity(serverName: trust.serverName) { try self.context() } }

  /// The context of a new connection. What cannot be read or used leaves the last one in force.
  /// - Throws: `SourceFault` when there never was one.
  private func context() throws(SourceFault) -> TLSContext {
    if let made, now() < freshUntil { return made.context }
    do throws(SourceFault) {
      let texts = Texts(
        authorities: try read(trust.authorities), certificate: try read(trust.certificate), key: try read(trust.key))
      let context = if let made, made.of == texts { made.context } else { try make(texts) }
      made = (context, texts)
      freshUntil = now() + Self.freshness
      return context
    } catch {
      guard let made else { throw error }
      freshUntil = now() + Self.freshness
      log.warning("discovery", "new certificates are of no use; the old ones stay", [("error", error.description)])
      return made.context
    }
  }

  private func read(_ material: SourceTrust.Material?) throws(SourceFault) -> [UInt8]? {
    switch material {
    case nil: return nil
    case .text(let bytes): return bytes
    case .file(let path):
      do { return try readFile(path, limit: Self.fileLimit) } catch { throw SourceFault("\(path): \(error)") }
    }
  }

  private func make(_ texts: Texts) throws(SourceFault) -> TLSContext {
    do throws(TLSSetupError) {
      var settings = TLSSettings(peer: trust.acceptsAnyServer ? .none : .required, protocols: ["http/1.1"])
      if let authorities = texts.authorities { settings.trust = .certificates(pem: authorities) }
      if let certificate = texts.certificate, let key = texts.key {
        settings.identities = [try TLSIdentity(chain: certificate, key: key)]
      }
      return try TLSContext(.client, settings)
    } catch { throw SourceFault("the TLS settings are of no use: \(error)") }
  }
}
