import MeshProtocol
import Telemetry

/// One series of a report, fit to be counted.
struct CheckedDelta: Sendable {
  let key: SeriesKey
  let isSuccess: Bool
  let count: UInt64
  let durations: SparseHistogram
}

/// Limits of a metrics report. What is beyond is dropped and counted, the rest of the report stands (bad-inputs 116).
struct ReportLimits: Sendable {
  /// Series of one report: 1000 names with 20 endpoints each.
  var series = 20_000
  /// Bytes of a service, backend or split name, and of an address.
  var nameBytes = 512
  /// Events of one series in one report: more than any proxy makes in an hour.
  var count: UInt64 = 1_000_000_000

  init() {}

  /// What of a report is fit to be counted, and what was dropped why.
  func check(_ report: Heddle_Mesh_V1_MetricsReport) -> (deltas: [CheckedDelta], dropped: [DropReason: Int]) {
    var deltas: [CheckedDelta] = []
    var dropped: [DropReason: Int] = [:]
    var room = series
    for request in report.requests.prefix(room) {
      take(&deltas, &dropped, names: [request.service], request.class, request.count, request.duration) {
        .request(service: request.service, inbound: request.direction == .inbound)
      }
    }
    dropped.count(.proxyCap, report.requests.count - room)
    room = max(0, room - report.requests.count)
    for attempt in report.attempts.prefix(room) {
      let names = [attempt.service, attempt.split, attempt.branch, attempt.backend, attempt.endpoint]
      take(&deltas, &dropped, names: names, attempt.class, attempt.count, attempt.duration) {
        .attempt(
          service: attempt.service, split: attempt.split, branch: attempt.branch, backend: attempt.backend,
          endpoint: attempt.endpoint)
      }
    }
    dropped.count(.proxyCap, report.attempts.count - room)
    dropped.count(.number, report.gauges.count { !$0.value.isFinite })
    return (deltas, dropped)
  }

  private func take(
    _ deltas: inout [CheckedDelta], _ dropped: inout [DropReason: Int], names: [String],
    _ outcome: Heddle_Mesh_V1_ResponseClass, _ count: UInt64, _ duration: Heddle_Mesh_V1_Histogram, key: () -> SeriesKey
  ) {
    guard names.allSatisfy(isName) else { return dropped.count(.name, 1) }
    guard count <= self.count else { return dropped.count(.number, 1) }
    guard count > 0 else { return }
    let durations = SparseHistogram(buckets: duration.buckets, counts: duration.counts, sum: duration.sumUs)
    // Durations of other requests than those counted would bend the quantiles.
    guard let durations, durations.count <= count else { return dropped.count(.histogram, 1) }
    deltas.append(CheckedDelta(key: key(), isSuccess: outcome == .success, count: count, durations: durations))
  }

  private func isName(_ name: String) -> Bool {
    name.utf8.count <= nameBytes && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
  }
}

extension [DropReason: Int] {
  fileprivate mutating func count(_ reason: DropReason, _ more: Int) {
    if more > 0 { self[reason, default: 0] += more }
  }
}
