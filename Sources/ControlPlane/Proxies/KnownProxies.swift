import MeshProtocol
import SystemIO

/// Limits of what is remembered about proxies.
struct LedgerLimits: Sendable {
  /// How long a proxy that is gone still counts as known (contract.md, `wait=applied`).
  var memory: Duration = .seconds(24 * 3600)
  /// Known proxies. Why: instance ids are new with each start of a proxy. At the limit those gone longest are
  /// forgotten.
  var known = 50_000
  /// How old the stored time of a connected proxy may grow: after a crash of the controller it is wrong by this much.
  var renewal: Duration = .seconds(300)
  /// From sending a revision to calling its proxy stale.
  var stale: Duration = .seconds(15)
  /// Callers that wait for `applied` at once. At the limit the answer is what stands now.
  var barriers = 1024

  init() {}
}

/// One proxy that is or was connected.
struct KnownProxyEntry: Sendable {
  struct Refusal: Hashable, Sendable {
    let epoch: [UInt8]
    let revision: UInt64
    let message: String
  }

  /// Who it is; `last` is not kept here.
  var hello: Heddle_Mesh_V1_Hello
  /// Whence its stream came last.
  var peer = StreamPeer()
  /// What it says it runs.
  var applied: ConfigurationVersion?
  var sentRevision: UInt64 = 0
  /// Since when an answer to `sentRevision` is awaited.
  var awaitingSince: Instant?
  /// The newest refusal, until something newer is applied.
  var refusal: Refusal?
  /// Nil while it is away.
  var connectedSince: WallTime?
  var lastSeen: WallTime
  var storedSeen = WallTime(milliseconds: 0)
  var isToBeForgotten = false

  func runs(_ revision: UInt64, epoch: [UInt8]) -> Bool {
    guard let applied else { return false }
    return applied.epoch == epoch && applied.revision >= revision
  }

  func refuses(_ revision: UInt64, epoch: [UInt8]) -> Bool {
    guard let refusal else { return false }
    return refusal.epoch == epoch && refusal.revision >= revision
  }
}

/// The proxies that are or were connected, where each stands, and who waits for them. A value: time comes as an
/// argument.
struct KnownProxies: Sendable {
  private(set) var entries: [String: KnownProxyEntry] = [:]
  private var currents: [String: ConfigurationVersion] = [:]
  private var connected: [String: Int] = [:]
  private var nodes: [NodeKey: Int] = [:]
  private var barriers: [UInt64: Barrier] = [:]
  private var lastBarrier: UInt64 = 0
  private var unstored: Set<String> = []
  let limits: LedgerLimits

  private struct NodeKey: Hashable {
    let namespace: String
    let node: String
  }

  /// What stands when a barrier opens.
  struct Opened {
    let result: BarrierResult
    let resume: @Sendable (BarrierResult) -> Void
  }

  private struct Barrier: Sendable {
    let namespace: String
    let revision: UInt64
    let epoch: [UInt8]
    let minApplied: Int
    let deadline: Instant
    var pending: Set<String>
    let resume: @Sendable (BarrierResult) -> Void
  }

  init(limits: LedgerLimits = LedgerLimits()) { self.limits = limits }

  // MARK: what the stream tells

  /// The namespace's newest revision.
  mutating func published(_ namespace: String, _ version: ConfigurationVersion) { currents[namespace] = version }

  mutating func connected(_ hello: Heddle_Mesh_V1_Hello, from peer: StreamPeer = StreamPeer(), wall: WallTime) {
    let id = hello.instanceID
    var entry = entries[id] ?? KnownProxyEntry(hello: hello, lastSeen: wall)
    if entry.connectedSince != nil { leave(entry) }
    entry.hello = hello
    entry.hello.clearLast()
    entry.peer = peer
    entry.applied = ConfigurationVersion(hello.last)
    entry.sentRevision = entry.applied?.revision ?? 0
    entry.awaitingSince = nil
    entry.connectedSince = wall
    entry.lastSeen = wall
    entry.isToBeForgotten = false
    entries[id] = entry
    connected[hello.namespace, default: 0] += 1
    nodes[NodeKey(namespace: hello.namespace, node: hello.node), default: 0] += 1
    unstored.insert(id)
    for (key, barrier) in barriers where barrier.namespace == hello.namespace && isPending(entry, barrier) {
      barriers[key]?.pending.insert(id)
    }
  }

