import HTTP
import Memory
import MeshProtocol
import SystemIO

/// The controller's end of all Report streams: counts each (instance, sequence) once and acknowledges. Belongs to one
/// thread.
final class ReportDesk {
  /// Instances whose last sequence is remembered. Why: a report that was sent again must not count twice; ids are new
  /// with each start of a proxy. At the limit those unheard of longest are forgotten.
  static let instanceLimit = 50_000
  /// Up to this many proxies report each second, more of them every 5 s.
  static let quickProxies = 100

  private let store: MeasurementStore
  private let ledger: ProxyLedger
  private let counters: MeshCounters
  private let limits: ReportLimits
  private var streams: [Handle: Stream] = [:]
  private var sequences: [String: (sequence: UInt64, heard: Instant)] = [:]
  private var outputs: [MeshOutput] = []

  private struct Stream {
    /// Of the first report.
    var instance: String?
    /// Of the certificate that the stream came with; nil: it came without.
    let namespace: String?
  }

  init(store: MeasurementStore, ledger: ProxyLedger, counters: MeshCounters, limits: ReportLimits = ReportLimits()) {
    self.store = store
    self.ledger = ledger
    self.counters = counters
    self.limits = limits
  }

  func takeOutputs() -> [MeshOutput] { exchange(&outputs, with: []) }

  /// - Parameter namespace: the only one whose proxies may report on it; nil: any.
  func opened(_ stream: Handle, namespace: String? = nil) { streams[stream] = Stream(namespace: namespace) }

  func closed(_ stream: Handle) { streams[stream] = nil }

  func received(_ stream: Handle, _ bytes: [UInt8], now: Instant) {
    guard let bound = streams[stream] else { return }
    guard let report = try? Heddle_Mesh_V1_MetricsReport.decode(bytes), report.sequence > 0,
      bound.instance == nil || bound.instance == report.instanceID
    else {
      counters.report(.malformed)
      end(stream, GRPCStatus(.invalidArgument, "not a report, or of another instance than the one before"))
      return
    }
    guard let namespace = ledger.namespace(of: report.instanceID) else {
      counters.report(.unknownProxy)
      end(stream, GRPCStatus(.failedPrecondition, "say Hello in Sync first"))
      return
    }
    guard bound.namespace == nil || bound.namespace == namespace else {
      counters.report(.unknownProxy)
      end(stream, GRPCStatus(.permissionDenied, "the certificate is for another namespace than the proxy's"))
      return
    }
    streams[stream]?.instance = report.instanceID
    count(report, namespace, now)
    acknowledge(stream, report, namespace)
  }

  private func count(_ report: Heddle_Mesh_V1_MetricsReport, _ namespace: String, _ now: Instant) {
    let id = report.instanceID
    if let last = sequences[id]?.sequence, report.sequence <= last {
      counters.report(.repeated)
      return
    }
    sequences[id] = (report.sequence, now)
    if sequences.count > Self.instanceLimit { forgetHalf() }
    let (deltas, dropped) = limits.check(report)
    for (reason, count) in dropped { counters.dropped(reason, count) }
    store.add(deltas, namespace: namespace, proxy: id, now: now)
    counters.report(.counted)
  }

  private func acknowledge(_ stream: Handle, _ report: Heddle_Mesh_V1_MetricsReport, _ namespace: String) {
    var ack = Heddle_Mesh_V1_ReportAck()
    ack.sequence = report.sequence
    ack.nextIntervalMs = ledger.connectedTotal <= Self.quickProxies ? 1000 : 5000
    ack.retryFloorShare = 1 / Double(max(1, ledger.connectedCount(namespace: namespace)))
    let framed = grpcFrame(ack.encodedBytes())
    outputs.append(.send(stream, framed, .reportAck))
    counters.pushed(.reportAck, bytes: framed.count)
  }

  private func end(_ stream: Handle, _ status: GRPCStatus) {
    streams[stream] = nil
    outputs.append(.finish(stream, status))
  }

  private func forgetHalf() {
    let oldest = sequences.sorted { $0.value.heard < $1.value.heard }.prefix(sequences.count / 2)
    for (id, _) in oldest { sequences[id] = nil }
  }
}
