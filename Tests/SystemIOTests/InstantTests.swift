import SystemIO
import Testing

@Suite struct InstantTests {
  @Test func runsForward() {
    let first = Instant.now()
    var last = first
    for _ in 0..<1000 {
      let next = Instant.now()
      #expect(next >= last)
      last = next
    }
    #expect(first > .zero && last < .distantFuture)
  }

  @Test func staysWithinItsEnds() {
    let late = Instant(nanoseconds: .max - 5)
    #expect(late.adding(milliseconds: 1) == .distantFuture && late.adding(milliseconds: .max) == .distantFuture)
    #expect(late + .seconds(1) == .distantFuture && Instant(nanoseconds: 5) - .seconds(1) == .zero)
    #expect(Instant(nanoseconds: 5) + .seconds(-1) == .zero && late - .seconds(-1) == .distantFuture)
    #expect(Instant.zero + .seconds(Int64.max) == Instant(nanoseconds: UInt64(Int64.max)))
  }

  @Test func measuresDifferences() {
    let a = Instant(nanoseconds: 5_000_000)
    let b = a.adding(milliseconds: 3)
    #expect(
      b - a == .milliseconds(3) && a - b == .milliseconds(-3) && a + .milliseconds(3) == b && b - .milliseconds(3) == a)
    #expect(b.milliseconds(since: a) == 3 && a.milliseconds(since: b) == 0 && b.milliseconds == 8)
    #expect(Instant.distantFuture - .zero == .nanoseconds(Int64.max))
  }

  @Test func theWallClockIsInThisCentury() {
    #expect((1_700_000_000_000..<4_102_444_800_000).contains(wallClockMilliseconds()))
  }
}
