import Serving
import Settings
import SystemIO
import Telemetry

/// How far draining has come.
struct DrainProgress {
  var missing: Set<Int>
}

extension ProxyControl {
  /// One thing readiness depends on.
  private struct Check {
    let name: String
    let isWell: Bool
    let detail: String
  }

  /// `/readyz`: 200 while requests can be routed, with `stale=true` while the configuration is from disk and
  /// unconfirmed.
  func readiness(of request: HTTPRequest) -> HTTPResponse {
    let checks = checks()
    let isReady = checks.allSatisfy(\.isWell)
    var lines = [isReady ? "ready" : "not ready"]
    if isStale { lines[0] += " stale=true" }
    if request.queryItems?.contains(where: { $0.name == "verbose" }) == true {
      lines += checks.map { "[\($0.isWell ? "+" : "-")] \($0.name): \($0.detail)" }
    } else {
      lines += checks.filter { !$0.isWell }.map { "[-] \($0.name): \($0.detail)" }
    }
    return HTTPResponse(status: isReady ? 200 : 503, text: lines.joined(separator: "\n") + "\n")
  }

  private func checks() -> [Check] {
    var checks = [
      Check(name: "drain", isWell: drain == nil, detail: drain == nil ? "not draining" : "draining"),
      Check(
        name: "configuration", isWell: hasConfiguration,
        detail: hasConfiguration
          ? "revision \(table.revision), \(table.rules.count) rules"
          : "none yet: no controller answered and nothing is kept"),
      // Losing the controller changes nothing for requests, so it is shown and does not count.
      Check(name: "controller", isWell: true, detail: controllerDetail),
    ]
    // One that has ended is shown and does not count: peers take it for a while, and leaving would help nobody.
    if let identity { checks.append(Check(name: "identity", isWell: identity.id != nil, detail: identity.detail)) }
    return checks
  }

  private var controllerDetail: String {
    if start.configuration.isStandalone { return "standalone" }
    if let controller = link?.controller { return "connected to \(controller)" }
    return lastDisconnect.isEmpty ? "connecting" : "not connected: \(lastDisconnect)"
  }

  /// `PUT /log-level` with `debug` or `"debug"` as body.
  func setLogLevel(by request: HTTPRequest) -> HTTPResponse {
    let text = String(decoding: request.body, as: UTF8.self).filter { $0.isLetter }
    guard let level = LogLevel(text) else {
      return .problem(400, "The body must be error, warning, info or debug.")
    }
    log.level = level
    return HTTPResponse(status: 200, text: "\(level)\n")
  }

  /// Begins draining: not ready, no new connections, the rest finishes within the grace. A second call changes nothing.
  func beginDrain() {
    guard drain == nil else { return }
    drain = DrainProgress(missing: Set(workers.indices))
    log.info("proxy", "draining", [("grace", Scalar.text(start.configuration.drainGrace))])
    for worker in workers { worker.send(.drain(grace: start.configuration.drainGrace)) }
  }

  /// A worker has drained; after the last one the state is written and the program ends.
  func drained(_ worker: Int) {
    drain?.missing.remove(worker)
    if drain?.missing.isEmpty == true { saveBeforeEnd(then: onDrained) }
  }
}
