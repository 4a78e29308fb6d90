import JSONFormat
import Serving

extension API {
  static let operationRoutes: [Route] = [
    Route("GET", "/livez", id: "livez", "The process answers.", answer: "Text") { _ in
      HTTPResponse(status: 200, text: "ok\n")
    },
    Route(
      "GET", "/readyz", id: "readyz", "Whether configuration can be read and written; with `verbose` each check.",
      [.query("verbose", ["type": "boolean"], "Shows each check.")], answer: "Readiness"
    ) { (call) throws(Problem) in try call.ready() },
    Route("GET", "/version", id: "version", "What runs here.", answer: "Version") { call in
      .json(
        200,
        [
          "program": "heddle-controller", "version": .string(call.api.version),
          "epoch": .string(Facts.hex(call.controller.epoch)),
        ])
    },
    Route("GET", "/metrics", id: "metrics", "Prometheus text.", answer: "Text") { call in
      HTTPResponse(status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8", text: call.api.exposition)
    },
    Route("GET", "/openapi.json", id: "openapi", "This description.", answer: "Object") { call in
      .json(200, OpenAPI.document(call.api.router.routes, version: call.api.version))
    },
  ]
}

/// One thing that must be well.
struct HealthCheck: Sendable {
  let name: String
  /// What is wrong; nil: it is well.
  let fault: String?
  /// Whether the controller is not ready because of it, or only somebody should look.
  let isFatal: Bool

  var json: JSON {
    let base: JSON = ["name": .string(name), "ok": .bool(fault == nil)]
    return fault.map {
      base.adding([.init(name: "detail", value: .string($0)), .init(name: "fatal", value: .bool(isFatal))])
    } ?? base
  }
}

extension Call {
  fileprivate func ready() throws(Problem) -> HTTPResponse {
    let identity = api.identity.map { HealthCheck(name: "identity", fault: $0.alarm, isFatal: false) }
    let checks = controller.readiness + (identity.map { [$0] } ?? [])
    let isReady = !checks.contains { $0.fault != nil && $0.isFatal }
    guard try flag("verbose") else {
      return HTTPResponse(
        status: isReady ? 200 : 503, text: isReady ? "ok\n" : checks.compactMap(\.fault).joined(separator: "\n") + "\n")
    }
    return .json(isReady ? 200 : 503, ["ready": .bool(isReady), "checks": .array(checks.map(\.json))])
  }
}

extension Controller {
  var readiness: [HealthCheck] {
    let suspects = suspects
    let alarm =
      suspects.services.isEmpty
      ? nil
      : "\(suspects.count) leases went silent together and are kept as suspect: "
        + "\(suspects.services.prefix(10).joined(separator: ", "))"
    return [
      HealthCheck(name: "store", fault: counters.failure.map { "the last write failed: \($0)" }, isFatal: false),
      // Proxies keep what they have and reads work; still nobody should be sent here to change something.
      HealthCheck(name: "history", fault: lostHistory?.description, isFatal: true),
      HealthCheck(name: "leases", fault: alarm, isFatal: false),
    ]
  }
}
