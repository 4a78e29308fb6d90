import Discovery
import MeshProtocol
import Settings
import SystemIO
import Telemetry
import Traffic

/// A controller's address as configured: a name or an address, and a port.
struct ControllerAddress: Hashable, Sendable, CustomStringConvertible {
  /// The mesh stream's port unless another is given.
  static let standardPort: UInt16 = 4321

  let host: String
  let port: UInt16

  /// Reads `host`, `host:4321`, `10.0.0.1`, `[::1]:4321`, `::1`.
  init?(_ text: String) {
    if let address = SocketAddress(text) {
      (host, port) = (address.host, address.port)
    } else if SocketAddress(host: text, port: 0) != nil {
      (host, port) = (text, Self.standardPort)
    } else {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard let name = parts.first, parts.count <= 2, Self.isName(name) else { return nil }
      guard let port = parts.count == 2 ? UInt16(parts[1]) : Self.standardPort, port > 0 else { return nil }
      (host, self.port) = (String(name), port)
    }
  }

  /// Letters, digits, `-`, `.` and `_`, as resolvers take them.
  private static func isName(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.count <= 253
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
      }
  }

  var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// A proxy's configuration, complete and checked.
struct ProxyConfiguration: Sendable {
  var node: String
  var namespace: String
  var labels: [String: String]
  var zone: String
  var mesh: [ControllerAddress]
  var statePath: String?
  /// Where the proxy's identity in the mesh is from; nil without a mesh or a place to keep it.
  var identity: IdentitySettings?
  /// The outbound one first.
  var listeners: [ListenerConfiguration]
  /// How connections to some services are secured.
  private(set) var clients: [ClientConfiguration]
  var admin: SocketAddress
  var observe: SocketAddress?
  var dtab: Dtab
  var names: StaticNames
  /// Namers that run in this proxy; used only when it is standalone.
  var namers: NamerConfiguration
  var limits: ProxyLimits
  var binding: BindingPolicy
  var workers: Int
  var drainGrace: Duration
  var logLevel: LogLevel
  var logFormat: LogFormat
  /// Everything as it was read, with origins: for `/config`.
  var values: SettingsValues

  /// Whether there is no controller: rules and endpoints are the file's.
  var isStandalone: Bool { mesh.isEmpty }

  /// Reads and checks everything; throws all that is wrong.
  /// - Parameters:
  ///   - file: the file's bytes, if one was given.
  ///   - hostName, processors: what stands where `node` and `workers` are not set.
  init(
    file: [UInt8]?, environment: (String) -> String?, options: [(name: String, value: String)], hostName: String,
    processors: Int
  ) throws(SettingsError) {
    let values = try Self.read(file: file, environment: environment, options: options)
    let problems = ProblemList()
    self.values = values
    node = values.text("node") ?? hostName
    namespace = values.text("namespace") ?? "default"
    labels = values.pairs("labels")
    zone = values.text("zone") ?? ""
    mesh = Self.mesh(values, problems)
    statePath = values.text("state.path")
    identity = IdentitySettings.read(values, problems)
    listeners = ListenerList.read(values, problems)
    clients = ServiceSecurity.all(values.tree("clients"), problems).map { ClientConfiguration(security: $0) }
    admin = Self.address("admin.listen", values, problems) ?? .loopback(port: 9990)
    observe = Self.address("observe.listen", values, problems)
    dtab = Self.dtab(values, problems)
    let keys = NamerKeys(
      registry: values.tree("registry"), namers: values.tree("namers"), isStandalone: values.texts("mesh").isEmpty,
      problems: problems)
    (names, namers) = (keys.lists, keys.namers)
    limits = ProxyLimits(values)
    binding = BindingPolicy(values, problems)
    binding.policies = PolicyKeys.read(
      values.tree("policies"),
      over: CallClassifier(otherDeclared: limits.calls.declaredExceptionsFail ? .failure : .success), problems)
    workers = values.optionalInteger("workers") ?? max(1, min(processors, 256))
    drainGrace = values.duration("drain.grace")
    logLevel = values.text("log.level").flatMap(LogLevel.init) ?? .info
    logFormat = values.text("log.format").flatMap(LogFormat.init) ?? .text
    check(problems)
    if problems.problems.isEmpty {
      for index in listeners.indices { listeners[index].loadSecurity(problems) }
      for index in clients.indices { clients[index].loadSecurity(values, problems) }
    }
    try problems.check()
  }

  private static func read(
    file: [UInt8]?, environment: (String) -> String?, options: [(name: String, value: String)]
  ) throws(SettingsError) -> SettingsValues {
    var tree: Node?
    if let file {
      do { tree = try Node(yaml: file) } catch { throw SettingsError([error]) }
    }
    return try ProxyKeys.table.read(file: tree, environment: environment, options: options)
  }

  private func check(_ problems: ProblemList) {
    func note(_ path: String, _ message: String, hint: String = "") {
      problems.add(Problem(path: path, message: message, origin: values.origin(path), hint: hint))
    }
    if !Self.isAPIName(namespace) { note("namespace", "expected a name of 1 to 253 letters, digits, '.', '_', '-'") }
    if node.isEmpty || node.utf8.count > 253 { note("node", "expected a name of 1 to 253 bytes") }
    if !admin.isLoopback, !values.boolean("insecure_listen") {
      note(
        "admin.listen", "\(admin) can be reached from other hosts, and the admin port has no protection",
        hint: "use a loopback address with observe.listen for probes, or set insecure_listen: true")
    }
    if let statePath, statePath.isEmpty || statePath.hasSuffix("/") {
      note("state.path", "expected the path of a file")
    }
  }

