/// The proxy's end of the configuration stream: takes snapshot parts and steps, checks order, base and hash, reads
/// every resource, and yields a candidate, a refusal or a request for a snapshot. Nothing a controller sends makes it
/// trap.
///
/// A step costs what the step holds, not what the configuration holds. While a candidate waits for its verdict the
/// controller may send no other; say Hello only when none waits.
public struct ConfigurationReplica: Sendable {
  /// The configuration in force, as Hello tells it. Nil: nothing yet.
  public private(set) var held: ConfigurationVersion?
  /// The resources in force.
  public private(set) var resources: [ResourceIdentity: ReplicatedResource] = [:]

  private var state = State.idle
  private var resyncsInARow = 0
  private let limits: ReplicaLimits

  private enum State: Sendable {
    case idle
    case collecting(PartialSnapshot)
    case judging(ConfigurationCandidate)
  }

  public init(limits: ReplicaLimits = ReplicaLimits()) { self.limits = limits }

  /// Whether a candidate waits for `applied()` or `refused(_:)`.
  public var isJudging: Bool {
    if case .judging = state { true } else { false }
  }

  /// The stream ended: parts of an unfinished snapshot are dropped. A waiting candidate stays.
  public mutating func disconnected() {
    resyncsInARow = 0
    if case .collecting = state { state = .idle }
  }

  // MARK: from the controller

  public mutating func received(_ part: Heddle_Mesh_V1_Snapshot) -> ConfigurationStep {
    guard var snapshot = takePartial(part) else {
      return isJudging ? .breach(.unanswered) : resync(.partOrder, revision: part.version.revision)
    }
    for bytes in part.resources {
      guard snapshot.add(Array(bytes), limits) else {
        state = .idle
        return .breach(.tooLarge)
      }
    }
    guard part.last else {
      state = .collecting(snapshot)
      return .more
    }
    return judge(snapshot)
  }

  public mutating func received(_ step: Heddle_Mesh_V1_Delta) -> ConfigurationStep {
    if isJudging { return .breach(.unanswered) }
    state = .idle
    guard let held, let version = ConfigurationVersion(step.version), version.epoch == held.epoch,
      step.baseRevision == held.revision, version.revision > held.revision
    else { return resync(.base, revision: step.version.revision) }
    var reading = ResourceReading()
    for bytes in step.upserts { reading.read(Array(bytes)) }
    let removes = step.removes.map(ResourceIdentity.init)
    for removed in removes { reading.claim(removed) }
    guard resources.count + reading.resources.count <= limits.resources else { return .breach(.tooLarge) }
    guard hash(after: reading, removes) == version.hash else { return resync(.hash, revision: version.revision) }
    guard reading.errors.isEmpty else { return refuse(version.revision, reading.errors) }
    return apply(
      ConfigurationCandidate(
        version: version, isWhole: false, upserts: reading.resources, removes: removes, changesEpoch: false))
  }

  public mutating func received(_ current: Heddle_Mesh_V1_Current) -> ConfigurationStep {
    if isJudging { return .breach(.unanswered) }
    state = .idle
    guard let held, ConfigurationVersion(current.version) == held else {
      return resync(.notCurrent, revision: current.version.revision)
    }
    resyncsInARow = 0
    return .current(held)
  }

  // MARK: from the proxy

  /// Every worker runs the candidate: it is what is held now. Send the Ack. Nil when no candidate waited.
  public mutating func applied() -> Heddle_Mesh_V1_Ack? {
    guard case .judging(let candidate) = state else { return nil }
    state = .idle
    if candidate.isWhole { resources.removeAll() }
    for removed in candidate.removes { resources[removed] = nil }
    for upsert in candidate.upserts { resources[upsert.resource.identity] = upsert }
    held = candidate.version
    var ack = Heddle_Mesh_V1_Ack()
    ack.revision = candidate.version.revision
    ack.hash = .init(candidate.version.hash.bytes)
    return ack
  }

  /// The candidate did not compile: what is held stays. Send the Nack. Nil when no candidate waited.
  public mutating func refused(_ errors: [ResourceFault]) -> Heddle_Mesh_V1_Nack? {
    guard case .judging(let candidate) = state else { return nil }
    state = .idle
    return nack(candidate.version.revision, errors)
  }

  /// Takes what was kept on disk, before the first connection. It is judged like a snapshot from the controller.
  public mutating func restored(_ version: ConfigurationVersion, resources kept: [[UInt8]]) -> ConfigurationStep {
    if isJudging { return .breach(.unanswered) }
    var snapshot = PartialSnapshot(version: version)
    for bytes in kept where !snapshot.add(bytes, limits) { return .breach(.tooLarge) }
    return judge(snapshot)
  }