  mutating func sent(_ id: String, revision: UInt64, now: Instant) {
    entries[id]?.sentRevision = revision
    entries[id]?.awaitingSince = now
  }

  mutating func applied(_ id: String, _ version: ConfigurationVersion, wall: WallTime) -> [Opened] {
    guard entries[id] != nil else { return [] }
    entries[id]?.applied = version
    entries[id]?.awaitingSince = nil
    if let refusal = entries[id]?.refusal, refusal.epoch != version.epoch || refusal.revision <= version.revision {
      entries[id]?.refusal = nil
    }
    return settle(id, wall: wall)
  }

  mutating func refused(_ id: String, _ refusal: KnownProxyEntry.Refusal, wall: WallTime) -> [Opened] {
    entries[id]?.refusal = refusal
    entries[id]?.awaitingSince = nil
    return settle(id, wall: wall)
  }

  /// It sends a snapshot again: what was sent is no longer awaited.
  mutating func resynced(_ id: String) { entries[id]?.awaitingSince = nil }

  mutating func heard(_ id: String, wall: WallTime) { entries[id]?.lastSeen = wall }

  mutating func disconnected(_ id: String, wall: WallTime) -> [Opened] {
    guard var entry = entries[id], entry.connectedSince != nil else { return [] }
    leave(entry)
    entry.connectedSince = nil
    entry.awaitingSince = nil
    entry.lastSeen = wall
    entries[id] = entry.isToBeForgotten ? nil : entry
    unstored.insert(id)
    return settle(id, wall: wall)
  }

  private mutating func leave(_ entry: KnownProxyEntry) {
    let namespace = entry.hello.namespace
    connected[namespace] = connected[namespace].flatMap { $0 > 1 ? $0 - 1 : nil }
    let key = NodeKey(namespace: namespace, node: entry.hello.node)
    nodes[key] = nodes[key].flatMap { $0 > 1 ? $0 - 1 : nil }
  }

  // MARK: questions

  func connectedCount(_ namespace: String) -> Int { connected[namespace] ?? 0 }
  func lacking(_ capability: String, _ namespace: String) -> [String] {
    entries.values.filter { entry in
      entry.connectedSince != nil && entry.hello.namespace == namespace
        && !entry.hello.capabilities.contains(capability)
    }.map(\.hello.instanceID).sorted()
  }

  var inbounds: [(proxy: String, inbound: InboundClaims.Inbound)] {
    entries.compactMap { id, entry in InboundClaims.Inbound(entry.hello, entry.peer).map { (id, $0) } }
  }

  var barrierCount: Int { barriers.count }
  var connectedTotal: Int { connected.values.reduce(0, +) }

  func list(_ namespace: String?, now: Instant) -> [ProxyStatus] {
    entries.values.filter { namespace == nil || $0.hello.namespace == namespace }
      .map { status(of: $0, now: now) }.sorted { $0.id < $1.id }
  }

  func state(of entry: KnownProxyEntry, now: Instant) -> ProxyState {
    guard entry.connectedSince != nil else { return .disconnected }
    guard let current = currents[entry.hello.namespace] else { return .pending }
    if entry.refuses(current.revision, epoch: current.epoch) { return .rejected }
    if let applied = entry.applied, applied.epoch == current.epoch, applied.revision >= current.revision {
      return applied == current ? .synced : .stale
    }
    if let since = entry.awaitingSince, now - since > limits.stale { return .stale }
    return .pending
  }

