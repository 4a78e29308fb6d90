import Serving
import Settings

/// What TLS to a source goes by: files and texts as the configuration names them.
struct SourceTrust: Hashable, Sendable {
  /// PEM, from a file or from the configuration itself.
  enum Material: Hashable, Sendable {
    case file(String)
    case text([UInt8])
  }

  /// Certificates that the server's must lead to; the system's when nil.
  var authorities: Material?
  /// Ours with the chain below its root, and its key: both or neither.
  var certificate: Material?
  var key: Material?
  /// The name that the server's certificate must have, instead of the host asked for.
  var serverName: String?
  /// Takes any certificate. For experiments.
  var acceptsAnyServer = false
}

/// Where a source is asked, and whom it has to be.
struct SourcePlace: Hashable, Sendable {
  var base: HTTPBase
  /// Of no meaning in clear.
  var trust = SourceTrust()
}

extension SourceTrust {
  /// The keys below `tls:`.
  ///
  /// ```yaml
  /// tls:
  ///   caFile: /etc/consul/ca.pem          # else the system's roots
  ///   certFile: /etc/consul/client.pem    # ours, for servers that ask
  ///   keyFile: /etc/consul/client.key
  ///   serverName: server.eu.consul        # else the host of the URL
  ///   insecureSkipVerify: true            # any server: for experiments
  /// ```
  init(_ reader: Reader) {
    authorities = reader.text("caFile").map { .file($0) }
    certificate = reader.text("certFile").map { .file($0) }
    key = reader.text("keyFile").map { .file($0) }
    if (certificate == nil) != (key == nil) {
      reader.fault(key == nil ? "keyFile" : "certFile", "missing: a certificate and its key come together")
    }
    serverName = reader.text("serverName")
    acceptsAnyServer = reader.boolean("insecureSkipVerify") ?? false
    reader.finish()
  }
}
