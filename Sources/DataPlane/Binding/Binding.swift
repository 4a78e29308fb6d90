import Memory
import MeshProtocol
import SystemIO
import Traffic

/// One logical name (with the request's own dentries, if it brought any) as this worker has bound it.
///
/// A request costs a look-up of the binding and a pick; rules are read again only when a change of the table touches a name this
/// binding went through, and the compiled route is made again only when a concrete name changes its state.
struct Binding {
  /// The key in the worker's table: the name as dtabs write it, and after a zero byte the request's own dentries.
  let key: [UInt8]
  /// The logical name.
  let path: Path
  /// `path` as text, the `service` of metrics.
  let service: String
  /// The request's own dentries.
  let local: [RuleEntry]
  /// Inbound: the application's.
  var direction = TrafficDirection.outbound
  var delegation: Delegation
  var route: RouteTree
  var leaves: [BoundLeaf] = []
  /// Table this binding is known to agree with.
  var generation: UInt64
  /// State of the worker's clusters that `route` was compiled for.
  var statesSeen: UInt64
  var requestSeries: Int32
  /// What holds for the name; nil: no policy is for it.
  var policy: BoundPolicy?
  /// Requests between head and last byte of answer.
  var inFlight: Int32 = 0
  /// One more gets 503 `overload`.
  let inFlightLimit: Int32
  /// Clusters this binding keeps alive.
  var held: [ClusterIndex] = []
  /// Callers whose request waits for a concrete name's first answer, oldest first.
  var waiters: [Handle] = []
  var lastUsed: Instant
  var isFree = false
  /// Differs whenever the slot holds another binding: what remembers an index remembers this too.
  var serial: UInt32 = 0
}

/// The policy of a binding's name, with the budget that it is kept within.
struct BoundPolicy {
  let terms: NamePolicy
  /// Of this worker.
  var tokens: TokenBudget

  /// - Parameters:
  ///   - share: this proxy's share of the fleet's floor, 0 to 1.
  ///   - workers: among which the proxy divides it.
  init(_ terms: NamePolicy, share: Double, workers: Int, now: Instant) {
    self.terms = terms
    let budget = terms.retries.budget
    tokens = TokenBudget(
      ttlNanoseconds: budget.window,
      minRetriesPerSecond: RequeueFloor.ofWorker(budget.floor, share: share, workers: workers), percent: budget.share,
      now: now.nanoseconds)
  }

  mutating func setFloor(share: Double, workers: Int) {
    tokens.setFloor(
      perSecond: RequeueFloor.ofWorker(terms.retries.budget.floor, share: share, workers: workers))
  }
}

/// A leaf of a binding's route, with everything a request needs that does not change from request to request.
struct BoundLeaf {
  let cluster: ClusterIndex
  let split: String
  let branch: String
  /// Header lines for the service, ready to be copied: who was asked for, where it was bound, that we passed it on.
  let headers: [UInt8]
  /// Attempt series by endpoint index; a slot's serial tells whether the endpoint there is still the one counted.
  var series: [EndpointSeries] = []

  struct EndpointSeries {
    var serial: UInt32
    var number: Int32
  }
}

/// The rule changes of the last tables: what lets a binding know, without binding again, that nothing it went through has changed.
struct RecentChanges {
  /// A binding unused for longer than this many changes is bound anew: that costs microseconds.
  static let kept = 256

  private var entries: [(generation: UInt64, prefixes: [Prefix]?)] = []

  /// The newest table's generation and what it changed; `nil` = everything.
  mutating func append(_ generation: UInt64, _ prefixes: [Prefix]?) {
    if entries.count == Self.kept { entries.removeFirst(Self.kept / 2) }
    entries.append((generation, prefixes))
  }

  /// Whether any change after `generation` could alter this delegation. True when that is no longer known.
  func affect(_ delegation: Delegation, since generation: UInt64) -> Bool {
    guard let first = entries.first, generation &+ 1 >= first.generation else { return true }
    var expected = generation &+ 1
    for entry in entries where entry.generation > generation {
      guard entry.generation == expected, let prefixes = entry.prefixes else { return true }
      if delegation.isAffected(by: prefixes) { return true }
      expected &+= 1
    }
    return false
  }
}
