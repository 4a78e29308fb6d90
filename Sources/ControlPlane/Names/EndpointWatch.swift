import Discovery
import Memory
import MeshProtocol

/// What a proxy was last told about a name, or says that it holds.
struct ToldEndpoints: Hashable, Sendable {
  var version: UInt64
  var hash: SetHash
}

/// One concrete name of one namespace, for all proxies that watch it: the newest state, some older ones to step from,
/// and the messages, each encoded once.
struct EndpointWatch {
  /// As subscribed.
  let name: String
  let target: ConcreteName
  private(set) var current: NamedEndpoints
  var watchers: Set<Handle> = []
  private var older: [NamedEndpoints] = []
  private var full: [UInt8]?
  private var steps: [ToldEndpoints: [UInt8]] = [:]
  private let limits: StreamLimits

  init(name: String, target: ConcreteName, current: NamedEndpoints, limits: StreamLimits) {
    self.name = name
    self.target = target
    self.current = current
    self.limits = limits
  }

  /// What a proxy that has the newest message holds. Nil: nothing to step from.
  var told: ToldEndpoints? {
    guard current.state == .bound, !isTooLarge else { return nil }
    return ToldEndpoints(version: current.version, hash: current.setHash)
  }

  /// Takes a newer state. False: it is not newer.
  mutating func advance(_ endpoints: NamedEndpoints) -> Bool {
    guard endpoints.version > current.version else { return false }
    if current.state == .bound { older.append(current) }
    if older.count > limits.rememberedVersions { older.removeFirst() }
    current = endpoints
    full = nil
    steps = [:]
    return true
  }

  /// What brings a proxy from `held` to the newest state, framed: a step where one is possible, else everything.
  mutating func message(from held: ToldEndpoints?) -> [UInt8] {
    if let held, let step = step(from: held) { return step }
    if let full { return full }
    let message = Heddle_Mesh_V1_ControlMessage.framed(.endpoints(whole()))
    full = message
    return message
  }

  // MARK: encoding

  private var isTooLarge: Bool {
    guard current.endpoints.count > 1000 else { return false }
    return current.endpoints.values.reduce(0) { $0 + $1.bytes.count + 4 } > limits.endpointBytes
  }

  private func whole() -> Heddle_Mesh_V1_Endpoints {
    var message = Heddle_Mesh_V1_Endpoints()
    message.name = name
    message.full = true
    guard !isTooLarge else {
      message.version = current.version
      message.state = .failed
      message.reason = "its \(current.endpoints.count) endpoints do not fit in a message"
      return message
    }
    fill(&message)
    message.adds = current.endpoints.values.map { .init($0.bytes) }
    return message
  }

  private mutating func step(from held: ToldEndpoints) -> [UInt8]? {
    if let step = steps[held] { return step }
    guard current.state == .bound, !isTooLarge, let base = base(of: held) else { return nil }
    var message = Heddle_Mesh_V1_Endpoints()
    message.name = name
    message.base = held.version
    fill(&message)
    if base.setHash != current.setHash {
      message.adds = current.endpoints.values.filter { base.endpoints[$0.address]?.hash != $0.hash }.map {
        .init($0.bytes)
      }
      message.removes = base.endpoints.keys.filter { current.endpoints[$0] == nil }
    }
    let framed = Heddle_Mesh_V1_ControlMessage.framed(.endpoints(message))
    guard framed.count <= MeshLimits.message else { return nil }
    steps[held] = framed
    return framed
  }

  /// What a proxy holds by its words: one of the versions remembered, or the same under a number of an earlier run.
  private func base(of held: ToldEndpoints) -> NamedEndpoints? {
    if held.hash == current.setHash { return current }
    return older.first { $0.version == held.version && $0.setHash == held.hash }
  }

  private func fill(_ message: inout Heddle_Mesh_V1_Endpoints) {
    message.version = current.version
    message.state = .init(current.state)
    message.reason = current.reason
    guard current.state == .bound else { return }
    message.setHash = .init(current.setHash.bytes)
    message.id = current.id
    message.residual = current.residual
    message.protocol = .init(current.protocol)
  }
}

extension Heddle_Mesh_V1_NameState {
  fileprivate init(_ state: DiscoveredName.State) {
    switch state {
    case .pending: self = .pending
    case .negative: self = .negative
    case .bound: self = .bound
    case .failed: self = .failed
    }
  }
}

extension Heddle_Mesh_V1_ServiceProtocol {
  fileprivate init(_ declared: ServiceProtocol?) {
    switch declared {
    case .http1: self = .http1
    case .http2: self = .http2
    case .tcp: self = .tcp
    case .thrift: self = .thrift
    case .mux: self = .mux
    case .thriftmux: self = .thriftmux
    case nil: self = .unspecified
    }
  }
}
