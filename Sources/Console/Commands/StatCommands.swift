import ArgumentParser
import JSONFormat

/// What `stat` and `top` group by.
enum MetricsGroup: String, CaseIterable, ExpressibleByArgument {
  case service, backend, endpoint, proxy
}

struct StatCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "stat", abstract: "Requests/s, success rate and latency as the proxies report them.",
    discussion: "EXAMPLES\n  heddle stat\n  heddle stat backend --window 5m")
  @Argument(help: "service, backend, endpoint or proxy.") var group: MetricsGroup = .service
  @Option(help: "Over how long.") var window: DurationArgument = .init(seconds: 60)
  @OptionGroup var common: CommonOptions

  func execute(in session: Session) throws(ConsoleError) {
    let answer = try session.metrics(group, window: window)
    try session.show(answer) { MetricsTable.render(answer, group: group, on: session.terminal) }
  }
}

struct TopCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "top", abstract: "stat, drawn again and again until Ctrl-C.",
    discussion: "EXAMPLE\n  heddle top backend --interval 1s")
  @Argument(help: "service, backend, endpoint or proxy.") var group: MetricsGroup = .service
  @Option(help: "Over how long each row looks back.") var window: DurationArgument = .init(seconds: 10)
  @Option(help: "How often to look.") var interval: DurationArgument = .init(seconds: 1)
  @Option(help: "Stop after so many tables.") var count: Int?
  @OptionGroup var common: CommonOptions

  /// On a terminal each table replaces the last; elsewhere they follow each other.
  func execute(in session: Session) throws(ConsoleError) {
    guard interval.duration >= .milliseconds(100) else { throw .usage("--interval: at least 100ms") }
    var shown = 0
    while shown < count ?? .max {
      if shown > 0 { session.terminal.pause(interval.duration) }
      let answer = try session.metrics(group, window: window)
      let isScreen = session.terminal.isInteractive && session.format == .table
      try session.show(answer) {
        let title = "heddle top \(group.rawValue) · namespace \(session.namespace) · last \(window)\n\n"
        return (isScreen ? "\u{1B}[H\u{1B}[2J" : "") + title
          + MetricsTable.render(answer, group: group, on: session.terminal)
      }
      shown += 1
    }
  }
}

extension Session {
  fileprivate func metrics(_ group: MetricsGroup, window: DurationArgument) throws(ConsoleError) -> JSON {
    try get(path("metrics"), query: Query(["group_by": group.rawValue, "window": window.text]))
  }
}

enum MetricsTable {
  static func render(_ answer: JSON, group: MetricsGroup, on terminal: Terminal) -> String {
    let names = nameColumns(group)
    var table = Table(
      names.map(\.heading) + ["REQUESTS/S", "SUCCESS", "P50", "P95", "P99"],
      numeric: ["REQUESTS/S", "SUCCESS", "P50", "P95", "P99"])
    for row in (answer["metrics"] ?? answer["rows"])?.items ?? [] {
      let success = (row["success_rate"])?.double
      table.rows.append(
        names.map { .init(row[$0.field]?.plain ?? "") } + [
          .init(Figures.rounded(row["requests_per_second"]?.double, places: 1)),
          .init(Figures.percent(success), paint(success)),
          .init(latency(row, "p50")), .init(latency(row, "p95")), .init(latency(row, "p99")),
        ])
    }
    return table.rows.isEmpty ? "no requests in this window\n" : table.render(on: terminal)
  }

  private static func nameColumns(_ group: MetricsGroup) -> [(heading: String, field: String)] {
    switch group {
    case .service: [("SERVICE", "service")]
    case .backend: [("SERVICE", "service"), ("SPLIT", "split"), ("BRANCH", "branch"), ("BACKEND", "backend")]
    case .endpoint: [("BACKEND", "backend"), ("ENDPOINT", "endpoint")]
    case .proxy: [("PROXY", "proxy")]
    }
  }

  /// Latency is a duration text by the contract's rule.
  private static func latency(_ row: JSON, _ name: String) -> String {
    guard let value = row[name] else { return "-" }
    if let text = value.text {
      return Figures.duration(text).map { Figures.milliseconds($0 / .milliseconds(1)) } ?? text
    }
    return Figures.milliseconds(value.double)
  }

  private static func paint(_ success: Double?) -> Paint {
    guard let success else { return .faint }
    return success >= 0.999 ? .green : success >= 0.95 ? .yellow : .red
  }
}
