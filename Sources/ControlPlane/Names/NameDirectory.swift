import Discovery
import MeshProtocol

/// What is known of concrete names now, for those who ask about them without watching: `resolve`, the linter, namerd's
/// API.
protocol NameDirectory: Sendable {
  /// The state of a name as a proxy of `namespace` is told it. A name that nobody watches is asked for; one without an
  /// answer within `patience` is pending.
  func look(_ name: Path, from namespace: String, within patience: Duration) async -> DiscoveredName
}

extension NameDirectory {
  /// Many names at once.
  func look(_ names: [Path], from namespace: String, within patience: Duration) async -> [Path: DiscoveredName] {
    await withTaskGroup(of: DiscoveredName.self) { group in
      for name in names { group.addTask { await look(name, from: namespace, within: patience) } }
      return await group.reduce(into: [:]) { $0[$1.name] = $1 }
    }
  }
}

/// The registry, which always knows at once; names of nobody are negative.
struct RegistryNames: NameDirectory {
  let controller: Controller

  func look(_ name: Path, from namespace: String, within patience: Duration) async -> DiscoveredName {
    if name.segments.first.map({ $0 == "$" }) ?? false { return Self.address(name) }
    switch ConcreteName(name, askedFrom: namespace, claims: { _ in false }) {
    case .discovered: return DiscoveredName(name: name, version: 0, state: .pending, id: name)
    case .unknown(let reason): return DiscoveredName(name: name, version: 0, state: .negative, reason: reason, id: name)
    case .registry(let registry): return look(name, registry)
    }
  }

  private func look(_ name: Path, _ registry: ConcreteName.RegistryName) -> DiscoveredName {
    let (namespace, service) = (registry.service.namespace, registry.service.service)
    guard let state = controller.state(namespace), state.isPresent, state.hasService(service) else {
      return DiscoveredName(
        name: name, version: 0, state: .negative, reason: "no service \(service) in namespace \(namespace)", id: name)
    }
    let endpoints = (state.services[service]?.endpoints.values.map { $0 } ?? []).sorted { $0.address < $1.address }
    let taken = (try? Path(parsing: registry.id)) ?? name
    return DiscoveredName(
      name: name, version: state.services[service]?.version ?? 0, state: .bound, id: taken,
      residual: name.dropFirst(taken.count),
      endpoints: endpoints.map {
        FoundEndpoint(address: $0.address, weight: $0.weight, zone: $0.zone, metadata: $0.metadata)
      }, serviceProtocol: state.fields(service).protocol.flatMap { FoundProtocol(rawValue: $0.rawValue) })
  }

  /// `/$/inet/…` and its like: the proxy connects by itself, so that the name is always bound.
  private static func address(_ name: Path) -> DiscoveredName {
    let labels = name.dropFirst(2).segments.map(\.text)
    let isReversed = name.segments.count > 1 && name.segments[1] == "io.buoyant.rinet"
    let (host, port) =
      labels.count == 2 ? (labels[isReversed ? 1 : 0], labels[isReversed ? 0 : 1]) : ("127.0.0.1", labels.first ?? "")
    let address = Endpoint.numeric(host, port)
    return DiscoveredName(
      name: name, version: 0, state: .bound, reason: address == nil ? "each proxy looks \(host) up itself" : "",
      id: name,
      endpoints: address.map { [FoundEndpoint(address: $0)] } ?? [])
  }
}

extension Endpoint {
  /// `host:port` in the form we keep; nil when the host is no address.
  fileprivate static func numeric(_ host: String, _ port: String) -> String? {
    var findings = Findings()
    return canonical(host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)", at: .root, &findings)
  }
}
