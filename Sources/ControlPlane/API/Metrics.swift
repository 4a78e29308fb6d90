import JSONFormat
import Serving

extension API {
  static let metricRoutes: [Route] = [
    Route(
      "GET", "/v1/namespaces/{ns}/metrics", id: "getMetrics",
      "Requests a second, success rate and latency as the proxies report them; outbound, and inbound apart.",
      [
        .query(
          "group_by",
          [
            "type": "string", "enum": .array(MetricGrouping.allCases.map { .string($0.rawValue) }),
            "default": "service",
          ], "What a row is."),
        .query("window", ["type": "string", "default": "1m"], "Over how long, 1s to 1h."),
      ], answer: "Metrics"
    ) { (call) throws(Problem) in
      let window = try call.duration("window", .seconds(1)...(.seconds(3600))) ?? .seconds(60)
      guard let grouping = MetricGrouping(rawValue: call.text("group_by") ?? "service") else {
        throw .malformed("group_by must be one of \(MetricGrouping.allCases.map(\.rawValue).joined(separator: ", ")).")
      }
      let namespace = try call.namespace()
      _ = try call.present(namespace)
      let rows = call.api.mesh.metrics.query(namespace: namespace, groupBy: grouping, window: window)
      return .json(
        200,
        [
          "group_by": .string(grouping.rawValue), "window": .string(window.configured),
          "metrics": .array(rows.filter { !$0.inbound }.map(\.json)),
          "inbound": .array(rows.filter(\.inbound).map(\.json)),
        ])
    }
  ]

  static let watchRoutes: [Route] = [
    Route(
      "GET", "/v1/namespaces/{ns}/watch", id: "watch",
      "Server-sent events: revisions, acknowledgements, endpoints, metrics.",
      [.header("Last-Event-ID", ["type": "string"], "Goes on behind this event.")], answer: "Events"
    ) { (call) throws(Problem) in
      let namespace = try call.namespace()
      _ = try call.present(namespace)
      let stream = ResponseStream()
      call.api.mesh.events.subscribe(
        namespace: namespace, lastEventID: call.request.headers["last-event-id"], to: stream)
      return HTTPResponse(
        status: 200,
        headers: ["content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no"],
        body: .stream(stream))
    }
  ]
}

extension MetricRow {
  fileprivate var json: JSON {
    let latency = { (value: Double?) -> JSON in value.map { .string(Self.milliseconds($0)) } ?? .null }
    return .object(
      labels.map { .init(name: $0.name, value: .string($0.value)) } + [
        .init(name: "requests_per_second", value: .number(requestsPerSecond)),
        .init(name: "success_rate", value: successRate.map(JSON.number) ?? .null),
        .init(name: "p50", value: latency(p50)),
        .init(name: "p95", value: latency(p95)), .init(name: "p99", value: latency(p99)),
      ])
  }

  /// With microseconds, the resolution of the histograms.
  private static func milliseconds(_ value: Double) -> String {
    JSON.number((value * 1000).rounded() / 1000).printedText + "ms"
  }
}
