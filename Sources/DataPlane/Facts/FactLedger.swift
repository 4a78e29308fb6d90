import Telemetry
import Traffic

/// Series of cumulative totals with one cap: beyond it new keys fold into one, unused ones leave.
struct TotalSet<Key: Hashable & Sendable, Total: Sendable>: Sendable {
  private struct Entry: Sendable {
    var total: Total
    var lastUsed: UInt64
  }

  /// Series shown by a scrape. 10 000: more would neither fit a scrape nor a dashboard; at the limit new ones count
  /// as `_other`.
  static var limit: Int { 10_000 }

  private var entries: [Key: Entry] = [:]
  private let other: Key
  /// Keys that found no room.
  private(set) var folded: UInt64 = 0

  init(other: Key) { self.other = other }

  var count: Int { entries.count }
  var all: [(key: Key, value: Total)] { entries.map { ($0.key, $0.value.total) } }

  subscript(key: Key) -> Total? { entries[key]?.total }

  mutating func update(_ key: Key, now: UInt64, make: () -> Total, _ body: (inout Total) -> Void) {
    var key = key
    if entries[key] == nil, entries.count >= Self.limit {
      folded = folded.addingSaturating(1)
      key = other
    }
    var entry = entries[key] ?? Entry(total: make(), lastUsed: now)
    entry.lastUsed = now
    body(&entry.total)
    entries[key] = entry
  }

  mutating func expire(before oldest: UInt64) {
    entries = entries.filter { $0.value.lastUsed >= oldest }
  }
}

/// Durations and number of one cumulative series.
struct DurationTotal: Sendable {
  var count: UInt64 = 0
  var durations = BoundedHistogram()

  mutating func add(_ more: UInt64, _ durations: SparseHistogram) {
    count = count.addingSaturating(more)
    self.durations.merge(durations)
  }
}

struct RequestTotalKey: Hashable, Sendable {
  let service: String
  let direction: TrafficDirection
  let responseClass: ResponseClass
}

/// Attempts as a scrape shows them: endpoints are left to `/endpoints` and the reports, for they would multiply the
/// series.
struct AttemptTotalKey: Hashable, Sendable {
  let service: String
  let split: String
  let branch: String
  let backend: String
  let responseClass: ResponseClass
  let tryKind: FactTry
}

struct RetryTotalKey: Hashable, Sendable {
  let service: String
  let reason: RetryReason
}

struct AuthorizationTotalKey: Hashable, Sendable {
  let verdict: AuthorizationVerdict
  let authorization: String
}

/// What all workers counted since the process began, as `/metrics` shows it, and which services are in use.
struct FactLedger: Sendable {
  /// A series without counts for this long leaves: 10 minutes, in milliseconds.
  static let idle: UInt64 = 600_000

  private(set) var requests = TotalSet<RequestTotalKey, DurationTotal>(
    other: RequestTotalKey(service: "_other", direction: .outbound, responseClass: .success))
  private(set) var attempts = TotalSet<AttemptTotalKey, DurationTotal>(
    other: AttemptTotalKey(
      service: "_other", split: "", branch: "", backend: "_other", responseClass: .success, tryKind: .first))
  private(set) var retries = TotalSet<RetryTotalKey, UInt64>(other: RetryTotalKey(service: "_other", reason: .response))
  private(set) var bytes = [ByteFacts(), ByteFacts()]
  private(set) var tunnelBytes = ByteFacts()
  private(set) var ejections: UInt64 = 0
  private(set) var droppedFields = DroppedFields()
  private(set) var tlsFaults = TLSFaults()
  private(set) var endpointTLSFaults = TLSFaults()
  private(set) var detections = DetectionFacts()
  /// Connections taken, by listener.
  private(set) var accepted: [UInt64]
  private(set) var badProxyHeaders: UInt64 = 0
  private(set) var passedOn: UInt64 = 0
  private(set) var authorizations = TotalSet<AuthorizationTotalKey, UInt64>(
    other: AuthorizationTotalKey(verdict: .allowed, authorization: "_other"))
  private(set) var folded: UInt64 = 0
  private var gauges: [WorkerGauges]
  private var balances: [[BalanceFact]]
  private var services: [String: UInt64] = [:]

  init(workers: Int, listeners: Int) {
    accepted = Array(repeating: 0, count: listeners)
    gauges = Array(repeating: WorkerGauges(), count: workers)
    balances = Array(repeating: [], count: workers)
  }

