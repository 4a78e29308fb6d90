import SystemIO
import Testing

@testable import DataPlane

@Suite struct NameHoldersTests {
  private let start = Instant(nanoseconds: 1_000_000_000)
  private var later: Instant { start + NameHolders.linger }

  @Test func anAnnouncedNameIsForgottenUnlessAWorkerTakesIt() {
    var holders = NameHolders(announcedAt: start)
    #expect(!holders.isForgotten(at: start) && holders.isForgotten(at: later))
    holders.renew(at: later)
    #expect(!holders.isForgotten(at: later))
    holders.add(3)
    #expect(!holders.isForgotten(at: later + NameHolders.linger) && holders.workers == [3])
  }

  @Test func theTimeCountsFromTheLastWorkersRelease() {
    var holders = NameHolders(announcedAt: start)
    holders.add(0)
    holders.add(1)
    holders.remove(0, at: start)
    #expect(holders.unheldSince == nil)
    holders.remove(7, at: start)
    holders.renew(at: start)
    #expect(holders.unheldSince == nil)
    holders.remove(1, at: later)
    #expect(holders.unheldSince == later)
    // Who does not hold it cannot put the time off.
    holders.remove(1, at: later + .seconds(1))
    #expect(holders.unheldSince == later)
  }
}
