import MeshProtocol
import Settings
import SystemIO
import Traffic

/// A listener as the configuration has it.
struct ListenerConfiguration: Sendable {
  /// What it is called wherever it shows: `outbound`, `inbound`, `edge`, or the name that the file gives it.
  let name: String
  /// Where its keys stand: `outbound`, `outbound.listeners[1]`.
  let path: String
  let address: SocketAddress
  /// Where `address` was said.
  let origin: Settings.Origin
  var policy: ListenerPolicy
  /// The files of its `tls`; nil: callers connect in clear.
  let security: ListenerSecurity?
  /// Where `security` was said.
  let securityOrigin: Settings.Origin
  /// Of what `policy.security` was made of.
  private(set) var fingerprint: [SetHash] = []

  /// Reads the certificates, so that what is wrong with them shows before anything runs.
  mutating func loadSecurity(_ problems: ProblemList) {
    guard let security else { return }
    do throws(ListenerSecurityFault) {
      let material = try security.load()
      policy.security = try security.context(of: material)
      fingerprint = material.fingerprint
    } catch {
      problems.add(Problem(path: security.path, message: error.description, origin: securityOrigin))
    }
  }
}

/// Reads the keys of one listener: a section of the file, or an entry of its list.
struct ListenerSection {
  /// For whom it is.
  enum Kind: String {
    case outbound, inbound, edge
  }

  private let kind: Kind
  private let base: String
  private let values: SettingsValues
  private let problems: ProblemList

  /// - Parameter path: where its keys stand, when that is not the section itself.
  init(_ kind: Kind, at path: String? = nil, _ values: SettingsValues, _ problems: ProblemList) {
    (self.kind, base, self.values, self.problems) = (kind, path ?? kind.rawValue, values, problems)
  }

  private func path(_ key: String) -> String { "\(base).\(key)" }

  private func fault(_ key: String, _ message: String, hint: String = "") {
    problems.add(Problem(path: path(key), message: message, origin: values.origin(path(key)), hint: hint))
  }

  /// Nil when it is not to be opened.
  func read(named name: String) -> ListenerConfiguration? {
    var policy = ListenerPolicy()
    policy.listenerProtocol = values.text(path("protocol")).flatMap(ListenerProtocol.init) ?? .auto
    policy.upgrades = upgrades()
    policy.expectsProxyHeader = values.boolean(path("proxy_protocol"))
    policy.tellsCaller = kind == .edge || policy.expectsProxyHeader
    let security = ListenerSecurity.read(
      values.tree(path("tls")), path: path("tls"), policy.listenerProtocol, problems)
    switch kind {
    case .inbound:
      guard let application = application() else { return nil }
      policy.application = application
      policy.takesMeshOnly = values.boolean(path("mesh_only"))
      policy.trust = values.text(path("trusted")).flatMap(ListenerTrust.init) ?? .mesh
    case .edge:
      policy.trust = .never
      policy.explains = false
      policy.passesTLS = false  // what no route names must not be reached
      policy.identifiers = identifiers(standard: [Identifier(.routes)])
    case .outbound:
      policy.trust = values.boolean(path("trusted")) ? .always : .never
      policy.explains = values.boolean(path("explain"))
      policy.allowsConnect = values.boolean(path("connect"))
      policy.passesTLS = values.boolean(path("passthrough"))
      policy.isTransparent = values.boolean(path("transparent"))
      policy.tcpName = tcpName(policy.listenerProtocol)
      policy.identifiers = identifiers(standard: policy.listenerProtocol.identifiers)
      policy.methodInName = values.boolean(path("thrift.method_in_dst"))
    }
    guard let address = address() else { return nil }
    return ListenerConfiguration(
      name: name, path: base, address: address, origin: values.origin(path("listen")), policy: policy,
      security: security, securityOrigin: values.origin(path("tls")))
  }

  private func address() -> SocketAddress? {
    guard let text = values.text(path("listen")) else { return nil }
    if let address = SocketAddress(text) { return address }
    fault("listen", "expected an address such as 127.0.0.1:4140 or [::1]:4140, found \"\(text.prefix(80))\"")
    return nil
  }

  private func identifiers(standard: [Identifier]) -> [Identifier] {
    guard let node = values.tree(path("identifiers")) else { return standard }
    return IdentifierKeys.read(node, path: path("identifiers"), problems)
  }

  private func tcpName(_ spoken: ListenerProtocol) -> Path? {
    guard let text = values.text(path("tcp")) else {
      if spoken == .tcp, !values.boolean(path("transparent")) {
        fault("tcp", "missing: protocol tcp needs the name that its connections go to")
      }
      return nil
    }
    do throws(NamingError) { return try Path(parsing: text) } catch {
      fault("tcp", error.message)
      return nil
    }
  }

  private func application() -> InboundApplication? {
    guard let text = values.text(path("application")) else { return nil }
    let address = UInt16(text).flatMap { $0 > 0 ? SocketAddress.loopback(port: $0) : nil } ?? SocketAddress(text)
    guard let address, address.port > 0 else {
      fault("application", "expected a port, or an address such as 127.0.0.1:8080, found \"\(text.prefix(80))\"")
      return nil
    }
    let service = values.text(path("service")) ?? ""
    do throws(NamingError) { _ = try Path(parsing: service) } catch {
      fault("service", error.message)
      return nil
    }
    guard let name = Path(labels: ["$", "inet", address.host, "\(address.port)"]) else {
      fault("application", "expected a numeric address")
      return nil
    }
    return InboundApplication(
      name: name, service: service,
      serviceProtocol: values.text(path("application_protocol")).flatMap(EndpointProtocol.init) ?? .automatic,
      inFlight: values.integer(path("limits.in_flight")))
  }

  private func upgrades() -> UpgradeTokens {
    var tokens = UpgradeTokens()
    for text in values.texts(path("upgrades")) {
      if let message = tokens.add(text) { fault("upgrades", message) }
    }
    return tokens
  }
}
