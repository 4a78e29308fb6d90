import MeshProtocol
import Synchronization
import SystemIO
import Telemetry

/// Limits of what the proxies' reports may cost.
struct MeasurementLimits: Sendable {
  /// Series of one namespace in one slot. Why: some 350 bytes each, 141 slots. Beyond: counted under `_other`.
  var seriesPerSlot = 10_000
  /// Series remembered by name before old ones are looked for.
  var names = 40_000

  init() {}
}

/// The proxies' reports of all namespaces, summed over proxies, by the time they came (never by a proxy's clock):
/// seconds for the last minute, tens of seconds for the last ten.
final class MeasurementStore: MetricsStore {
  static let other = "_other"

  private let state = Mutex<[String: Measurements]>([:])
  private let clocks: Clocks
  private let limits: MeasurementLimits
  private let counters: MeshCounters

  init(clocks: Clocks, counters: MeshCounters, limits: MeasurementLimits = MeasurementLimits()) {
    self.clocks = clocks
    self.counters = counters
    self.limits = limits
  }

  /// Adds a checked report.
  func add(_ deltas: [CheckedDelta], namespace: String, proxy: String, now: Instant) {
    let folded = state.withLock { state in
      state[namespace, default: Measurements(start: now)].add(deltas, proxy: proxy, now: now, limits)
    }
    if folded > 0 { counters.dropped(.storeCap, folded) }
  }

  func query(namespace: String, groupBy: MetricGrouping, window: Duration) -> [MetricRow] {
    let now = clocks.monotonic()
    let cells = state.withLock { $0[namespace]?.cells(groupBy, last: Measurements.seconds(window), now: now) }
    guard let (cells, seconds) = cells else { return [] }
    return cells.map { Self.row($0, $1, seconds: seconds) }.sorted { a, b in
      a.requestsPerSecond == b.requestsPerSecond
        ? a.labels.map(\.value).lexicographicallyPrecedes(b.labels.map(\.value))
        : a.requestsPerSecond > b.requestsPerSecond
    }
  }

  private static func row(_ group: GroupKey, _ cell: GoldenCell, seconds: Double) -> MetricRow {
    let quantiles = cell.quantiles([0.5, 0.95, 0.99])
    let total = Double(cell.total)
    return MetricRow(
      labels: zip(group.names, group.values).map { (name: $0, value: $1) }, inbound: group.inbound,
      requestsPerSecond: total / seconds, successRate: cell.total > 0 ? Double(cell.success) / total : nil,
      p50: quantiles[0], p95: quantiles[1], p99: quantiles[2])
  }
}

/// One row of an answer: label names and values.
struct GroupKey: Hashable, Sendable {
  var names: [String]
  var values: [String]
  var inbound = false

  /// Nil: the series does not belong in this grouping.
  init?(_ key: SeriesKey, _ grouping: MetricGrouping) {
    switch (grouping, key) {
    case (.service, .request(let service, let inbound)):
      (names, values, self.inbound) = (["service"], [service], inbound)
    case (.backend, .attempt(let service, let split, let branch, let backend, _)):
      (names, values) = (["service", "backend"], [service, backend])
      if !split.isEmpty {
        names += ["split", "branch"]
        values += [split, branch]
      }
    case (.endpoint, .attempt(_, _, _, let backend, let endpoint)):
      (names, values) = (["backend", "endpoint"], [backend, endpoint])
    case (.proxy, .proxy(let id, let inbound)):
      (names, values, self.inbound) = (["proxy"], [id], inbound)
    default: return nil
    }
  }
}

/// One namespace's measurements.
private struct Measurements: Sendable {
  private var table = SeriesTable()
  private var seconds = SlotRing(width: 1, count: 76)
  private var minutes = SlotRing(width: 10, count: 67)
  private let start: Instant

  init(start: Instant) { self.start = start }

  /// At least 1, at most what the rings hold.
  static func seconds(_ window: Duration) -> UInt64 {
    UInt64(clamping: (window.wholeNanoseconds.magnitude + 999_999_999) / 1_000_000_000).clamped(1, 660)
  }

  /// The number of deltas that were folded into `_other`.
  mutating func add(_ deltas: [CheckedDelta], proxy: String, now: Instant, _ limits: MeasurementLimits) -> Int {
    if table.count > limits.names { table.forget(unseenSince: now - .seconds(minutes.seconds + minutes.width)) }
    var folded = 0
    for delta in deltas {
      let isSuccess = delta.isSuccess
      let (key, other) = (delta.key, delta.key.folded)
      let add = { (cell: inout GoldenCell) in cell.add(delta.count, isSuccess: isSuccess, delta.durations) }
      if !put(key, now, limits.seriesPerSlot, add) {
        folded += 1
        _ = put(other, now, .max, add)
      }
      guard case .request(_, let inbound) = key else { continue }
      let series = table.number(.proxy(id: proxy, inbound: inbound), now: now)
      // Proxies are counted apart from the names that they may invent, and only in the coarse ring: there may be 10
      // 000.
      _ = minutes.update(series, now: now, limit: .max) {
        $0.addCoarsely(delta.count, isSuccess: isSuccess, delta.durations)
      }
    }
    return folded
  }

  private mutating func put(
    _ key: SeriesKey, _ now: Instant, _ limit: Int, _ add: (inout GoldenCell) -> Void
  ) -> Bool {
    let series = table.number(key, now: now)
    let isShort = seconds.update(series, now: now, limit: limit, add)
    guard isShort else { return false }
    return minutes.update(series, now: now, limit: .max, add)
  }

  /// The groups' cells, and the seconds that they cover.
  func cells(_ grouping: MetricGrouping, last wanted: UInt64, now: Instant) -> (
    cells: [GroupKey: GoldenCell], seconds: Double
  ) {
    let ring = wanted <= seconds.seconds && grouping != .proxy ? seconds : minutes
    var groups: [GroupKey: GoldenCell] = [:]
    var known: [Int32: GroupKey?] = [:]
    ring.forEach(last: wanted, now: now) { series, cell in
      let group = known[series] ?? table.key(series).flatMap { GroupKey($0, grouping) }
      known[series] = .some(group)
      guard let group else { return }
      groups[group, default: GoldenCell()].merge(cell)
    }
    let covered = Double(now.nanoseconds(since: start)) / 1e9
    return (groups, max(1, min(Double(wanted), covered)))
  }
}

extension SeriesKey {
  /// Where it counts when there are too many.
  var folded: SeriesKey {
    let other = MeasurementStore.other
    return switch self {
    case .request(_, let inbound): .request(service: other, inbound: inbound)
    case .attempt: .attempt(service: other, split: "", branch: "", backend: other, endpoint: other)
    case .proxy(_, let inbound): .proxy(id: other, inbound: inbound)
    }
  }
}

extension UInt64 {
  fileprivate func clamped(_ low: UInt64, _ high: UInt64) -> UInt64 { Swift.min(Swift.max(self, low), high) }
}
