import Serving
import SystemIO
import Telemetry

/// Something that waits for an answer of every worker.
struct Gathering {
  var missing: Int
  var texts: [String] = []
  let finish: ([String]) -> Void
}

extension ProxyControl {
  /// How long an answer is waited for from all workers, before it is made from those that answered.
  static let gatherPatience = Duration.seconds(1)

  /// Has every worker hand over its facts; `then` is called when all have.
  func collect(then finish: @escaping ([String]) -> Void = { _ in }) {
    gather(finish) { .collect(ticket: $0) }
  }

  /// Has every worker describe itself; `then` gets each one's JSON.
  func describe(_ view: WorkerView, then finish: @escaping ([String]) -> Void) {
    gather(finish) { .describe(ticket: $0, what: view) }
  }

  private func gather(_ finish: @escaping ([String]) -> Void, _ order: (UInt64) -> WorkerOrder) {
    lastTicket += 1
    let ticket = lastTicket
    gatherings[ticket] = Gathering(missing: workers.count, finish: finish)
    for worker in workers { worker.send(order(ticket)) }
    loop.schedule(after: Self.gatherPatience) { [weak self] in self?.finishGathering(ticket) }
  }

  /// A worker's facts: counted for scrapes and for the controller.
  func collected(_ worker: Int, _ ticket: UInt64, _ facts: WorkerFacts) {
    ledger.add(facts, worker: worker, now: loop.now.milliseconds)
    if !start.configuration.isStandalone { reports.add(facts) }
    arrived(ticket, nil)
    if gatherings[ticket] == nil { reportIfDue() }
  }

  /// A worker's description.
  func described(_ ticket: UInt64, _ text: String) { arrived(ticket, text) }

  private func arrived(_ ticket: UInt64, _ text: String?) {
    guard gatherings[ticket] != nil else { return }
    gatherings[ticket]?.missing -= 1
    if let text { gatherings[ticket]?.texts.append(text) }
    if gatherings[ticket]?.missing == 0 { finishGathering(ticket) }
  }

  private func finishGathering(_ ticket: UInt64) {
    guard let gathering = gatherings.removeValue(forKey: ticket) else { return }
    gathering.finish(gathering.texts)
  }

  /// Sends a report (or the last one again) when the controller wants one.
  private func reportIfDue() {
    guard machine.isOpen, loop.now - lastReport >= reportInterval else { return }
    lastReport = loop.now
    let gauge = ledger.gauge
    reports.set(gauges: [
      ("requests_in_flight", Double(gauge.requestsInFlight)), ("requests_pending", Double(gauge.requestsPending)),
      ("connections_downstream", Double(gauge.downstreamConnections)),
      ("connections_upstream", Double(gauge.upstreamActive + gauge.upstreamIdle)),
    ])
    link?.report(reports.next(now: loop.now.milliseconds))
  }
}
