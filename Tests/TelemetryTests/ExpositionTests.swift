import Testing

@testable import Telemetry

@Suite("Exposition")
struct ExpositionTests {
  @Test("Families, escaping and numbers")
  func format() {
    var page = Exposition()
    page.begin("heddle_requests_total", .counter, help: "Requests\\as\nseen.")
    page.sample(UInt64(3), [("service", "/svc/a\"b\\c\nd"), ("class", "success")])
    page.begin("heddle_retry_budget_balance", .gauge, help: "Balance.")
    page.sample(0.5)
    page.sample(Double.infinity)
    page.sample(-2.0)
    #expect(
      page.text == """
        # HELP heddle_requests_total Requests\\\\as\\nseen.
        # TYPE heddle_requests_total counter
        heddle_requests_total{service="/svc/a\\"b\\\\c\\nd",class="success"} 3
        # HELP heddle_retry_budget_balance Balance.
        # TYPE heddle_retry_budget_balance gauge
        heddle_retry_budget_balance 0.5
        heddle_retry_budget_balance +Inf
        heddle_retry_budget_balance -2

        """)
  }

  @Test("A histogram shows 20 bounds, +Inf, sum in seconds and count")
  func histogram() {
    var histogram = Histogram()
    histogram.record(1500)
    histogram.record(45_000_000)
    var bounded = BoundedHistogram()
    bounded.merge(histogram.sparse())
    var page = Exposition()
    page.begin("d_seconds", .histogram, help: "D.")
    page.sample(bounded, [("service", "x")])
    let lines = page.text.split(separator: "\n")
    #expect(lines.count == 2 + 20 + 3)
    #expect(lines.contains("d_seconds_bucket{service=\"x\",le=\"0.001\"} 0"))
    #expect(lines.contains("d_seconds_bucket{service=\"x\",le=\"0.0025\"} 1"))
    #expect(lines.contains("d_seconds_bucket{service=\"x\",le=\"30\"} 1"))
    #expect(lines.contains("d_seconds_bucket{service=\"x\",le=\"60\"} 2"))
    #expect(lines.contains("d_seconds_bucket{service=\"x\",le=\"+Inf\"} 2"))
    #expect(lines.contains("d_seconds_sum{service=\"x\"} 45.0015"))
    #expect(lines.contains("d_seconds_count{service=\"x\"} 2"))
  }
}
