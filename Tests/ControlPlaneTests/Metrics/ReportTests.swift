import HTTP
import Memory
import MeshProtocol
import SystemIO
import Telemetry
import Testing

@testable import ControlPlane

@Suite struct ReportTests {
  private let mesh: MeshHarness
  private let store: MeasurementStore
  private let desk: ReportDesk
  private let stream = Handle(index: 1, generation: 1)

  init() throws {
    mesh = try MeshHarness()
    store = MeasurementStore(clocks: mesh.time.clocks, counters: mesh.counters)
    desk = ReportDesk(store: store, ledger: mesh.ledger, counters: mesh.counters)
    mesh.connect(TestProxy("a"))
    desk.opened(stream)
  }

  @Test func goldenNumbersByServiceBackendEndpointAndProxy() {
    send(
      report(
        1, requests: [request("/svc/users", 90), request("/svc/users", 10, .failure)],
        attempts: [
          attempt("/#/registry/v1", "10.0.0.1:80", 60), attempt("/#/registry/v1", "10.0.0.2:80", 40),
        ]))
    mesh.time.advance(.seconds(9))
    let service = store.query(namespace: "default", groupBy: .service, window: .seconds(10))
    #expect(service.map { $0.labels.map(\.value) } == [["/svc/users"]])
    #expect(service[0].successRate == 0.9)
    #expect(abs(service[0].requestsPerSecond - 100.0 / 9) < 0.01)
    #expect(abs((service[0].p50 ?? 0) - 5) < 0.2)
    let backend = store.query(namespace: "default", groupBy: .backend, window: .seconds(10))
    #expect(backend.map { $0.labels.map(\.value) } == [["/svc/users", "/#/registry/v1", "users", "v1"]])
    let endpoints = store.query(namespace: "default", groupBy: .endpoint, window: .seconds(10))
    #expect(endpoints.map { $0.labels.last?.value } == ["10.0.0.1:80", "10.0.0.2:80"], "busiest first")
    let proxies = store.query(namespace: "default", groupBy: .proxy, window: .seconds(10))
    #expect(proxies.map { $0.labels.map(\.value) } == [["a"]])
    #expect(store.query(namespace: "other", groupBy: .service, window: .seconds(10)).isEmpty)
  }

  @Test func quantilesAreThoseOfAllProxiesTogether() throws {
    for n in 1...2 {
      let id = "p\(n)"
      mesh.connect(TestProxy(id))
      let own = Handle(index: UInt32(10 + n), generation: 1)
      desk.opened(own)
      var report = report(1, requests: [request("/svc/users", 100, microseconds: n == 1 ? 1000 : 9000)])
      report.instanceID = id
      desk.received(own, report.encodedBytes(), now: mesh.time.now)
    }
    let row = try #require(store.query(namespace: "default", groupBy: .service, window: .seconds(5)).first)
    #expect(abs((row.p50 ?? 0) - 1) < 0.05 && abs((row.p95 ?? 0) - 9) < 0.2)
  }

  @Test func reportThatCameTwiceCountsOnce() {
    send(report(7, requests: [request("/svc/users", 10)]))
    send(report(7, requests: [request("/svc/users", 10)]))
    send(report(6, requests: [request("/svc/users", 10)]))
    #expect(total(.service) == 10)
    #expect(mesh.counters.reportCount(.repeated) == 2)
    let acks = acknowledgements()
    #expect(acks.map(\.sequence) == [7, 7, 6], "each is acknowledged all the same")
  }

  @Test func intervalGrowsWithTheNumberOfProxies() {
    send(report(1))
    for n in 0..<100 { mesh.connect(TestProxy("more\(n)")) }
    send(report(2))
    let acks = acknowledgements()
    #expect(acks.map(\.nextIntervalMs) == [1000, 5000])
    #expect(acks.map(\.retryFloorShare) == [1, 1 / 101.0])
  }

  @Test func windowsLookBackNotFurther() {
    send(report(1, requests: [request("/svc/users", 10)]))
    mesh.time.advance(.seconds(120))
    #expect(store.query(namespace: "default", groupBy: .service, window: .seconds(60)).isEmpty)
    #expect(total(.service, window: .seconds(300)) == 10)
    mesh.time.advance(.seconds(800))
    #expect(store.query(namespace: "default", groupBy: .service, window: .seconds(660)).isEmpty)
    send(report(2, requests: [request("/svc/users", 3)]))
    #expect(total(.service, window: .seconds(660)) == 3)
  }

  @Test func inboundStandsApart() {
    var inbound = request("/svc/users", 5)
    inbound.direction = .inbound
    send(report(1, requests: [request("/svc/users", 10), inbound]))
    let rows = store.query(namespace: "default", groupBy: .service, window: .seconds(5))
    #expect(rows.map(\.inbound) == [false, true])
  }

  /// Bad-inputs 116, part by part: what is hostile is dropped and counted, the rest stands.
  @Test func hostilePartsAreDroppedAndCounted() {
    var nan = Heddle_Mesh_V1_GaugeSample()
    nan.name = "x"
    nan.value = .nan
    var reversed = request("/svc/reversed", 2)
    reversed.duration.buckets = [9, 3]
    reversed.duration.counts = [1, 1]
    var outside = request("/svc/outside", 1)
    outside.duration.buckets = [UInt32.max]
    outside.duration.counts = [1]
    var uneven = request("/svc/uneven", 1)
    uneven.duration.counts = []
    var more = request("/svc/more", 1)
    more.duration.counts = [UInt64.max]
    var hostile = report(
      1,
      requests: [
        request(String(repeating: "x", count: 600), 1), request("/svc/a\nb", 1), request("/svc/huge", UInt64.max),
        reversed,
        outside, uneven, more, request("/svc/good", 4),
      ])
    hostile.gauges = [nan]
    hostile.intervalMs = .max
    send(hostile)
    #expect(total(.service) == 4)
    #expect(mesh.counters.droppedCount(.name) == 2)
    #expect(mesh.counters.droppedCount(.number) == 2)
    #expect(mesh.counters.droppedCount(.histogram) == 4)
  }

