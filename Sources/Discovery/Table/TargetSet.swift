import MeshProtocol
import SystemIO

/// Watches the addresses of one host.
typealias HostWatcher = (_ host: HostName, _ port: UInt16, _ tell: @escaping (HostState) -> Void) -> any NamerWatch

extension NamerContext {
  /// Hosts as `/$/inet/<host>/<port>`: shared with all who ask for them, and with their last good answers.
  var hosts: HostWatcher {
    { [self] host, port, tell in
      guard let name = Path(labels: ["$", "inet", host.description, "\(port)"]) else { return EndedWatch() }
      return watch(name) { state in
        switch state.state {
        case .pending: break
        case .failed: tell(.failed(state.reason))
        case .negative: tell(.unknown(state.reason))
        case .bound: tell(.addresses(state.endpoints.compactMap { SocketAddress($0.address)?.host }))
        }
      }
    }
  }
}

/// Targets, some of them host names, turned into endpoints. A host whose addresses cannot be asked for keeps those it had.
final class TargetSet {
  /// What is known of all targets together.
  enum Outcome {
    case endpoints([FoundEndpoint])
    /// No target is known.
    case failed(String)

    func finding(taken: Int) -> Finding {
      switch self {
      case .endpoints(let endpoints): .bound(BoundName(taken: taken, endpoints: endpoints))
      case .failed(let reason): .failed(reason)
      }
    }
  }

  private struct Place: Hashable {
    let host: HostName
    let port: UInt16
  }

  let targets: [Target]
  private let hosts: HostWatcher
  private let places: Set<Place>
  private var states: [Place: HostState] = [:]
  private var watches: [any NamerWatch] = []
  private var tell: ((Outcome) -> Void)?

  init(_ targets: [Target], _ hosts: @escaping HostWatcher) {
    self.targets = targets
    self.hosts = hosts
    places = Set(targets.compactMap(Self.place))
  }

  deinit { for watch in watches { watch.cancel() } }

  /// The endpoints of targets that are all addresses; nil when one is a name.
  static func numeric(_ targets: [Target]) -> [FoundEndpoint]? {
    let endpoints = targets.compactMap(endpoint)
    return endpoints.count == targets.count ? endpoints : nil
  }

  /// Tells once every host has had its first answer, and then whenever something changes.
  func begin(_ tell: @escaping (Outcome) -> Void) {
    self.tell = tell
    for place in places {
      watches.append(hosts(place.host, place.port) { [weak self] in self?.heard($0, place) })
    }
    if places.isEmpty { say() }
  }

  func end() {
    tell = nil
    for watch in watches { watch.cancel() }
    watches = []
  }

  /// Tells what is known, if all of it is.
  func say() {
    guard states.count == places.count else { return }
    let failures = states.filter { if case .failed = $0.value { true } else { false } }
    if !places.isEmpty, failures.count == places.count, endpoints.isEmpty {
      let reasons = failures.map { place, state in "\(place.host): \(state)" }.sorted()
      return tell?(.failed(reasons.first ?? "")) ?? ()
    }
    tell?(.endpoints(endpoints))
  }

  private func heard(_ state: HostState, _ place: Place) {
    if case .failed = state, case .addresses = states[place] { return }
    guard states.updateValue(state, forKey: place) != state else { return }
    say()
  }

  private var endpoints: [FoundEndpoint] { targets.flatMap(endpoints) }

  /// A host's addresses share its weight.
  private func endpoints(_ target: Target) -> [FoundEndpoint] {
    guard let place = Self.place(target) else { return Self.endpoint(target).map { [$0] } ?? [] }
    guard case .addresses(let addresses) = states[place] else { return [] }
    return addresses.compactMap { SocketAddress(host: $0, port: place.port) }.map {
      FoundEndpoint(address: $0.description, weight: target.weight / Double(addresses.count))
    }
  }

  private static func place(_ target: Target) -> Place? {
    guard case .name(let host) = target.host else { return nil }
    return Place(host: host, port: target.port)
  }

  private static func endpoint(_ target: Target) -> FoundEndpoint? {
    guard case .address(let host) = target.host, let address = SocketAddress(host: host, port: target.port) else {
      return nil
    }
    return FoundEndpoint(address: address.description, weight: target.weight)
  }
}