  private func status(of entry: KnownProxyEntry, now: Instant) -> ProxyStatus {
    let hello = entry.hello
    return ProxyStatus(
      id: hello.instanceID, node: hello.node, namespace: hello.namespace, address: hello.address, labels: hello.labels,
      zone: hello.zone, version: hello.version, capabilities: hello.capabilities, connectedSince: entry.connectedSince,
      lastSeen: entry.lastSeen, revisionHeld: entry.sentRevision, revisionAcknowledged: entry.applied?.revision ?? 0,
      lastError: entry.refusal?.message, state: state(of: entry, now: now), warnings: warnings(about: entry),
      identity: entry.peer.identity?.description)
  }

  private func warnings(about entry: KnownProxyEntry) -> [String] {
    guard entry.connectedSince != nil else { return [] }
    var warnings: [String] = []
    let hello = entry.hello
    if let same = nodes[NodeKey(namespace: hello.namespace, node: hello.node)], same > 1 {
      warnings.append("\(same) connected proxies have the node name \(hello.node)")
    }
    guard let current = currents[hello.namespace] else { return warnings }
    if current.revision == 0 { warnings.append("namespace \(hello.namespace) does not exist") }
    if let applied = entry.applied, applied.epoch == current.epoch, applied.revision >= current.revision,
      applied != current
    {
      warnings.append(
        "runs revision \(applied.revision), which this controller has lost: newest here is \(current.revision)")
    }
    return warnings
  }

  // MARK: barriers

  /// Nil: the caller waits and `resume` is called once. Else the answer stands already.
  mutating func wait(
    namespace: String, revision: UInt64, epoch: [UInt8], minApplied: Int, now: Instant, wall: WallTime,
    deadline: Instant,
    resume: @escaping @Sendable (BarrierResult) -> Void
  ) -> BarrierResult? {
    var barrier = Barrier(
      namespace: namespace, revision: revision, epoch: epoch, minApplied: minApplied, deadline: deadline, pending: [],
      resume: resume)
    for (id, entry) in entries where entry.hello.namespace == namespace && isPending(entry, barrier) {
      barrier.pending.insert(id)
    }
    if barrier.pending.isEmpty || deadline <= now || barriers.count >= limits.barriers {
      return result(barrier, wall: wall)
    }
    lastBarrier += 1
    barriers[lastBarrier] = barrier
    return nil
  }

  private func isPending(_ entry: KnownProxyEntry, _ barrier: Barrier) -> Bool {
    entry.connectedSince != nil && !entry.runs(barrier.revision, epoch: barrier.epoch)
      && !entry.refuses(barrier.revision, epoch: barrier.epoch)
  }

  /// A proxy's standing changed: barriers that waited for it alone open.
  private mutating func settle(_ id: String, wall: WallTime) -> [Opened] {
    var opened: [Opened] = []
    for (key, barrier) in barriers where barrier.pending.contains(id) {
      if let entry = entries[id], isPending(entry, barrier) { continue }
      barriers[key]?.pending.remove(id)
      if barriers[key]?.pending.isEmpty == true { opened.append(open(key, barrier, wall: wall)) }
    }
    return opened
  }

  private mutating func open(_ key: UInt64, _ barrier: Barrier, wall: WallTime) -> Opened {
    barriers[key] = nil
    return Opened(result: result(barrier, wall: wall), resume: barrier.resume)
  }

  private func result(_ barrier: Barrier, wall: WallTime) -> BarrierResult {
    var applied = 0
    var pending: [String] = []
    var rejected: [BarrierResult.Rejection] = []
    var disconnected: [String] = []
    for (id, entry) in entries where entry.hello.namespace == barrier.namespace {
      if entry.connectedSince == nil {
        if !isExpired(entry, wall: wall) { disconnected.append(id) }
      } else if entry.runs(barrier.revision, epoch: barrier.epoch) {
        applied += 1
      } else if entry.refuses(barrier.revision, epoch: barrier.epoch) {
        rejected.append(BarrierResult.Rejection(id: id, error: entry.refusal?.message ?? ""))
      } else {
        pending.append(id)
      }
    }
    let isComplete = pending.isEmpty && rejected.isEmpty && disconnected.isEmpty && applied >= barrier.minApplied
    return BarrierResult(
      revision: barrier.revision, complete: isComplete, applied: applied, pending: pending.sorted(),
      rejected: rejected.sorted { $0.id < $1.id }, disconnected: disconnected.sorted())
  }