  /// Names as the REST API has them.
  static func isAPIName(_ text: String, longest: Int = 253) -> Bool {
    (1...longest).contains(text.utf8.count)
      && text.unicodeScalars.allSatisfy { scalar in
        scalar.isASCII
          && (scalar.properties.isAlphabetic || (0x30...0x39).contains(scalar.value)
            || "._-".unicodeScalars.contains(scalar))
      }
  }

  private static func mesh(_ values: SettingsValues, _ problems: ProblemList) -> [ControllerAddress] {
    values.texts("mesh").compactMap { text in
      let address = ControllerAddress(text)
      if address == nil {
        problems.add(
          Problem(
            path: "mesh", message: "expected HOST or HOST:PORT, found \"\(text.prefix(80))\"",
            origin: values.origin("mesh"),
            hint: text.contains("://") ? "without http://; the mesh port is 4321 unless configured" : ""))
      }
      return address
    }
  }

  private static func address(_ path: String, _ values: SettingsValues, _ problems: ProblemList) -> SocketAddress? {
    guard let text = values.text(path) else { return nil }
    if let address = SocketAddress(text) { return address }
    problems.add(
      Problem(
        path: path, message: "expected an address such as 127.0.0.1:4140 or [::1]:4140, found \"\(text.prefix(80))\"",
        origin: values.origin(path)))
    return nil
  }

  private static func dtab(_ values: SettingsValues, _ problems: ProblemList) -> Dtab {
    guard let text = values.text("dtab") else { return Dtab() }
    do {
      return try Dtab(parsing: text)
    } catch {
      problems.add(Problem(path: "dtab", message: error.message, origin: values.origin("dtab")))
      return Dtab()
    }
  }
}

extension BindingPolicy {
  fileprivate init(_ values: SettingsValues, _ problems: ProblemList) {
    self.init()
    failover = values.text("outbound.failover").flatMap(RouteTree.Failover.init) ?? .health
    overrides.prefixes = Self.prefixes("outbound.overrides.prefixes", values, problems)
    overrides.systemNames = Self.prefixes("outbound.overrides.allow", values, problems)
    switch values.text("outbound.overrides.mode") {
    case "deny": overrides.mode = .deny
    case "signed": if let key = Self.key(values, problems) { overrides.mode = .signed(key) }
    default: break
    }
  }

  private static func prefixes(_ path: String, _ values: SettingsValues, _ problems: ProblemList) -> [Prefix] {
    values.texts(path).compactMap { text in
      do throws(NamingError) { return try Prefix(parsing: text) } catch {
        problems.add(
          Problem(path: path, message: "\"\(text.prefix(80))\": \(error.message)", origin: values.origin(path)))
        return nil
      }
    }
  }

  private static func key(_ values: SettingsValues, _ problems: ProblemList) -> OverrideKey? {
    let path = "outbound.overrides.key_file"
    func refuse(_ message: String) -> OverrideKey? {
      problems.add(Problem(path: path, message: message, origin: values.origin(path)))
      return nil
    }
    guard let file = values.text(path) else { return refuse("missing: mode signed needs a key") }
    do throws(SystemError) {
      let bytes = try readFile(file, limit: longestKey)
      let key = bytes.last == UInt8(ascii: "\n") ? Array(bytes.dropLast()) : bytes
      return OverrideKey(key) ?? refuse("\(file) holds fewer than \(OverrideKey.leastBytes) bytes")
    } catch { return refuse("\(file): \(error)") }
  }

  /// Bytes of a key file: more is no key.
  private static let longestKey = 4096
}

extension ProxyLimits {
  fileprivate init(_ values: SettingsValues) {
    self.init()
    connectionIdle = values.duration("outbound.timeouts.connection_idle")
    headTime = values.duration("outbound.timeouts.head")
    streamIdle = values.duration("outbound.timeouts.stream_idle")
    connect = values.duration("outbound.timeouts.connect")
    poolIdle = values.duration("outbound.timeouts.pool_idle")
    binding = values.duration("outbound.timeouts.binding")
    detection = values.duration("outbound.timeouts.detect")
    linger = values.duration("outbound.timeouts.linger")
    ping = values.duration("outbound.timeouts.ping")
    tunnelIdle = values.optionalDuration("outbound.timeouts.tunnel_idle")
    request = values.optionalDuration("outbound.timeouts.request")
    pendingPerName = values.integer("outbound.limits.pending")
    inFlightPerName = values.integer("outbound.limits.in_flight")
    concreteNames = values.integer("outbound.limits.names")
    resends = values.integer("outbound.limits.resends")
    highWater = values.size("outbound.limits.buffer")
    lingerBytes = values.size("outbound.limits.linger")
    interims = UInt8(clamping: values.integer("outbound.limits.interims"))
    downstreamConnections = values.integer("outbound.limits.connections")
    tunnels = values.integer("outbound.limits.tunnels")
    http2.concurrentStreams = UInt32(values.integer("outbound.limits.streams"))
    calls.concurrentCalls = Int(http2.concurrentStreams)
    calls.messageLimit = values.size("outbound.limits.message")
    calls.asksForTwitter = values.boolean("outbound.thrift.attempt_twitter_upgrade")
    calls.declaredExceptionsFail = values.text("outbound.thrift.declared_exceptions") == "failure"
  }
}
