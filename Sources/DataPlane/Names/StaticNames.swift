import MeshProtocol
import Settings
import SystemIO
import Traffic

/// Concrete names that the proxy's own file answers, before any namer: for standalone use and for tests.
///
/// ```yaml
/// registry:                       # /#/registry/<name>
///   users-v1: [127.0.0.1:8081, 127.0.0.1:8082]
///   calls: {protocol: thrift, endpoints: [127.0.0.1:9090]}      # as `PUT …/services/{name}` has it
/// namers:                         # /#/io.l5d.static/<name>, or under a prefix of your choice
///   - kind: io.l5d.static
///     prefix: /io.l5d.static
///     names:
///       web: [{address: 10.0.0.1:80, weight: 2, zone: a}]
/// ```
struct StaticNames: Sendable {
  /// What one name stands for.
  struct Service: Sendable {
    var endpoints: [Endpoint]
    var speaks = EndpointProtocol.automatic
  }

  /// Names by their whole concrete path.
  private(set) var names: [Path: Service] = [:]
  /// What lies under one of these and is not listed does not exist; other names are the namers' to answer.
  private(set) var prefixes: [Path] = []

  /// No names.
  init() {}

  /// The kind of `namers` entries that are such a list.
  static let kind = "io.l5d.static"

  /// Reads the key `registry` and the lists among `namers`, whose `kind` is read already; what is wrong is noted in
  /// `problems`.
  init(registry: Node?, lists: [Reader], problems: ProblemList) {
    if let registry { add(registry, under: "/registry", path: "registry", problems) }
    for list in lists {
      let prefix = list.text("prefix") ?? "/\(Self.kind)"
      let names = list.node("names")
      list.finish()
      if let names { add(names, under: prefix, path: "\(list.path).names", problems) }
    }
  }

  /// Whether a name is this file's to answer.
  func covers(_ name: Path) -> Bool { prefixes.contains { name.hasPrefix($0) } }

  /// The state of a concrete name, if it is this file's to answer. `confirmed` is wall-clock milliseconds.
  func answer(_ name: Path, confirmed: Int64) -> EndpointSet? {
    guard let prefix = prefixes.first(where: { name.hasPrefix($0) }) else { return nil }
    let id = name.prefix(prefix.count + 1)
    guard let service = names[id] else {
      return EndpointSet(name: name, version: 1, state: .negative, confirmed: confirmed)
    }
    return EndpointSet(
      name: name, version: 1, state: .bound, id: id.description, residual: name.dropFirst(id.count),
      endpoints: service.endpoints, serviceProtocol: service.speaks, confirmed: confirmed)
  }

  private mutating func add(_ node: Node, under prefixText: String, path: String, _ problems: ProblemList) {
    guard let prefix = try? Path(parsing: "/#" + prefixText), prefix.count > 1 else {
      problems.add(Problem(path: path, message: "\(prefixText) is no prefix such as /fs", origin: .file(node.mark)))
      return
    }
    prefixes.append(prefix)
    guard case .mapping(let entries) = node.content else {
      problems.add(Problem(path: path, message: "expected a mapping, found \(node.kindName)", origin: .file(node.mark)))
      return
    }
    for entry in entries {
      guard let segment = Segment(entry.key) else {
        problems.add(Problem(path: path, message: "a name is empty", origin: .file(entry.mark)))
        continue
      }
      names[prefix.appending(segment)] = service(entry.value, path: "\(path).\(entry.key)", problems)
    }
  }

  /// An endpoint, a list of them, or a mapping of what the service speaks and its endpoints.
  private func service(_ node: Node, path: String, _ problems: ProblemList) -> Service {
    guard case .mapping(let entries) = node.content, !entries.contains(where: { $0.key == "address" }) else {
      return Service(endpoints: endpoints(node, path: path, problems))
    }
    let reader = Reader(node, path: path, problems: problems)
    let (speaks, list) = (reader.text("protocol"), reader.node("endpoints"))
    reader.finish()
    if list == nil { reader.fault("endpoints", "missing: a list of addresses") }
    var service = Service(endpoints: list.map { endpoints($0, path: "\(path).endpoints", problems) } ?? [])
    if let speaks {
      if let known = EndpointProtocol.declarable.first(where: { $0.rawValue == speaks }) {
        service.speaks = known
      } else {
        let words = EndpointProtocol.declarable.map(\.rawValue).joined(separator: ", ")
        reader.fault("protocol", "expected one of \(words), found \"\(speaks.prefix(80))\"")
      }
    }
    return service
  }

  private func endpoints(_ node: Node, path: String, _ problems: ProblemList) -> [Endpoint] {
    let items: [Node]
    switch node.content {
    case .list(let list): items = list
    default: items = [node]
    }
    return items.enumerated().compactMap { endpoint($1, path: "\(path)[\($0)]", problems) }
  }

  private func endpoint(_ node: Node, path: String, _ problems: ProblemList) -> Endpoint? {
    if case .text(let text, _) = node.content {
      guard let address = SocketAddress(text) else { return refuse(text, node, path, problems) }
      return Endpoint(address: address, text: text)
    }
    let reader = Reader(node, path: path, problems: problems)
    let text = reader.text("address") ?? ""
    let weight = reader.text("weight") ?? "1"
    let zone = reader.text("zone") ?? ""
    reader.finish()
    guard let address = SocketAddress(text) else { return refuse(text, node, path, problems) }
    guard let value = Double(weight), value.isFinite, value >= 0 else {
      reader.fault("weight", "expected a number from 0")
      return nil
    }
    return Endpoint(address: address, text: text, weight: value, zone: zone)
  }

  private func refuse(_ text: String, _ node: Node, _ path: String, _ problems: ProblemList) -> Endpoint? {
    problems.add(
      Problem(
        path: path, message: "expected an address such as 127.0.0.1:8080 or [::1]:80, found \"\(text.prefix(80))\"",
        origin: .file(node.mark)))
    return nil
  }
}
