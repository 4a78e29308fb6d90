import MeshProtocol
import Settings
import TLS

/// TLS to services as the configuration has it, with what its files held.
struct ClientConfiguration: Sendable {
  let security: ServiceSecurity
  private(set) var context: TLSContext?
  /// Of what `context` was made of.
  private(set) var fingerprint: [SetHash] = []

  init(security: ServiceSecurity) { self.security = security }

  /// Reads the certificates, so that what is wrong with them shows before anything runs.
  mutating func loadSecurity(_ values: SettingsValues, _ problems: ProblemList) {
    do throws(ListenerSecurityFault) {
      let material = try security.load()
      context = try security.context(of: material)
      fingerprint = material.fingerprint
    } catch {
      problems.add(Problem(path: security.path, message: error.description, origin: values.origin("clients")))
    }
  }

  /// As workers use it; nil when its files could not be used.
  var service: ServiceContext? {
    context.map { ServiceContext(prefix: security.prefix, serverName: security.serverName, context: $0) }
  }
}
