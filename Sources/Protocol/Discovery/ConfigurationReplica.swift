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
  public private(set) var resources = ResourceTable()

  private var state = State.idle
  /// A snapshot of which not all parts came. Beside the state and not in it, so that a part is added in place. Only while idle.
  private var partial: PartialSnapshot?
  private var resyncsInARow = 0
  private let limits: ReplicaLimits

  private enum State: Sendable {
    case idle
    /// `whole`: for a snapshot, all that is held when the candidate is in force.
    case judging(ConfigurationCandidate, whole: ResourceTable?)
  }

  public init(limits: ReplicaLimits = ReplicaLimits()) { self.limits = limits }

  /// Whether a candidate waits for `applied()` or `refused(_:)`.
  public var isJudging: Bool {
    if case .judging = state { true } else { false }
  }

  /// The stream ended: parts of an unfinished snapshot are dropped. A waiting candidate stays.
  public mutating func disconnected() {
    resyncsInARow = 0
    partial = nil
  }

  // MARK: from the controller

  public mutating func received(_ part: Heddle_Mesh_V1_Snapshot) -> ConfigurationStep {
    if isJudging { return .breach(.unanswered) }
    guard begins(part) else {
      partial = nil
      return resync(.partOrder, revision: part.version.revision)
    }
    for bytes in part.resources where partial?.add(Array(bytes), limits, held: resources) != true {
      partial = nil
      return .breach(.tooLarge)
    }
    guard part.last, let snapshot = partial else { return .more }
    partial = nil
    return judge(snapshot)
  }

  public mutating func received(_ step: Heddle_Mesh_V1_Delta) -> ConfigurationStep {
    if isJudging { return .breach(.unanswered) }
    partial = nil
    guard let held, let version = ConfigurationVersion(step.version), version.epoch == held.epoch,
      step.baseRevision == held.revision, version.revision > held.revision
    else { return resync(.base, revision: step.version.revision) }
    var reading = ResourceReading()
    for bytes in step.upserts { reading.read(Array(bytes), held: resources) }
    let removes = step.removes.map(ResourceIdentity.init)
    for removed in removes { reading.claim(removed) }
    guard resources.count + reading.resources.count <= limits.resources else { return .breach(.tooLarge) }
    guard hash(after: reading) == version.hash else { return resync(.hash, revision: version.revision) }
    guard reading.errors.isEmpty else { return refuse(version.revision, reading.errors) }
    let removals = removes.compactMap { resources[$0] }.map { ResourceChange(old: $0, new: nil) }
    return apply(
      ConfigurationCandidate(
        version: version, isWhole: false, changes: changes(by: reading.resources) + removals, changesEpoch: false),
      whole: nil)
  }

  public mutating func received(_ current: Heddle_Mesh_V1_Current) -> ConfigurationStep {
    if isJudging { return .breach(.unanswered) }
    partial = nil
    guard let held, ConfigurationVersion(current.version) == held else {
      return resync(.notCurrent, revision: current.version.revision)
    }
    resyncsInARow = 0
    return .current(held)
  }

  // MARK: from the proxy

  /// Every worker runs the candidate: it is what is held now. Send the Ack. Nil when no candidate waited.
  public mutating func applied() -> Heddle_Mesh_V1_Ack? {
    guard case .judging(let candidate, let whole) = state else { return nil }
    state = .idle
    if let whole { resources = whole } else { apply(candidate.changes) }
    held = candidate.version
    var ack = Heddle_Mesh_V1_Ack()
    ack.revision = candidate.version.revision
    ack.hash = .init(candidate.version.hash.bytes)
    return ack
  }

  /// The candidate did not compile: what is held stays. Send the Nack. Nil when no candidate waited.
  public mutating func refused(_ errors: [ResourceFault]) -> Heddle_Mesh_V1_Nack? {
    guard case .judging(let candidate, _) = state else { return nil }
    state = .idle
    return nack(candidate.version.revision, errors)
  }

  /// Takes what was kept on disk, before the first connection. It is judged like a snapshot from the controller.
  public mutating func restored(_ version: ConfigurationVersion, resources kept: [[UInt8]]) -> ConfigurationStep {
    if isJudging { return .breach(.unanswered) }
    var snapshot = PartialSnapshot(version: version)
    for bytes in kept where !snapshot.add(bytes, limits, held: resources) { return .breach(.tooLarge) }
    return judge(snapshot)
  }

  // MARK: judging

  /// Whether a part continues the snapshot collected so far, or (part 0) begins one.
  private mutating func begins(_ part: Heddle_Mesh_V1_Snapshot) -> Bool {
    guard let version = ConfigurationVersion(part.version) else { return false }
    if part.part == 0 {
      partial = PartialSnapshot(version: version)
      return true
    }
    guard let collected = partial, collected.version == version, collected.parts == part.part else { return false }
    partial?.parts &+= 1
    return true
  }

  private mutating func judge(_ snapshot: PartialSnapshot) -> ConfigurationStep {
    let version = snapshot.version
    let isKnownHistory = held?.epoch == version.epoch
    if let held, isKnownHistory, version.revision < held.revision {
      let message = "older than revision \(held.revision), which this proxy runs, and of the same epoch"
      return refuse(version.revision, [ResourceFault(identity: nil, message: message)])
    }
    guard snapshot.reading.hash == version.hash else { return resync(.hash, revision: version.revision) }
    guard snapshot.reading.errors.isEmpty else { return refuse(version.revision, snapshot.reading.errors) }
    let whole = snapshot.reading.resources
    let removals = resources.filter { whole[sameAs: $0] == nil }.map { ResourceChange(old: $0, new: nil) }
    return apply(
      ConfigurationCandidate(
        version: version, isWhole: true, changes: changes(by: whole) + removals,
        changesEpoch: held != nil && !isKnownHistory),
      whole: whole)
  }

  /// What differs in `new`. One that came again unchanged is the very one that is held.
  private func changes(by new: ResourceTable) -> [ResourceChange] {
    new.compactMap { resource in
      let old = resources[sameAs: resource]
      return old === resource ? nil : ResourceChange(old: old, new: resource)
    }
  }

  private func hash(after reading: ResourceReading) -> SetHash {
    var hash = held?.hash ?? .empty
    hash.insert(reading.hash)
    for resource in reading.resources {
      if let old = resources[sameAs: resource] { hash.remove(old.hash) }
    }
    for identity in reading.claimed {
      if let old = resources[identity] { hash.remove(old.hash) }
    }
    return hash
  }

  private mutating func apply(_ changes: [ResourceChange]) {
    for change in changes {
      if let new = change.new { resources.put(new) } else if let old = change.old { resources.remove(sameAs: old) }
    }
  }

  private mutating func apply(_ candidate: ConfigurationCandidate, whole: ResourceTable?) -> ConfigurationStep {
    resyncsInARow = 0
    state = .judging(candidate, whole: whole)
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
  mutating func add(_ resource: [UInt8], _ limits: ReplicaLimits, held: ResourceTable) -> Bool {
    bytes += resource.count
    guard bytes <= limits.bytes, reading.count < limits.resources else { return false }
    reading.read(resource, held: held)
    return true
  }
}

