import MeshProtocol
import SystemIO

/// A whole configuration as it travels, shared by all proxies that need it.
final class EncodedSnapshot: Sendable {
  let version: ConfigurationVersion
  /// Framed messages.
  let parts: [[UInt8]]
  let byteCount: Int

  init(version: ConfigurationVersion, parts: [[UInt8]]) {
    self.version = version
    self.parts = parts
    byteCount = parts.reduce(0) { $0 + $1.count }
  }
}

/// One namespace's configuration on its way out: the newest state, the steps that led to it, and both as bytes, encoded
/// once for all proxies.
struct NamespaceFeed {
  private(set) var current: NamespaceSnapshot
  private var steps: [Step] = []
  private var keyCount = 0
  private var snapshot: EncodedSnapshot?
  private var deltas: [UInt64: [UInt8]] = [:]
  private var currentMessage: [UInt8]?
  private var heartbeat: [UInt8]?
  private let limits: StreamLimits

  private struct Step {
    let base: UInt64
    let baseHash: SetHash
    let target: UInt64
    let publishedAt: Instant
    let keys: [ResourceKey]
  }

  init(current: NamespaceSnapshot, limits: StreamLimits) {
    self.current = current
    self.limits = limits
  }

  var version: ConfigurationVersion { current.version }

  /// Takes a change. False: it is contained in the current state already.
  mutating func advance(_ change: ConfigurationChange) -> Bool {
    let isNewHistory = change.after.epoch != current.epoch
    guard isNewHistory || change.after.revision > current.revision else { return false }
    if isNewHistory || change.before.revision != current.revision { forgetSteps() }
    let keys = change.upserts.map(\.key) + change.removes
    steps.append(
      Step(
        base: change.before.revision, baseHash: change.before.hash, target: change.after.revision,
        publishedAt: change.after.publishedAt, keys: keys))
    keyCount += keys.count
    trim()
    current = change.after
    deltas = [:]
    currentMessage = nil
    heartbeat = nil
    return true
  }

  /// When a revision was published, if that is remembered.
  func publishedAt(_ revision: UInt64) -> Instant? {
    guard let index = index(where: { $0.target >= revision }), steps[index].target == revision else { return nil }
    return steps[index].publishedAt
  }

  /// One step from what a proxy holds to the newest revision, framed. Nil: only a snapshot leads there.
  mutating func delta(from held: ConfigurationVersion) -> [UInt8]? {
    guard held.epoch == current.epoch, let index = index(where: { $0.base >= held.revision }),
      steps[index].base == held.revision, steps[index].baseHash == held.hash
    else { return nil }
    if let cached = deltas[held.revision] { return cached }
    guard let delta = encodeDelta(from: index) else { return nil }
    if deltas.count < limits.cachedDeltas { deltas[held.revision] = delta }
    return delta
  }

  /// The whole configuration. A large one is encoded again only when the one at hand can no longer be stepped on from:
  /// under constant change each newcomer would else cost a whole encoding.
  mutating func wholeSnapshot() -> EncodedSnapshot {
    if let snapshot {
      if snapshot.version == version { return snapshot }
      if snapshot.parts.count > 4, delta(from: snapshot.version) != nil { return snapshot }
    }
    let encoded = encodeSnapshot()
    snapshot = encoded
    return encoded
  }

  /// "You hold what is current", framed.
  mutating func currentFramed() -> [UInt8] {
    if let currentMessage { return currentMessage }
    var message = Heddle_Mesh_V1_Current()
    message.version = version.wire
    let framed = Heddle_Mesh_V1_ControlMessage.framed(.current(message))
    currentMessage = framed
    return framed
  }

  mutating func heartbeatFramed() -> [UInt8] {
    if let heartbeat { return heartbeat }
    var message = Heddle_Mesh_V1_Heartbeat()
    message.revision = current.revision
    let framed = Heddle_Mesh_V1_ControlMessage.framed(.heartbeat(message))
    heartbeat = framed
    return framed
  }

  // MARK: encoding

  private func encodeDelta(from index: Int) -> [UInt8]? {
    var message = Heddle_Mesh_V1_Delta()
    message.baseRevision = steps[index].base
    message.version = version.wire
    var bytes = 0
    for key in Set(steps[index...].lazy.flatMap(\.keys)) {
      if let resource = current.resources[key] {
        bytes += resource.bytes.count + 8
        message.upserts.append(.init(resource.bytes))
      } else {
        bytes += key.name.utf8.count + 16
        message.removes.append(key.identity.wire)
      }
      if bytes > limits.deltaBytes { return nil }
    }
    return Heddle_Mesh_V1_ControlMessage.framed(.delta(message))
  }

  private func encodeSnapshot() -> EncodedSnapshot {
    var parts: [[UInt8]] = []
    var part = Heddle_Mesh_V1_Snapshot()
    part.version = version.wire
    var bytes = 0
    for resource in current.resources.values {
      if bytes > 0, bytes + resource.bytes.count > MeshLimits.snapshotPart {
        parts.append(Heddle_Mesh_V1_ControlMessage.framed(.snapshot(part)))
        part.part += 1
        part.resources.removeAll(keepingCapacity: true)
        bytes = 0
      }
      part.resources.append(.init(resource.bytes))
      bytes += resource.bytes.count
    }
    part.last = true
    parts.append(Heddle_Mesh_V1_ControlMessage.framed(.snapshot(part)))
    return EncodedSnapshot(version: version, parts: parts)
  }

  // MARK: steps

  private mutating func forgetSteps() {
    steps = []
    keyCount = 0
    snapshot = nil
  }

  /// Removes in lumps, so that a step costs constant time.
  private mutating func trim() {
    guard steps.count > limits.rememberedSteps || keyCount > limits.rememberedKeys else { return }
    var kept = keyCount
    var first = 0
    while first < steps.count, steps.count - first > limits.rememberedSteps / 2 || kept > limits.rememberedKeys / 2 {
      kept -= steps[first].keys.count
      first += 1
    }
    steps.removeFirst(first)
    keyCount = kept
  }

  /// Binary search; steps are in ascending order.
  private func index(where isReached: (Step) -> Bool) -> Int? {
    var low = 0
    var high = steps.count
    while low < high {
      let middle = (low + high) / 2
      if isReached(steps[middle]) { high = middle } else { low = middle + 1 }
    }
    return low < steps.count ? low : nil
  }
}

extension ResourceKey {
  /// As it stands on the wire.
  var identity: ResourceIdentity {
    switch kind {
    case .rule: ResourceIdentity(kind: .rule, name: name)
    case .split: ResourceIdentity(kind: .split, name: name)
    case .route: ResourceIdentity(kind: .route, name: name)
    case .authorization: ResourceIdentity(kind: .authorization, name: name)
    }
  }
}