  // MARK: time and disk

  /// Opens the barriers whose time is over; all of them when `now` is the distant future.
  mutating func expire(now: Instant, wall: WallTime) -> [Opened] {
    let due = barriers.filter { $0.value.deadline <= now }
    return due.map { open($0.key, $0.value, wall: wall) }
  }

  /// What changed on disk since the last call: proxies to keep, and ids to forget.
  mutating func unstoredChanges(wall: WallTime) -> (keep: [KnownProxy], forget: [String]) {
    forgetOld(wall: wall)
    for (id, entry) in entries where entry.connectedSince != nil {
      if wall.milliseconds - entry.storedSeen.milliseconds >= limits.renewal.wholeMilliseconds {
        entries[id]?.lastSeen = max(entry.lastSeen, wall)
        unstored.insert(id)
      }
    }
    var keep: [KnownProxy] = []
    var forget: [String] = []
    for id in unstored {
      guard let entry = entries[id] else {
        forget.append(id)
        continue
      }
      entries[id]?.storedSeen = entry.lastSeen
      keep.append(record(of: entry))
    }
    unstored = []
    return (keep, forget)
  }

  private func record(of entry: KnownProxyEntry) -> KnownProxy {
    var document = entry.hello
    if let applied = entry.applied { document.last = applied.wire }
    return KnownProxy(
      id: document.instanceID, namespace: document.namespace, document: document.encodedBytes(), seenAt: entry.lastSeen,
      identity: entry.peer.identity?.description, host: entry.peer.host.isEmpty ? nil : entry.peer.host)
  }

  /// Takes what was kept on disk, at start. A record that does not read is left out: its proxy will say Hello again.
  mutating func restore(_ records: [KnownProxy], wall: WallTime) {
    for record in records {
      guard let hello = try? Heddle_Mesh_V1_Hello(serializedBytes: record.document), hello.instanceID == record.id
      else {
        unstored.insert(record.id)
        continue
      }
      var entry = KnownProxyEntry(hello: hello, lastSeen: record.seenAt)
      entry.applied = ConfigurationVersion(hello.last)
      entry.hello.clearLast()
      entry.peer = StreamPeer(host: record.host ?? "", identity: record.identity.flatMap { SPIFFEID($0) })
      entry.storedSeen = record.seenAt
      entries[record.id] = entry
    }
    forgetOld(wall: wall)
  }

  /// False: no such proxy. A connected one goes when it disconnects.
  mutating func forget(_ id: String) -> Bool {
    guard let entry = entries[id] else { return false }
    if entry.connectedSince != nil {
      entries[id]?.isToBeForgotten = true
    } else {
      entries[id] = nil
      unstored.insert(id)
    }
    return true
  }

  private func isExpired(_ entry: KnownProxyEntry, wall: WallTime) -> Bool {
    entry.connectedSince == nil && wall.milliseconds - entry.lastSeen.milliseconds > limits.memory.wholeMilliseconds
  }

  private mutating func forgetOld(wall: WallTime) {
    for (id, entry) in entries where isExpired(entry, wall: wall) {
      entries[id] = nil
      unstored.insert(id)
    }
    guard entries.count > limits.known else { return }
    let gone = entries.filter { $0.value.connectedSince == nil }.sorted { $0.value.lastSeen < $1.value.lastSeen }
    for (id, _) in gone.prefix(entries.count - limits.known) {
      entries[id] = nil
      unstored.insert(id)
    }
  }
}
