/// One endpoint of a concrete name, as the proxy holds it.
public struct ReplicatedEndpoint: Sendable, Hashable {
  /// "10.0.0.1:8080" or "[::1]:80"; not yet parsed.
  public let address: String
  /// 0 to `EndpointLimits.weight`; 0 = no new requests. Nil: what came is no weight, so the endpoint is not to be used.
  public let weight: Double?
  public let zone: String
  public let metadata: [String: String]
  /// Where a proxy takes mutual TLS for it, on the same host; 0 = nobody does.
  public let meshPort: UInt32
  /// The identity that this proxy has.
  public let meshIdentity: String
  /// Of the encoded `Endpoint`.
  public let hash: SetHash
}

/// Limits of one name's endpoints.
public enum EndpointLimits {
  /// Endpoints of one name: more do not fit in a message, and no balancer wants them.
  public static let endpoints = 100_000
  /// Greatest weight that is taken as it is; greater ones count as this.
  public static let weight = 1_000_000.0
}

/// Why an endpoints message did not fit. The name is to be subscribed anew with `subscription`, and counted.
public enum EndpointGap: Error, Hashable, Sendable {
  /// The message is about another name.
  case name
  /// The step does not start from what is held.
  case base
  /// The hash after the step is not the promised one.
  case hash
  /// An endpoint does not read, or has no address.
  case malformed
  /// A state that this version does not know.
  case state
  /// More endpoints than `EndpointLimits.endpoints`.
  case tooMany
}

/// What an endpoints message did.
public enum EndpointStep: Hashable, Sendable {
  /// Nothing to do: a confirmation.
  case unchanged
  /// Take the new state.
  case changed
  /// The namer is at a loss (pending or failed) but was not before: what is bound stays.
  case kept
  /// Something was lost; what is held stays. Subscribe anew.
  case resubscribe(EndpointGap)
}

/// The proxy's end of one concrete name: takes full states and steps, checks base and hash. Nothing makes it trap.
public struct EndpointReplica: Sendable {
  /// As subscribed.
  public let name: String
  /// `unspecified` until the controller first spoke.
  public private(set) var state = Heddle_Mesh_V1_NameState.unspecified
  /// 0: nothing held.
  public private(set) var version: UInt64 = 0
  public private(set) var setHash = SetHash.empty
  /// By address.
  public private(set) var endpoints: [String: ReplicatedEndpoint] = [:]
  /// The part of the name that the namer took, and what is left.
  public private(set) var id = ""
  public private(set) var residual = ""
  /// What the namer met, last time it was at a loss.
  public private(set) var reason = ""
  public private(set) var `protocol` = Heddle_Mesh_V1_ServiceProtocol.unspecified
  /// Gaps since the last message that fitted, for the caller's back-off.
  public private(set) var gapsInARow = 0

  public init(name: String) { self.name = name }

  /// What to say to a controller: the name and what is held of it.
  public var subscription: Heddle_Mesh_V1_Subscribe {
    var subscribe = Heddle_Mesh_V1_Subscribe()
    subscribe.name = name
    subscribe.version = state == .bound ? version : 0
    if subscribe.version > 0 { subscribe.setHash = .init(setHash.bytes) }
    return subscribe
  }

  public mutating func received(_ message: Heddle_Mesh_V1_Endpoints) -> EndpointStep {
    do {
      let step = try take(message)
      gapsInARow = 0
      return step
    } catch {
      gapsInARow &+= 1
      return .resubscribe(error)
    }
  }

  private mutating func take(_ message: Heddle_Mesh_V1_Endpoints) throws(EndpointGap) -> EndpointStep {
    guard message.name == name else { throw .name }
    switch message.state {
    case .pending, .failed: return lost(message)
    case .negative: return gone(message)
    case .bound: return message.full ? try replace(message) : try advance(message)
    case .unspecified, .UNRECOGNIZED: throw .state
    }
  }

  /// Pending and failed never replace bound (contract.md, section 3, rule 3).
  private mutating func lost(_ message: Heddle_Mesh_V1_Endpoints) -> EndpointStep {
    reason = message.reason
    if state == .bound { return .kept }
    let before = state
    state = message.state
    return before == state ? .unchanged : .changed
  }

  private mutating func gone(_ message: Heddle_Mesh_V1_Endpoints) -> EndpointStep {
    let before = state
    state = .negative
    version = message.version
    setHash = .empty
    endpoints = [:]
    reason = message.reason
    return before == .negative ? .unchanged : .changed
  }

  private mutating func replace(_ message: Heddle_Mesh_V1_Endpoints) throws(EndpointGap) -> EndpointStep {
    let adds = try read(message.adds)
    var hash = SetHash.empty
    for endpoint in adds.values { hash.insert(endpoint.hash) }
    guard hash == SetHash(bytes: message.setHash) else { throw .hash }
    endpoints = adds
    finish(message, hash)
    return .changed
  }

  private mutating func advance(_ message: Heddle_Mesh_V1_Endpoints) throws(EndpointGap) -> EndpointStep {
    guard state == .bound, message.base == version else { throw .base }
    let adds = try read(message.adds)
    guard endpoints.count + adds.count <= EndpointLimits.endpoints else { throw .tooMany }
    let removes = Set(message.removes)
    var hash = setHash
    for address in removes {
      // An address both removed and added would mean two things at once.
      guard adds[address] == nil else { throw .malformed }
      if let old = endpoints[address] { hash.remove(old.hash) }
    }
    for endpoint in adds.values {
      if let old = endpoints[endpoint.address] { hash.remove(old.hash) }
      hash.insert(endpoint.hash)
    }
    guard hash == SetHash(bytes: message.setHash) else { throw .hash }
    for address in removes { endpoints[address] = nil }
    for (address, endpoint) in adds { endpoints[address] = endpoint }
    let isSame = adds.isEmpty && removes.isEmpty && message.protocol == self.protocol && message.residual == residual
    finish(message, hash)
    return isSame ? .unchanged : .changed
  }

  private mutating func finish(_ message: Heddle_Mesh_V1_Endpoints, _ hash: SetHash) {
    state = .bound
    version = message.version
    setHash = hash
    id = message.id
    residual = message.residual
    self.protocol = message.protocol
    reason = ""
  }

  private func read(_ encoded: [some Collection<UInt8>]) throws(EndpointGap) -> [String: ReplicatedEndpoint] {
    guard encoded.count <= EndpointLimits.endpoints else { throw .tooMany }
    var result: [String: ReplicatedEndpoint] = [:]
    for bytes in encoded {
      let endpoint = try ReplicatedEndpoint(decoding: Array(bytes))
      guard result.updateValue(endpoint, forKey: endpoint.address) == nil else { throw .malformed }
    }
    return result
  }
}

extension ReplicatedEndpoint {
  /// Reads an encoded `Endpoint`.
  public init(decoding bytes: [UInt8]) throws(EndpointGap) {
    let wire: Heddle_Mesh_V1_Endpoint
    do { wire = try Heddle_Mesh_V1_Endpoint(serializedBytes: bytes) } catch { throw .malformed }
    guard !wire.address.isEmpty else { throw .malformed }
    let isWeight = wire.weight.isFinite && wire.weight >= 0
    self.init(
      address: wire.address, weight: isWeight ? min(wire.weight, EndpointLimits.weight) : nil, zone: wire.zone,
      metadata: wire.metadata, meshPort: wire.meshPort, meshIdentity: wire.meshIdentity, hash: SetHash(of: bytes))
  }
}