/// Resources of one revision while they are read: what was understood, what was not, and the hash of all of them.
private struct ResourceReading: Sendable {
  private(set) var resources = ResourceTable()
  private(set) var errors: [ResourceFault] = []
  private(set) var hash = SetHash.empty
  /// Identities that are spoken of and not among `resources`.
  private(set) var claimed: Set<ResourceIdentity> = []
  private(set) var count = 0

  /// Takes a resource; for one that is held with these very bytes, the one that is held.
  mutating func read(_ bytes: [UInt8], held: ResourceTable) {
    count += 1
    let hash = SetHash(of: bytes)
    self.hash.insert(hash)
    do {
      let read = try ReplicatedResource(reading: bytes, hash: hash)
      let same = held[sameAs: read].flatMap { $0.hash == hash ? $0 : nil }
      let isClaimed = !claimed.isEmpty && claimed.contains(read.identity)
      if isClaimed || !resources.add(same ?? read) { errors.append(Self.twice(read.identity)) }
    } catch {
      errors.append(error)
      // Its key still takes part in the hash, so that a fault of content is not mistaken for a loss on the way.
      if let identity = error.identity { claim(identity) }
    }
  }

  mutating func claim(_ identity: ResourceIdentity) {
    if resources[identity] != nil || !claimed.insert(identity).inserted { errors.append(Self.twice(identity)) }
  }

  private static func twice(_ identity: ResourceIdentity) -> ResourceFault {
    ResourceFault(identity: identity, message: "stands twice in one revision")
  }
}
