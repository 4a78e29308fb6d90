import JSONFormat

/// Tells everyone who watches a namespace how it goes there, once a second.
struct RateTicker: Sendable {
  /// What a tick covers: long enough that proxies that report each 5 s are in it.
  static let window: Duration = .seconds(10)
  /// Rows of each kind in a tick, busiest first. Why: a tick is one event for every open dashboard.
  static let rows = 200

  let store: MeasurementStore
  let journal: MeshJournal

  func tell() {
    for namespace in journal.watchedNamespaces {
      journal.tell(
        namespace, "metrics",
        [
          "window": "10s", "services": rows(namespace, .service), "backends": rows(namespace, .backend),
        ])
    }
  }

  private func rows(_ namespace: String, _ grouping: MetricGrouping) -> JSON {
    let rows = store.query(namespace: namespace, groupBy: grouping, window: Self.window)
    return .array(rows.prefix(Self.rows).map(Self.json))
  }

  static func json(_ row: MetricRow) -> JSON {
    let labels = row.labels.map { JSON.Member(name: $0.name, value: .string($0.value)) }
    let numbers: [(String, Double?)] = [
      ("requests_per_second", row.requestsPerSecond), ("success_rate", row.successRate), ("p50", row.p50),
      ("p95", row.p95),
      ("p99", row.p99),
    ]
    let direction = JSON.Member(name: "direction", value: row.inbound ? "inbound" : "outbound")
    return .object(labels + [direction] + numbers.map { JSON.Member(name: $0, value: $1.map { .number($0) } ?? .null) })
  }
}
