import MeshProtocol
import Synchronization
import SystemIO

/// The known proxies, shared by the mesh stream's thread, which tells, and the REST API, which asks.
final class ProxyLedger: ProxyDirectory {
  private let state: Mutex<KnownProxies>
  private let clocks: Clocks
  private let archive: any ProxyArchive
  private let epoch: @Sendable () -> [UInt8]

  /// Reads what the archive kept. `epoch` is asked each time: a store may begin a new history.
  init(
    archive: any ProxyArchive, clocks: Clocks, epoch: @escaping @Sendable () -> [UInt8],
    limits: LedgerLimits = LedgerLimits()
  ) throws {
    var known = KnownProxies(limits: limits)
    known.restore(try archive.knownProxies(), wall: clocks.wall())
    state = Mutex(known)
    self.archive = archive
    self.clocks = clocks
    self.epoch = epoch
  }

  // MARK: what the stream tells

  func published(_ namespace: String, _ version: ConfigurationVersion) {
    state.withLock { $0.published(namespace, version) }
  }

  func connected(_ hello: Heddle_Mesh_V1_Hello, from peer: StreamPeer = StreamPeer()) {
    let wall = clocks.wall()
    state.withLock { $0.connected(hello, from: peer, wall: wall) }
  }

  func sent(_ id: String, revision: UInt64, now: Instant) {
    state.withLock { $0.sent(id, revision: revision, now: now) }
  }

  func applied(_ id: String, _ version: ConfigurationVersion) {
    let wall = clocks.wall()
    resume(state.withLock { $0.applied(id, version, wall: wall) })
  }

  func refused(_ id: String, _ refusal: KnownProxyEntry.Refusal) {
    let wall = clocks.wall()
    resume(state.withLock { $0.refused(id, refusal, wall: wall) })
  }

  func resynced(_ id: String) { state.withLock { $0.resynced(id) } }

  func heard(_ id: String) {
    let wall = clocks.wall()
    state.withLock { $0.heard(id, wall: wall) }
  }

  func disconnected(_ id: String) {
    let wall = clocks.wall()
    resume(state.withLock { $0.disconnected(id, wall: wall) })
  }

  /// Opens barriers whose time is over.
  func expire(now: Instant) {
    let wall = clocks.wall()
    resume(state.withLock { $0.expire(now: now, wall: wall) })
  }

  /// Hands what changed to the archive, which writes it behind us.
  /// - Returns: whom it has forgotten since the last call.
  @discardableResult func store() -> [String] {
    let wall = clocks.wall()
    let changes = state.withLock { $0.unstoredChanges(wall: wall) }
    if !changes.keep.isEmpty { archive.keep(changes.keep) }
    if !changes.forget.isEmpty { archive.forget(changes.forget) }
    return changes.forget
  }

  // MARK: questions

  var wall: WallTime { clocks.wall() }

  /// What known proxies with an identity have said that they take.
  var inbounds: [(proxy: String, inbound: InboundClaims.Inbound)] { state.withLock { $0.inbounds } }

  /// What this instance refused last, also in earlier streams.
  func refusal(of id: String) -> KnownProxyEntry.Refusal? { state.withLock { $0.entries[id]?.refusal } }

  /// The namespace that a connected or known proxy said it belongs to.
  func namespace(of id: String) -> String? { state.withLock { $0.entries[id]?.hello.namespace } }

  func connectedCount(namespace: String) -> Int { state.withLock { $0.connectedCount(namespace) } }

  func lacking(_ capability: String, namespace: String) -> [String] {
    state.withLock { $0.lacking(capability, namespace) }
  }

  var connectedTotal: Int { state.withLock { $0.connectedTotal } }

  func list(namespace: String?) -> [ProxyStatus] {
    let now = clocks.monotonic()
    return state.withLock { $0.list(namespace, now: now) }
  }

  /// How many proxies are in each state.
  func counts(namespace: String? = nil) -> [ProxyState: Int] {
    let now = clocks.monotonic()
    return state.withLock { known in
      known.entries.values.reduce(into: [:]) { counts, entry in
        guard namespace == nil || entry.hello.namespace == namespace else { return }
        counts[known.state(of: entry, now: now), default: 0] += 1
      }
    }
  }

  /// Callers that wait for `applied`.
  var barrierCount: Int { state.withLock { $0.barrierCount } }

  func forget(_ id: String) -> Bool { state.withLock { $0.forget(id) } }

  func barrier(namespace: String, revision: UInt64, timeout: Duration, minApplied: Int) async -> BarrierResult {
    let now = clocks.monotonic()
    let wall = clocks.wall()
    let epoch = epoch()
    return await withCheckedContinuation { continuation in
      let standing = state.withLock { known in
        known.wait(
          namespace: namespace, revision: revision, epoch: epoch, minApplied: minApplied, now: now, wall: wall,
          deadline: now + timeout, resume: { continuation.resume(returning: $0) })
      }
      if let standing { continuation.resume(returning: standing) }
    }
  }

  private func resume(_ opened: [KnownProxies.Opened]) {
    for barrier in opened { barrier.resume(barrier.result) }
  }
}
