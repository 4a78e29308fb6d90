import Telemetry
import Testing
import Traffic

@testable import DataPlane

@Suite("Fact book")
struct FactBookTests {
  @Test("Facts come out once, per series, class and try")
  func collect() throws {
    var book = FactBook()
    let users = book.requestSeries(service: "/svc/users", direction: .outbound)
    let again = book.requestSeries(service: "/svc/users", direction: .outbound)
    #expect(users == again)
    let inbound = book.requestSeries(service: "/svc/users", direction: .inbound)
    #expect(inbound != users)
    book.recordRequest(users, .success, microseconds: 100)
    book.recordRequest(users, .success, microseconds: 200)
    book.recordRequest(users, .failure, microseconds: 300)
    book.recordRequest(inbound, .success, microseconds: 1)
    let attempt = book.attemptSeries(
      service: "/svc/users", split: "users", branch: "v1", backend: "/#/registry/users-v1", endpoint: "127.0.0.1:1")
    book.recordAttempt(attempt, .retryable, .resend, microseconds: 50)
    book.recordRetry(users, .connect)
    book.recordRetry(users, .connect)
    book.recordBytes(.outbound, received: 10, sent: 20)
    book.recordBytes(.outbound, received: -1, sent: 1)
    book.recordEjection()
    book.gauges.requestsInFlight = 3

    let facts = book.collect(now: 0)
    #expect(facts.requests.count == 3)
    let success = try #require(
      facts.requests.first { $0.service == "/svc/users" && $0.direction == .outbound && $0.responseClass == .success })
    #expect(success.count == 2)
    #expect(success.duration.sum == 300)
    let tried = try #require(facts.attempts.first)
    #expect(facts.attempts.count == 1)
    #expect(
      (tried.split, tried.branch, tried.backend, tried.endpoint) == (
        "users", "v1", "/#/registry/users-v1", "127.0.0.1:1"
      ))
    #expect(tried.responseClass == .retryable)
    #expect(tried.tryKind == .resend)
    #expect(facts.retries.map(\.count) == [2])
    #expect(facts.retries.map(\.reason) == [.connect])
    #expect(facts.bytes[0].received == 10)
    #expect(facts.bytes[0].sent == 21)
    #expect(facts.ejections == 1)
    #expect(facts.gauges.requestsInFlight == 3)

    let next = book.collect(now: 1)
    #expect(next.requests.isEmpty && next.attempts.isEmpty && next.retries.isEmpty)
    #expect(next.bytes[0].sent == 0 && next.ejections == 0)
    #expect(next.gauges.requestsInFlight == 3)
  }

  @Test("Every class and try has its own place")
  func places() {
    var book = FactBook()
    let series = book.attemptSeries(service: "s", split: "", branch: "", backend: "b", endpoint: "e")
    for responseClass in ResponseClass.allCases {
      for tryKind in FactTry.allCases { book.recordAttempt(series, responseClass, tryKind, microseconds: 7) }
    }
    let facts = book.collect(now: 0)
    #expect(Set(facts.attempts.map { "\($0.responseClass) \($0.tryKind)" }).count == 9)
    #expect(facts.attempts.allSatisfy { $0.count == 1 })
  }

  @Test("Beyond the limit new series count under _other, known ones go on")
  func limit() throws {
    var book = FactBook(seriesLimit: 3)
    let known = book.requestSeries(service: "/svc/0", direction: .outbound)
    for i in 1..<20 {
      let series = book.requestSeries(service: "/svc/\(i)", direction: .outbound)
      book.recordRequest(series, .success, microseconds: 1)
    }
    book.recordRequest(known, .success, microseconds: 1)
    #expect(book.requestSeries(service: "/svc/0", direction: .outbound) == known)
    let attempt = book.attemptSeries(service: "/svc/9", split: "", branch: "", backend: "b", endpoint: "e")
    book.recordAttempt(attempt, .success, .first, microseconds: 1)
    let facts = book.collect(now: 0)
    #expect(facts.requests.map(\.count).reduce(0, +) == 20)
    #expect(facts.requests.first { $0.service == "_other" }?.count == 17)
    #expect(facts.requests.contains { $0.service == "/svc/0" })
    #expect(facts.attempts.first?.backend == "_other")
    #expect(facts.folded == 18)
    #expect(book.seriesCount <= 5)
  }

  @Test("A released, idle series leaves; a held one stays; a number is used again without old counts")
  func idle() {
    var book = FactBook(idleTime: 100)
    let held = book.requestSeries(service: "/svc/held", direction: .outbound)
    let gone = book.requestSeries(service: "/svc/gone", direction: .outbound)
    book.recordRequest(gone, .success, microseconds: 5)
    book.releaseRequestSeries(gone)
    _ = book.collect(now: 0)
    _ = book.collect(now: 10)
    #expect(book.seriesCount == 2)
    _ = book.collect(now: 109)
    #expect(book.seriesCount == 2)
    _ = book.collect(now: 110)
    #expect(book.seriesCount == 1)
    let reused = book.requestSeries(service: "/svc/new", direction: .outbound)
    #expect(reused == gone)
    book.recordRequest(reused, .success, microseconds: 9)
    book.recordRequest(held, .success, microseconds: 1)
    let facts = book.collect(now: 200)
    #expect(facts.requests.first { $0.service == "/svc/new" }?.duration.sum == 9)
    #expect(facts.requests.contains { $0.service == "/svc/held" })
    #expect(!facts.requests.contains { $0.service == "/svc/gone" })
  }

  @Test("A release too many does not free a series that is held again")
  func release() {
    var book = FactBook(idleTime: 0)
    let series = book.requestSeries(service: "/svc/a", direction: .outbound)
    book.releaseRequestSeries(series)
    book.releaseRequestSeries(series)
    _ = book.requestSeries(service: "/svc/a", direction: .outbound)
    _ = book.collect(now: 1)
    _ = book.collect(now: 2)
    #expect(book.seriesCount == 1)
  }
}
