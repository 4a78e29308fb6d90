import Testing
import Traffic

@Suite struct DeadlineTests {
  @Test(
    arguments: [
      ("1500000000000000000 1500000001000000000", 1_500_000_000_000_000_000, 1_500_000_001_000_000_000),
      ("0 0", 0, 0), ("9223372036854775807 9223372036854775807", Int64.max, Int64.max), ("007 1", 7, 1),
    ] as [(String, Int64, Int64)])
  func reads(_ text: String, _ timestamp: Int64, _ deadline: Int64) {
    #expect(Deadline(parsing: text) == Deadline(timestamp: timestamp, deadline: deadline))
  }

  @Test(arguments: [
    "", " ", "1", "1 ", " 1", " 1 2", "1  2", "1 2 ", "1 2 3", "-1 2", "1 -2", "+1 2", "a b", "1,2", "1 2,3 4",
    "9223372036854775808 1", "1 9223372036854775808", "99999999999999999999999 1", "1.0 2", "1\t2",
  ])
  func ignores(_ text: String) { #expect(Deadline(parsing: text) == nil) }

  @Test func printsAsItReads() {
    let deadline = Deadline(timestamp: 12, deadline: 345)
    #expect(deadline.description == "12 345")
    #expect(Deadline(parsing: deadline.description) == deadline)
  }

  @Test func latestStampAndEarliestEndWin() {
    let a = Deadline(timestamp: 5, deadline: 100)
    let b = Deadline(timestamp: 7, deadline: 90)
    #expect(a.combined(with: b) == Deadline(timestamp: 7, deadline: 90))
    #expect(b.combined(with: a) == a.combined(with: b))
  }

  /// Clocks an hour apart: what is left stays.
  @Test func rebasing() {
    let hour: Int64 = 3_600_000_000_000
    let sent = Deadline(now: hour, timeout: 1000)
    let here = sent.rebased(to: 50)
    #expect(here == Deadline(timestamp: 50, deadline: 1050))
    #expect(here.remaining(at: 60) == 990)
    #expect(!here.isExpired(at: 1049))
    #expect(here.isExpired(at: 1050))
    #expect(here.remaining(at: 5000) == 0)
    #expect(here.sent(at: 70) == Deadline(timestamp: 70, deadline: 1050))
    #expect(Deadline(timestamp: 100, deadline: 40).rebased(to: 7) == Deadline(timestamp: 7, deadline: 7))
  }

  @Test func extremesDoNotOverflow() {
    let far = Deadline(timestamp: 0, deadline: .max)
    #expect(far.rebased(to: .max).deadline == .max)
    #expect(Deadline(now: .max, timeout: .max).deadline == .max)
    #expect(Deadline(timestamp: .max, deadline: .min).rebased(to: .max).deadline == .max)
    #expect(Deadline(timestamp: 0, deadline: .max).remaining(at: .min) == .max)
    #expect(Deadline(timestamp: 0, deadline: .min).remaining(at: .max) == 0)
  }
}
