import Testing
import Traffic

@Suite struct StandingTests {
  /// One look: how many of four are ready, at which millisecond, and whether the name then stands.
  typealias Look = (ready: Int, at: UInt64, stands: Bool)

  private func follow(_ looks: [Look], of total: Int = 4, allRefuse: Bool = false) -> Standing {
    var standing = Standing()
    for look in looks {
      let health = Standing.Health(ready: look.ready, total: total, allRefuse: allRefuse && look.ready == 0)
      let stands = standing.observe(health, at: look.at * 1_000_000)
      #expect(stands == look.stands, "\(look.ready) ready at \(look.at) ms")
    }
    return standing
  }

  @Test func yieldsAfterASecondWithNothingReady() {
    let standing = follow([(0, 0, true), (0, 999, true), (0, 1000, false)])
    #expect(standing.isDown)
  }

  @Test func oneReadyEndpointStartsTheSecondAnew() {
    _ = follow([(0, 0, true), (1, 999, true), (0, 1000, true), (0, 1999, true), (0, 2000, false)])
  }

  @Test(arguments: [0, 4]) func yieldsAtOnceWhenAllRefuseOrThereIsNone(total: Int) {
    _ = follow([(0, 0, false)], of: total, allRefuse: true)
  }

  @Test func takesBackAfterHalfWereReadyForTenSeconds() {
    let standing = follow(
      [(0, 0, false), (1, 1000, false), (1, 30_000, false), (2, 31_000, false), (4, 40_999, false), (2, 41_000, true)],
      allRefuse: true)
    #expect(standing.isSteady)
  }

  @Test func aRelapseStartsTheTenSecondsAnew() {
    _ = follow(
      [(0, 0, false), (2, 1000, false), (1, 10_000, false), (2, 11_000, false), (2, 20_999, false), (2, 21_000, true)],
      allRefuse: true)
  }
}