  /// Adds what a worker counted. `now` in milliseconds of a steady clock.
  mutating func add(_ facts: WorkerFacts, worker: Int, now: UInt64) {
    for fact in facts.requests { add(fact, now) }
    for fact in facts.attempts { add(fact, now) }
    for fact in facts.retries {
      let key = RetryTotalKey(service: fact.service, reason: fact.reason)
      retries.update(key, now: now, make: { 0 }) { $0 = $0.addingSaturating(fact.count) }
    }
    for index in bytes.indices where index < facts.bytes.count {
      bytes[index].received = bytes[index].received.addingSaturating(facts.bytes[index].received)
      bytes[index].sent = bytes[index].sent.addingSaturating(facts.bytes[index].sent)
    }
    tunnelBytes.received = tunnelBytes.received.addingSaturating(facts.tunnelBytes.received)
    tunnelBytes.sent = tunnelBytes.sent.addingSaturating(facts.tunnelBytes.sent)
    ejections = ejections.addingSaturating(facts.ejections)
    droppedFields.heads = droppedFields.heads.addingSaturating(facts.droppedFields.heads)
    droppedFields.trailers = droppedFields.trailers.addingSaturating(facts.droppedFields.trailers)
    tlsFaults.add(facts.tlsFaults)
    endpointTLSFaults.add(facts.endpointTLSFaults)
    detections.add(facts.detections)
    for (index, count) in zip(accepted.indices, facts.accepted) {
      accepted[index] = accepted[index].addingSaturating(count)
    }
    for fact in facts.authorizations {
      let key = AuthorizationTotalKey(verdict: fact.verdict, authorization: fact.authorization)
      authorizations.update(key, now: now, make: { 0 }) { $0 = $0.addingSaturating(fact.count) }
    }
    passedOn = passedOn.addingSaturating(facts.passedOn)
    badProxyHeaders = badProxyHeaders.addingSaturating(facts.badProxyHeaders)
    folded = folded.addingSaturating(facts.folded)
    guard gauges.indices.contains(worker) else { return }
    gauges[worker] = facts.gauges
    balances[worker] = facts.requeueBalances
  }

  /// Lets go of what was not used for ten minutes.
  mutating func expire(now: UInt64) {
    let oldest = now > Self.idle ? now - Self.idle : 0
    requests.expire(before: oldest)
    attempts.expire(before: oldest)
    retries.expire(before: oldest)
    authorizations.expire(before: oldest)
    services = services.filter { $0.value >= oldest }
  }

  /// What is open over all workers, as of the last collection.
  var gauge: WorkerGauges {
    gauges.reduce(into: WorkerGauges()) { sum, one in
      sum.requestsInFlight += one.requestsInFlight
      sum.requestsPending += one.requestsPending
      sum.downstreamConnections += one.downstreamConnections
      sum.upstreamActive += one.upstreamActive
      sum.upstreamIdle += one.upstreamIdle
      sum.tunnels += one.tunnels
    }
  }

  /// Re-sends that could go out now by concrete name, over all workers, as of the last collection. Names beyond the limit of
  /// series are summed under `_other`.
  var requeueBalances: [BalanceFact] {
    var sums: [String: Int] = [:]
    for fact in balances.joined() { sums[fact.backend, default: 0] += fact.balance }
    let sorted = sums.sorted { $0.key < $1.key }.map { BalanceFact(backend: $0.key, balance: $0.value) }
    let rest = sorted.dropFirst(Self.balanceLimit)
    guard !rest.isEmpty else { return sorted }
    return sorted.prefix(Self.balanceLimit) + [
      BalanceFact(backend: "_other", balance: rest.reduce(0) { $0 + $1.balance })
    ]
  }

  /// Concrete names that a scrape shows the budget of; as for the other series.
  static let balanceLimit = 10_000

  /// Logical names that had requests in the last ten minutes.
  var activeServices: [String] { services.keys.sorted() }

  private mutating func add(_ fact: RequestFact, _ now: UInt64) {
    // The name of what found no room is no name to route by.
    if fact.service != "_other", services[fact.service] != nil || services.count < 10_000 {
      services[fact.service] = now
    }
    let key = RequestTotalKey(service: fact.service, direction: fact.direction, responseClass: fact.responseClass)
    requests.update(key, now: now, make: { DurationTotal() }) { $0.add(fact.count, fact.duration) }
  }

  private mutating func add(_ fact: AttemptFact, _ now: UInt64) {
    let key = AttemptTotalKey(
      service: fact.service, split: fact.split, branch: fact.branch, backend: fact.backend,
      responseClass: fact.responseClass, tryKind: fact.tryKind)
    attempts.update(key, now: now, make: { DurationTotal() }) { $0.add(fact.count, fact.duration) }
  }
}
