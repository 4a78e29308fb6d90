import Settings

/// Reads all listeners: the sections `outbound`, `inbound` and `edge`, and the lists of further ones.
///
/// ```yaml
/// outbound:
///   listen: 127.0.0.1:4140
///   listeners:
///     - {name: thrift, listen: 127.0.0.1:4141, protocol: thrift}
///     - {name: mysql, listen: 127.0.0.1:3306, protocol: tcp, tcp: /svc/mysql}
/// inbound:
///   application: 8080
///   listeners:
///     - {name: users-thrift, listen: 0.0.0.0:4144, application: 9090, protocol: thrift, service: /svc/users-thrift}
/// ```
///
/// An entry has the keys of its section that concern one listener. `ListenerKeys.inherited` says which of them are as the section has
/// them unless the entry says otherwise.
struct ListenerList {
  /// Entries of one list: more than a host has ports worth a listener of their own.
  static let most = 64
  /// Characters of a name, which stands in labels of metrics.
  static let longestName = 63

  private let values: SettingsValues
  private let problems: ProblemList
  private var listeners: [ListenerConfiguration] = []
  private var names = Set(["outbound", "inbound", "edge", "admin", "observe"])

  /// All listeners that are to be opened, the outbound one first; what is wrong is noted in `problems`.
  static func read(_ values: SettingsValues, _ problems: ProblemList) -> [ListenerConfiguration] {
    var list = ListenerList(values, problems)
    list.add(.outbound, entries: ListenerKeys.outboundEntry)
    list.add(.inbound, entries: ListenerKeys.inboundEntry)
    list.add(.edge, entries: [])
    list.checkAddresses()
    return list.listeners
  }

  private init(_ values: SettingsValues, _ problems: ProblemList) {
    (self.values, self.problems) = (values, problems)
  }

  private mutating func add(_ kind: ListenerSection.Kind, entries: [Setting]) {
    if let section = ListenerSection(kind, values, problems).read(named: kind.rawValue) { listeners.append(section) }
    let path = "\(kind.rawValue).listeners"
    guard !entries.isEmpty, let node = values.tree(path) else { return }
    guard case .list(let items) = node.content, items.count <= Self.most else {
      problems.add(
        Problem(
          path: path, message: "expected a list of at most \(Self.most) listeners, found \(node.kindName)",
          origin: .file(node.mark), hint: kind.example))
      return
    }
    for (index, item) in items.enumerated() { add(kind, item, at: "\(path)[\(index)]", entries) }
  }

  private mutating func add(_ kind: ListenerSection.Kind, _ node: Node, at path: String, _ settings: [Setting]) {
    let table = SettingsTable(settings.map { $0.moved(from: kind.rawValue, to: path, inheriting: values) })
    let entry = table.read(entry: node, at: path, problems)
    let name = name(entry, node, at: path)
    var missing = [("listen", "the address that it opens")]
    if kind == .inbound { missing.append(("application", "where what comes in goes")) }
    for (key, meaning) in missing where entry.text("\(path).\(key)") == nil {
      problems.add(Problem(path: "\(path).\(key)", message: "missing: \(meaning)", origin: .file(node.mark)))
    }
    if let listener = ListenerSection(kind, at: path, entry, problems).read(named: name) { listeners.append(listener) }
  }

  private mutating func name(_ entry: SettingsValues, _ node: Node, at path: String) -> String {
    let path = "\(path).name"
    guard let name = entry.text(path) else {
      problems.add(
        Problem(path: path, message: "missing: what it is called in logs and metrics", origin: .file(node.mark)))
      return ""
    }
    if !ProxyConfiguration.isAPIName(name, longest: Self.longestName) {
      problems.add(
        Problem(
          path: path, message: "expected 1 to \(Self.longestName) letters, digits, '.', '_', '-'",
          origin: entry.origin(path)))
    } else if !names.insert(name).inserted {
      problems.add(Problem(path: path, message: "\(name) is the name of another listener", origin: entry.origin(path)))
    }
    return name
  }

  /// The sockets of several workers share an address (SO_REUSEPORT), so the kernel would let two listeners share one as well, and deal
  /// callers out to either.
  private func checkAddresses() {
    for (index, listener) in listeners.enumerated() where listener.address.port > 0 {
      guard let other = listeners[..<index].first(where: { $0.address == listener.address }) else { continue }
      problems.add(
        Problem(
          path: "\(listener.path).listen",
          message: "\(listener.address) is the address of \(other.path).listen as well",
          origin: listener.origin))
    }
  }
}

extension ListenerSection.Kind {
  /// An entry of its list.
  fileprivate var example: String {
    switch self {
    case .inbound: "- {name: users-thrift, listen: 0.0.0.0:4144, application: 9090}"
    case .outbound, .edge: "- {name: thrift, listen: 127.0.0.1:4141, protocol: thrift}"
    }
  }
}

extension Setting {
  /// The same key in an entry of a list: only the file sets it.
  fileprivate func moved(from section: String, to path: String, inheriting values: SettingsValues) -> Setting {
    let isInherited = ListenerKeys.inherited.contains(String(self.path.dropFirst(section.count + 1)))
    return Setting(
      path + self.path.dropFirst(section.count), kind, standard: isInherited ? values.words(of: self) : standard,
      summary)
  }
}

extension SettingsValues {
  /// What a key has, as a default has it.
  fileprivate func words(of setting: Setting) -> String? {
    setting.kind == .texts ? texts(setting.path).joined(separator: ",") : text(setting.path)
  }
}
