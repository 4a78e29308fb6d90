/// What TLS to a source goes by: files and texts as the configuration names them.
struct SourceTrust: Hashable, Sendable {
  /// PEM, from a file or from the configuration itself.
  enum Material: Hashable, Sendable {
    case file(String)
    case text([UInt8])
  }

  /// Certificates that the server's must lead to; the system's when nil.
  var authorities: Material?
  /// Ours, and its key.
  var certificate: Material?
  var key: Material?
  /// The name that the server's certificate must have, instead of the host asked for.
  var serverName: String?
  /// Takes any certificate. For experiments.
  var acceptsAnyServer = false
}