  @Test func seriesOfOneReportAreCapped() {
    var limits = ReportLimits()
    limits.series = 100
    let many = report(
      1, requests: (0..<80).map { request("/svc/\($0)", 1) },
      attempts: (0..<80).map {
        attempt("/#/registry/\($0)", "10.0.0.1:80", 1)
      })
    let (deltas, dropped) = limits.check(many)
    #expect(deltas.count == 100 && dropped == [.proxyCap: 60])
  }

  @Test func seriesBeyondTheStoresCapFoldIntoOther() throws {
    var limits = MeasurementLimits()
    limits.seriesPerSlot = 10
    limits.names = 50
    let small = MeasurementStore(clocks: mesh.time.clocks, counters: mesh.counters, limits: limits)
    let desk = ReportDesk(store: small, ledger: mesh.ledger, counters: mesh.counters)
    desk.opened(stream)
    for sequence in 1...50 as ClosedRange<UInt64> {
      let requests = (0..<100).map { request("/svc/\(sequence)-\($0)", 1) }
      desk.received(stream, report(sequence, requests: requests).encodedBytes(), now: mesh.time.now)
      mesh.time.advance(.seconds(30))
    }
    let rows = small.query(namespace: "default", groupBy: .service, window: .seconds(60))
    #expect(rows.count <= 23)
    #expect(rows.first?.labels.first?.value == "_other")
    #expect(mesh.counters.droppedCount(.storeCap) == 50 * 90)
  }

  @Test func reportsOfStrangersAndGarbageEndTheStream() {
    var stranger = report(1)
    stranger.instanceID = "nobody"
    send(stranger)
    #expect(finish()?.code == .failedPrecondition)
    desk.opened(stream)
    desk.received(stream, [0xff, 0xff], now: mesh.time.now)
    #expect(finish()?.code == .invalidArgument)
    desk.opened(stream)
    send(report(1))
    mesh.connect(TestProxy("b"))
    var other = report(2)
    other.instanceID = "b"
    send(other)
    #expect(finish()?.code == .invalidArgument, "one stream reports for one instance")
    desk.opened(stream)
    send(report(0))
    #expect(finish()?.code == .invalidArgument)
  }

  // MARK: reports

  private func send(_ report: Heddle_Mesh_V1_MetricsReport) {
    desk.received(stream, report.encodedBytes(), now: mesh.time.now)
  }

  private func acknowledgements() -> [Heddle_Mesh_V1_ReportAck] {
    desk.takeOutputs().compactMap { output in
      guard case .send(_, let framed, .reportAck) = output else { return nil }
      return try? Heddle_Mesh_V1_ReportAck.decode(Array(framed.dropFirst(5)))
    }
  }

  private func finish() -> GRPCStatus? {
    for output in desk.takeOutputs() { if case .finish(_, let status) = output { return status } }
    return nil
  }

  private func total(_ grouping: MetricGrouping, window: Duration = .seconds(1)) -> Double {
    let seconds = Double(window.components.seconds)
    let covered = min(seconds, max(1, Double(mesh.time.now.milliseconds - 1_000_000) / 1000))
    let rate = store.query(namespace: "default", groupBy: grouping, window: window).reduce(0) {
      $0 + $1.requestsPerSecond
    }
    return (rate * covered).rounded()
  }

  private func report(
    _ sequence: UInt64, requests: [Heddle_Mesh_V1_RequestDelta] = [], attempts: [Heddle_Mesh_V1_AttemptDelta] = []
  ) -> Heddle_Mesh_V1_MetricsReport {
    var report = Heddle_Mesh_V1_MetricsReport()
    report.instanceID = "a"
    report.sequence = sequence
    report.intervalMs = 1000
    report.requests = requests
    report.attempts = attempts
    return report
  }

  private func histogram(_ microseconds: UInt64, _ count: UInt64) -> Heddle_Mesh_V1_Histogram {
    var histogram = Heddle_Mesh_V1_Histogram()
    histogram.buckets = [UInt32(HistogramScale.bucket(of: microseconds))]
    histogram.counts = [min(count, 1 << 40)]
    return histogram
  }

  private func request(
    _ service: String, _ count: UInt64, _ outcome: Heddle_Mesh_V1_ResponseClass = .success, microseconds: UInt64 = 5000
  ) -> Heddle_Mesh_V1_RequestDelta {
    var delta = Heddle_Mesh_V1_RequestDelta()
    delta.service = service
    delta.class = outcome
    delta.count = count
    delta.duration = histogram(microseconds, count)
    return delta
  }

  private func attempt(_ backend: String, _ endpoint: String, _ count: UInt64) -> Heddle_Mesh_V1_AttemptDelta {
    var delta = Heddle_Mesh_V1_AttemptDelta()
    delta.service = "/svc/users"
    delta.split = "users"
    delta.branch = "v1"
    delta.backend = backend
    delta.endpoint = endpoint
    delta.count = count
    delta.duration = histogram(5000, count)
    return delta
  }
}
