import MeshProtocol
import Telemetry
import Traffic

/// Metrics on their way to the controller: one report is out at a time and is sent again unchanged until it is
/// acknowledged; what is counted meanwhile merges behind it.
struct ReportQueue {
  /// Series waiting behind a report. 20 000: with a controller that stays away, memory must not grow with time;
  /// series beyond it are dropped and counted in `dropped`.
  static let limit = 20_000
  /// Encoded bytes of one report, well below the 1 MiB of a message; what does not fit goes into the next.
  static let reportBytes = 768 << 10

  private struct RequestSeries {
    var count: UInt64 = 0
    var durations = Histogram()
  }

  private let instance: String
  private var requests: [RequestTotalKey: RequestSeries] = [:]
  private var attempts: [AttemptReportKey: RequestSeries] = [:]
  private var gauges: [(String, Double)] = []
  private var waitingSince: UInt64
  private var sequence: UInt64 = 0
  private var unacknowledged: [UInt8]?
  /// Series that found no room while the controller was away.
  private(set) var dropped: UInt64 = 0

  /// `instance` is the proxy's instance id; `now` in milliseconds of a steady clock.
  init(instance: String, now: UInt64) {
    self.instance = instance
    waitingSince = now
  }

  /// Whether a report was sent and not acknowledged.
  var isWaiting: Bool { unacknowledged != nil }

  /// Merges what a worker counted behind the report that is out.
  mutating func add(_ facts: WorkerFacts) {
    for fact in facts.requests {
      let key = RequestTotalKey(service: fact.service, direction: fact.direction, responseClass: fact.responseClass)
      guard hasRoom(requests[key] != nil) else { continue }
      requests[key, default: RequestSeries()].count += fact.count
      requests[key, default: RequestSeries()].durations.merge(fact.duration)
    }
    for fact in facts.attempts {
      let key = AttemptReportKey(fact)
      guard hasRoom(attempts[key] != nil) else { continue }
      attempts[key, default: RequestSeries()].count += fact.count
      attempts[key, default: RequestSeries()].durations.merge(fact.duration)
    }
  }

  /// The gauges that the next report carries.
  mutating func set(gauges: [(String, Double)]) { self.gauges = gauges }

  /// The bytes to send now: the report that is out, unchanged, or a new one from what waits.
  mutating func next(now: UInt64) -> [UInt8] {
    if let unacknowledged { return unacknowledged }
    var report = Heddle_Mesh_V1_MetricsReport()
    report.instanceID = instance
    report.sequence = sequence + 1
    report.intervalMs = UInt32(clamping: now >= waitingSince ? now - waitingSince : 0)
    fill(&report)
    for (name, value) in gauges {
      var sample = Heddle_Mesh_V1_GaugeSample()
      sample.name = name
      sample.value = value
      report.gauges.append(sample)
    }
    sequence += 1
    waitingSince = now
    let bytes = report.encodedBytes()
    unacknowledged = bytes
    return bytes
  }

  /// The controller counted everything up to this sequence. An acknowledgement of what was never sent is ignored.
  mutating func acknowledged(_ acknowledged: UInt64) {
    if acknowledged == sequence { unacknowledged = nil }
  }

  private mutating func hasRoom(_ isKnown: Bool) -> Bool {
    if isKnown || requests.count + attempts.count < Self.limit { return true }
    dropped = dropped.addingSaturating(1)
    return false
  }

  /// Moves series into the report while they surely fit.
  private mutating func fill(_ report: inout Heddle_Mesh_V1_MetricsReport) {
    var room = Self.reportBytes
    for (key, series) in requests {
      let delta = requestDelta(key, series)
      let size = estimate(delta.duration) + key.service.utf8.count
      guard size <= room else { break }
      room -= size
      report.requests.append(delta)
      requests[key] = nil
    }
    for (key, series) in attempts {
      let delta = attemptDelta(key, series)
      let size = estimate(delta.duration) + key.textSize
      guard size <= room else { break }
      room -= size
      report.attempts.append(delta)
      attempts[key] = nil
    }
  }

  /// An upper bound of the encoded size: 2 bytes an index, at most 10 a count, and the message's frame.
  private func estimate(_ histogram: Heddle_Mesh_V1_Histogram) -> Int { 64 + histogram.buckets.count * 12 }

  private func requestDelta(_ key: RequestTotalKey, _ series: RequestSeries) -> Heddle_Mesh_V1_RequestDelta {
    var delta = Heddle_Mesh_V1_RequestDelta()
    delta.service = key.service
    delta.direction = key.direction == .outbound ? .outbound : .inbound
    delta.class = key.responseClass.wire
    delta.count = series.count
    delta.duration = series.durations.wire
    return delta
  }

  private func attemptDelta(_ key: AttemptReportKey, _ series: RequestSeries) -> Heddle_Mesh_V1_AttemptDelta {
    var delta = Heddle_Mesh_V1_AttemptDelta()
    delta.service = key.service
    delta.split = key.split
    delta.branch = key.branch
    delta.backend = key.backend
    delta.endpoint = key.endpoint
    delta.class = key.responseClass.wire
    delta.try = key.tryKind.wire
    delta.count = series.count
    delta.duration = series.durations.wire
    return delta
  }
}

private struct AttemptReportKey: Hashable {
  let service: String
  let split: String
  let branch: String
  let backend: String
  let endpoint: String
  let responseClass: ResponseClass
  let tryKind: FactTry

  init(_ fact: AttemptFact) {
    service = fact.service
    split = fact.split
    branch = fact.branch
    backend = fact.backend
    endpoint = fact.endpoint
    responseClass = fact.responseClass
    tryKind = fact.tryKind
  }

  var textSize: Int {
    service.utf8.count + split.utf8.count + branch.utf8.count + backend.utf8.count + endpoint.utf8.count + 16
  }
}

extension ResponseClass {
  fileprivate var wire: Heddle_Mesh_V1_ResponseClass {
    switch self {
    case .success: .success
    case .failure: .failure
    case .retryable: .retryable
    }
  }
}

extension FactTry {
  fileprivate var wire: Heddle_Mesh_V1_TryKind {
    switch self {
    case .first: .first
    case .retry: .retry
    case .resend: .resend
    }
  }
}

extension Histogram {
  fileprivate var wire: Heddle_Mesh_V1_Histogram {
    let sparse = sparse()
    var wire = Heddle_Mesh_V1_Histogram()
    wire.buckets = sparse.buckets.map(UInt32.init)
    wire.counts = sparse.counts
    wire.sumUs = sparse.sum
    return wire
  }
}
