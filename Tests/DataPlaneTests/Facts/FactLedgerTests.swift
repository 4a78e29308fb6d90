import MeshProtocol
import Telemetry
import Testing

@testable import DataPlane

func facts(service: String = "/svc/users", count: Int = 1, microseconds: UInt64 = 1000) -> WorkerFacts {
  var book = FactBook()
  let request = book.requestSeries(service: service, direction: .outbound)
  let attempt = book.attemptSeries(
    service: service, split: "", branch: "", backend: "/#/registry/u", endpoint: "127.0.0.1:1")
  for _ in 0..<count {
    book.recordRequest(request, .success, microseconds: microseconds)
    book.recordAttempt(attempt, .success, .first, microseconds: microseconds)
  }
  book.gauges.requestsInFlight = 1
  return book.collect(now: 0)
}

@Suite("Fact ledger")
struct FactLedgerTests {
  @Test("Totals grow over workers and collections; gauges are the latest of each worker")
  func totals() throws {
    var ledger = FactLedger(workers: 2, listeners: 2)
    ledger.add(facts(count: 2), worker: 0, now: 0)
    ledger.add(facts(count: 3), worker: 1, now: 0)
    ledger.add(facts(count: 1), worker: 0, now: 1000)
    let key = RequestTotalKey(service: "/svc/users", direction: .outbound, responseClass: .success)
    let total = try #require(ledger.requests[key])
    #expect(total.count == 6)
    #expect(total.durations.sum == 6000)
    #expect(ledger.gauge.requestsInFlight == 2)
    #expect(ledger.activeServices == ["/svc/users"])
    ledger.add(facts(), worker: 99, now: 0)
    #expect(ledger.gauge.requestsInFlight == 2)
  }

  @Test("What is unused for ten minutes leaves")
  func expiry() {
    var ledger = FactLedger(workers: 1, listeners: 2)
    ledger.add(facts(service: "/svc/old"), worker: 0, now: 0)
    ledger.add(facts(service: "/svc/new"), worker: 0, now: 1)
    ledger.expire(now: FactLedger.idle)
    #expect(ledger.activeServices == ["/svc/new", "/svc/old"])
    ledger.expire(now: FactLedger.idle + 1)
    #expect(ledger.activeServices == ["/svc/new"])
    #expect(ledger.requests.count == 1)
  }

  @Test("Series are capped")
  func cap() {
    var set = TotalSet<Int, UInt64>(other: -1)
    for key in 0..<(TotalSet<Int, UInt64>.limit + 5) { set.update(key, now: 0, make: { 0 }) { $0 += 1 } }
    #expect(set.count == TotalSet<Int, UInt64>.limit + 1)
    #expect(set[-1] == 5)
    #expect(set.folded == 5)
  }
}

@Suite("Report queue")
struct ReportQueueTests {
  private func decode(_ bytes: [UInt8]) throws -> Heddle_Mesh_V1_MetricsReport {
    try Heddle_Mesh_V1_MetricsReport.decode(bytes)
  }

  @Test("A report is sent again unchanged until acknowledged, later deltas merge behind it")
  func resend() throws {
    var queue = ReportQueue(instance: "i", now: 0)
    queue.add(facts(count: 2))
    let first = queue.next(now: 1000)
    queue.add(facts(count: 5))
    queue.add(facts(count: 6))
    #expect(queue.next(now: 2000) == first)
    queue.acknowledged(7)
    #expect(queue.isWaiting)
    queue.acknowledged(1)
    let second = try decode(queue.next(now: 3000))
    let report = try decode(first)
    #expect((report.sequence, second.sequence) == (1, 2))
    #expect((report.intervalMs, second.intervalMs) == (1000, 2000))
    #expect(report.requests.map(\.count) == [2])
    #expect(second.requests.map(\.count) == [11])
    #expect(second.attempts.map(\.count) == [11])
    let duration = second.requests[0].duration
    #expect(duration.counts.reduce(0, +) == 11)
    #expect(duration.sumUs == 11_000)
    #expect(SparseHistogram(buckets: duration.buckets, counts: duration.counts, sum: duration.sumUs) != nil)
    queue.acknowledged(2)
    #expect(try decode(queue.next(now: 4000)).requests.isEmpty)
  }

  @Test("What does not fit one message goes into the next; none is over the limit")
  func size() throws {
    var queue = ReportQueue(instance: "i", now: 0)
    var sent: UInt64 = 0
    for i in 0..<ReportQueue.limit / 4 {
      let name = "/svc/" + String(repeating: "x", count: 200) + "\(i)"
      queue.add(facts(service: name))
      sent += 1
    }
    var received: UInt64 = 0
    var reports = 0
    while received < sent, reports < 100 {
      let bytes = queue.next(now: 0)
      #expect(bytes.count <= MeshLimits.message)
      let report = try decode(bytes)
      received += report.requests.reduce(0) { $0 + $1.count }
      reports += 1
      queue.acknowledged(report.sequence)
    }
    #expect(received == sent)
    #expect(reports > 1)
    #expect(queue.dropped == 0)
  }

  @Test("With a controller that stays away, memory is bounded and the loss is counted")
  func bounded() {
    var queue = ReportQueue(instance: "i", now: 0)
    for i in 0..<(ReportQueue.limit / 2 + 10) { queue.add(facts(service: "/svc/\(i)")) }
    #expect(queue.dropped == 20)
  }
}
