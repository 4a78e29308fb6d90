import Discovery
import Settings
import SystemIO
import Telemetry

/// The configuration cannot be used: the operator's to repair.
public struct ConfigurationFailure: Error, Sendable, CustomStringConvertible {
  public let description: String
}

/// The controller's configuration, complete and checked.
public struct ControllerConfiguration: Sendable {
  let rest: SocketAddress
  let mesh: SocketAddress
  let names: [String]
  public let storePath: String
  let namers: NamerConfiguration
  let identity: IdentitySettings
  let logLevel: LogLevel
  let logFormat: LogFormat

  /// Bytes of a configuration file.
  static let longestFile = 1 << 20

  /// Reads the file at a path, this process's environment, and options such as `("--rest-listen", "127.0.0.1:0")`.
  public init(file path: String?, options: [(name: String, value: String)]) throws(ConfigurationFailure) {
    var bytes: [UInt8]?
    if let path {
      do { bytes = try readFile(path, limit: Self.longestFile) } catch {
        throw ConfigurationFailure(description: "\(path): \(error)")
      }
    }
    do throws(SettingsError) {
      self = try ControllerConfiguration(bytes: bytes, environment: { SystemIO.environment($0) }, options: options)
    } catch {
      throw ConfigurationFailure(description: "the configuration is not valid:\n\(error)")
    }
  }

  /// Reads file, environment and options; options win over the environment, the environment over the file.
  /// - Throws: `SettingsError` with all that is wrong, each with its place.
  init(
    bytes file: [UInt8]?, environment: @escaping (String) -> String?, options: [(name: String, value: String)]
  ) throws(SettingsError) {
    var tree: Node?
    if let file { do { tree = try Node(yaml: file) } catch { throw SettingsError([error]) } }
    let values = try ControllerKeys.table.read(file: tree, environment: environment, options: options)
    let problems = ProblemList()
    let isInsecure = values.boolean("insecure_listen")
    rest = Self.address("rest.listen", values, isInsecure, problems)
    let isPermissive = values.text("mesh.tls").map { $0 == "permissive" }
    mesh = Self.address("mesh.listen", values, isInsecure || isPermissive != true, problems)
    identity = IdentityReading(values, environment: environment, problems).settings(
      isPermissive: isPermissive ?? (isInsecure || mesh.isLoopback), address: mesh)
    names = values.texts("rest.names")
    storePath = values.text("store.path") ?? ""
    namers = NamerConfiguration(values.tree("namers"), problems: problems)
    logLevel = values.text("log.level").flatMap { LogLevel($0) } ?? .info
    logFormat = values.text("log.format").flatMap { LogFormat(rawValue: $0) } ?? .text
    if storePath.isEmpty || storePath.hasSuffix("/") {
      problems.add(
        Settings.Problem(
          path: "store.path", message: "expected the path of a file", origin: values.origin("store.path")))
    }
    try problems.check()
  }

  private static func address(_ key: String, _ values: SettingsValues, _ isInsecure: Bool, _ problems: ProblemList)
    -> SocketAddress
  {
    let text = values.text(key) ?? ""
    guard let address = SocketAddress(text) else {
      problems.add(
        Settings.Problem(
          path: key,
          message: "expected an address with port such as 127.0.0.1:4180 or [::1]:4180, found \"\(text.prefix(80))\"",
          origin: values.origin(key)))
      return .loopback(port: 0)
    }
    if !address.isLoopback, !isInsecure {
      problems.add(
        Settings.Problem(
          path: key,
          message: "\(address) can be reached from other hosts, and there is neither TLS nor a token to protect it",
          origin: values.origin(key),
          hint: "use a loopback address, or set insecure_listen: true on a network that you trust"))
    }
    return address
  }
}
