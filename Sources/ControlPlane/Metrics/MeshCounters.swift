import Synchronization
import Telemetry

/// Why a Sync stream ended: the label `reason` of `heddle_mesh_streams_closed_total`.
enum CloseReason: String, Sendable, CaseIterable {
  case byPeer = "by_peer", replaced, malformed, silence, drained
  case noHello = "no_hello", noAnswer = "no_answer", slowReader = "slow_reader"
  /// The certificate is for another namespace than Hello.
  case wrongIdentity = "wrong_identity"
}

/// What was lost between the ends: the label `kind` of `heddle_desync_total`.
enum DesyncKind: String, Sendable, CaseIterable {
  case configuration, endpoints
  case ackHash = "ack_hash"
}

/// Why a part of a metrics report was dropped: the label `reason` of `heddle_report_series_dropped_total`.
enum DropReason: String, Sendable, CaseIterable {
  case proxyCap = "proxy_cap", storeCap = "store_cap", name, number, histogram
}

/// What became of a metrics report: the label `result` of `heddle_reports_total`.
enum ReportResult: String, Sendable, CaseIterable {
  case counted, repeated, malformed
  case unknownProxy = "unknown_proxy"
}

/// What the mesh half counts about itself, from its own thread, read by whoever scrapes.
final class MeshCounters: Sendable {
  private struct State {
    var pushedBytes: [PushKind: UInt64] = [:]
    var pushedMessages: [PushKind: UInt64] = [:]
    var closed: [CloseReason: UInt64] = [:]
    var desync: [DesyncKind: UInt64] = [:]
    var dropped: [DropReason: UInt64] = [:]
    var reports: [ReportResult: UInt64] = [:]
    var propagation = Histogram()
    var refusedStreams: UInt64 = 0
    var refusedNames: UInt64 = 0
    var disbelieved: UInt64 = 0
    var refusedRevisions: UInt64 = 0
    var strayMessages: UInt64 = 0
    var waitingForSnapshot = 0
  }

  private let state = Mutex(State())

  func pushed(_ kind: PushKind, bytes: Int) {
    state.withLock {
      $0.pushedBytes[kind, default: 0] &+= UInt64(clamping: bytes)
      $0.pushedMessages[kind, default: 0] &+= 1
    }
  }
  func closed(_ reason: CloseReason) { state.withLock { $0.closed[reason, default: 0] &+= 1 } }
  func desync(_ kind: DesyncKind) { state.withLock { $0.desync[kind, default: 0] &+= 1 } }
  func dropped(_ reason: DropReason, _ count: Int = 1) {
    state.withLock { $0.dropped[reason, default: 0] &+= UInt64(clamping: count) }
  }
  func report(_ result: ReportResult) { state.withLock { $0.reports[result, default: 0] &+= 1 } }
  /// Commit to acknowledgement of one proxy.
  func propagated(microseconds: UInt64) { state.withLock { $0.propagation.record(microseconds) } }
  func refusedStream() { state.withLock { $0.refusedStreams &+= 1 } }
  func disbelieved() { state.withLock { $0.disbelieved &+= 1 } }
  func refusedName() { state.withLock { $0.refusedNames &+= 1 } }
  func refusedRevision() { state.withLock { $0.refusedRevisions &+= 1 } }
  func strayMessage() { state.withLock { $0.strayMessages &+= 1 } }
  func waitingForSnapshot(_ count: Int) { state.withLock { $0.waitingForSnapshot = count } }

  // MARK: reading

  func closedCount(_ reason: CloseReason) -> UInt64 { state.withLock { $0.closed[reason] ?? 0 } }
  func desyncCount(_ kind: DesyncKind) -> UInt64 { state.withLock { $0.desync[kind] ?? 0 } }
  func droppedCount(_ reason: DropReason) -> UInt64 { state.withLock { $0.dropped[reason] ?? 0 } }
  func reportCount(_ result: ReportResult) -> UInt64 { state.withLock { $0.reports[result] ?? 0 } }
  func pushedCount(_ kind: PushKind) -> UInt64 { state.withLock { $0.pushedMessages[kind] ?? 0 } }
  var strayCount: UInt64 { state.withLock { $0.strayMessages } }
  var propagation: Histogram { state.withLock { $0.propagation } }

  /// Prometheus text, with the number of proxies in each state.
  func exposition(proxies: [ProxyState: Int]) -> String {
    let state = state.withLock { $0 }
    var out = Exposition()
    out.begin("heddle_proxies", .gauge, help: "Known proxies by state.")
    for kind in ProxyState.allCases { out.sample(Double(proxies[kind] ?? 0), [("state", kind.rawValue)]) }
    out.begin("heddle_config_propagation_seconds", .histogram, help: "From commit to a proxy's acknowledgement.")
    var propagation = BoundedHistogram()
    propagation.merge(state.propagation.sparse())
    out.sample(propagation)
    out.begin("heddle_push_bytes_total", .counter, help: "Bytes of messages sent to proxies.")
    Self.write(state.pushedBytes, "kind", to: &out)
    out.begin("heddle_push_messages_total", .counter, help: "Messages sent to proxies.")
    Self.write(state.pushedMessages, "kind", to: &out)
    out.begin(
      "heddle_desync_total", .counter, help: "Times that a proxy and the controller did not agree on what it holds.")
    Self.write(state.desync, "kind", to: &out)
    out.begin("heddle_mesh_streams_closed_total", .counter, help: "Sync streams that ended.")
    Self.write(state.closed, "reason", to: &out)
    out.begin("heddle_mesh_streams_refused_total", .counter, help: "Sync streams refused at the limit.")
    out.sample(state.refusedStreams)
    out.begin("heddle_mesh_names_refused_total", .counter, help: "Subscriptions refused at the limit.")
    out.sample(state.refusedNames)
    out.begin("heddle_mesh_claims_disbelieved_total", .counter, help: "Claims of proxies without a certificate.")
    out.sample(state.disbelieved)
    out.begin("heddle_revisions_refused_total", .counter, help: "Revisions that a proxy refused.")
    out.sample(state.refusedRevisions)
    out.begin("heddle_mesh_stray_messages_total", .counter, help: "Messages from proxies that nobody waited for.")
    out.sample(state.strayMessages)
    out.begin("heddle_snapshots_waiting", .gauge, help: "Proxies that wait for the admission of their snapshot.")
    out.sample(Double(state.waitingForSnapshot))
    out.begin("heddle_reports_total", .counter, help: "Metrics reports from proxies.")
    Self.write(state.reports, "result", to: &out)
    out.begin("heddle_report_series_dropped_total", .counter, help: "Series of metrics reports that were not counted.")
    Self.write(state.dropped, "reason", to: &out)
    return out.text
  }

  /// Every kind, also those that never happened, so that rates begin at 0.
  private static func write<Kind: RawRepresentable<String> & CaseIterable & Hashable>(
    _ counts: [Kind: UInt64], _ label: StaticString, to out: inout Exposition
  ) {
    for kind in Kind.allCases { out.sample(counts[kind] ?? 0, [(label, kind.rawValue)]) }
  }
}
