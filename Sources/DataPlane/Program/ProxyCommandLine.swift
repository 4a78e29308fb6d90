import Settings
import SystemIO

/// What the proxy was asked to do.
struct ProxyCommandLine: Sendable {
  /// Exit codes of all Heddle programs (contract, section 1).
  enum ExitCode {
    static let done: Int32 = 0
    static let failed: Int32 = 1
    static let usage: Int32 = 2
  }

  static let reader = CommandLineReader(
    table: ProxyKeys.table, options: [("--config", "Configuration file (YAML).")],
    flags: [
      ("--validate", "Checks the configuration and exits."), ("--version", "Prints the version and exits."),
      ("--help", "Prints this and exits."),
    ])

  static var help: String {
    """
    heddle-proxy \(ProxyVersion.text): carries the requests of local applications through the mesh.

    Usage: heddle-proxy [--config FILE] [--mesh HOST[:PORT],…] [options]

    Without a controller (--mesh, HEDDLE_MESH) rules and endpoints come from the file. Every key of the file, with its
    default: docs/configuration-proxy.md.

    \(reader.help)
    """
  }

  /// Reads the configuration as the command line, the environment and the file say it. Called again on SIGHUP.
  static func configuration(_ parsed: ParsedCommandLine) throws -> ProxyConfiguration {
    let path = parsed.options.last { $0.name == "--config" }?.value ?? environment("HEDDLE_CONFIG")
    let file = try path.map { try readFile($0, limit: FileLimits().size) }
    return try ProxyConfiguration(
      file: file, environment: { environment($0) }, options: parsed.options, hostName: hostName(),
      processors: processorCount())
  }
}