  // MARK: judging

  /// The snapshot that a part belongs to: the one collected so far, or a new one for part 0. Nil when the part does not
  /// fit.
  private mutating func takePartial(_ part: Heddle_Mesh_V1_Snapshot) -> PartialSnapshot? {
    if isJudging { return nil }
    let before = state
    state = .idle
    guard let version = ConfigurationVersion(part.version) else { return nil }
    if part.part == 0 { return PartialSnapshot(version: version) }
    guard case .collecting(var snapshot) = before, snapshot.version == version, snapshot.parts == part.part else {
      return nil
    }
    snapshot.parts &+= 1
    return snapshot
  }

  private mutating func judge(_ snapshot: PartialSnapshot) -> ConfigurationStep {
    state = .idle
    let version = snapshot.version
    let isKnownHistory = held?.epoch == version.epoch
    if let held, isKnownHistory, version.revision < held.revision {
      let message = "older than revision \(held.revision), which this proxy runs, and of the same epoch"
      return refuse(version.revision, [ResourceFault(identity: nil, message: message)])
    }
    guard snapshot.reading.hash == version.hash else { return resync(.hash, revision: version.revision) }
    guard snapshot.reading.errors.isEmpty else { return refuse(version.revision, snapshot.reading.errors) }
    return apply(
      ConfigurationCandidate(
        version: version, isWhole: true, upserts: snapshot.reading.resources, removes: [],
        changesEpoch: held != nil && !isKnownHistory))
  }

  private func hash(after reading: ResourceReading, _ removes: [ResourceIdentity]) -> SetHash {
    var hash = held?.hash ?? .empty
    hash.insert(reading.hash)
    for identity in reading.claimed {
      if let old = resources[identity] { hash.remove(old.hash) }
    }
    return hash
  }

  private mutating func apply(_ candidate: ConfigurationCandidate) -> ConfigurationStep {
    resyncsInARow = 0
    state = .judging(candidate)
    return .apply(candidate)
  }

  private mutating func refuse(_ revision: UInt64, _ errors: [ResourceFault]) -> ConfigurationStep {
    resyncsInARow = 0
    return .refuse(nack(revision, errors))
  }

  private mutating func resync(_ gap: ConfigurationGap, revision: UInt64) -> ConfigurationStep {
    resyncsInARow += 1
    if resyncsInARow > limits.resyncsInARow { return .breach(.cannotAgree) }
    var nack = Heddle_Mesh_V1_Nack()
    nack.revision = revision
    nack.resync = true
    return .resync(nack, gap)
  }

  private func nack(_ revision: UInt64, _ errors: [ResourceFault]) -> Heddle_Mesh_V1_Nack {
    var nack = Heddle_Mesh_V1_Nack()
    nack.revision = revision
    nack.errors = errors.prefix(limits.listedErrors).map(\.wire)
    if errors.count > limits.listedErrors {
      nack.errors.append(ResourceFault(identity: nil, message: "and \(errors.count - limits.listedErrors) more").wire)
    }
    return nack
  }
}

/// Parts of a snapshot so far.
private struct PartialSnapshot: Sendable {
  let version: ConfigurationVersion
  /// Number of the part that comes next.
  var parts: UInt32 = 1
  var reading = ResourceReading()
  private var bytes = 0

  init(version: ConfigurationVersion) { self.version = version }

  /// False at the limits.
  mutating func add(_ resource: [UInt8], _ limits: ReplicaLimits) -> Bool {
    bytes += resource.count
    guard bytes <= limits.bytes, reading.count < limits.resources else { return false }
    reading.read(resource)
    return true
  }
}

/// Resources of one revision while they are read: what was understood, what was not, and the hash of all of them.
private struct ResourceReading: Sendable {
  private(set) var resources: [ReplicatedResource] = []
  private(set) var errors: [ResourceFault] = []
  private(set) var hash = SetHash.empty
  private(set) var claimed: Set<ResourceIdentity> = []
  private(set) var count = 0

  mutating func read(_ bytes: [UInt8]) {
    count += 1
    let hash = SetHash(of: bytes)
    self.hash.insert(hash)
    do {
      let resource = try ConfigurationResource(decoding: bytes)
      claim(resource.identity)
      resources.append(ReplicatedResource(bytes: bytes, hash: hash, resource: resource))
    } catch {
      errors.append(error)
      // Its key still takes part in the hash, so that a fault of content is not mistaken for a loss on the way.
      if let identity = error.identity { claim(identity) }
    }
  }

  mutating func claim(_ identity: ResourceIdentity) {
    if !claimed.insert(identity).inserted {
      errors.append(ResourceFault(identity: identity, message: "stands twice in one revision"))
    }
  }
}
