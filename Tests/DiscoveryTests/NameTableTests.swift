import MeshProtocol
import SystemIO
import TestSupport
import Testing

@testable import Discovery

/// Drives a table by hand, with a clock of the test's own.
private struct Bench {
  var table: NameTable
  var now = Instant(nanoseconds: 1_000_000_000)
  var begun: [NameTable.WatchID] = []
  var cancelled: [NameTable.WatchID] = []
  var told: [DiscoveredName] = []
  var wakes: [(id: NameTable.WatchID, at: Instant)] = []

  init(segments: Int? = 1, grace: Duration = .seconds(30), limits: NameLimits = NameLimits()) {
    table = NameTable(limits: limits, microseconds: 1_000_000)
    table.replaceSources([1: source("/#/a", segments, grace)], at: now)
  }

  mutating func settle() {
    for action in table.takeActions() {
      switch action {
      case .watch(let id, _, _): begun.append(id)
      case .cancel(let id): cancelled.append(id)
      case .wake(let id, let at): wakes.append((id, at))
      case .tell(let state): told.append(state)
      }
    }
  }

  mutating func want(_ name: String) { table.want(path(name)); settle() }
  mutating func release(_ name: String) { table.release(path(name), at: now); settle() }
  mutating func find(_ finding: Finding, watch: Int = 0) {
    table.receive(finding, for: begun[watch], at: now)
    settle()
  }

  /// Lets time pass and fires what is due.
  mutating func pass(_ duration: Duration) {
    now = now + duration
    let due = wakes.filter { $0.at <= now }
    wakes.removeAll { $0.at <= now }
    for wake in due { table.wake(wake.id, at: now) }
    settle()
  }
}

private func source(_ prefix: String, _ segments: Int?, _ grace: Duration = .seconds(30)) -> NameTable.Source {
  NameTable.Source(prefix: path(prefix), segments: segments, grace: grace)
}

private func bound(_ addresses: String..., taken: Int = 1) -> Finding {
  .bound(BoundName(taken: taken, endpoints: addresses.map { FoundEndpoint(address: $0) }))
}

@Suite struct NameTableTests {
  @Test func namesThatAgreeShareAWatchAndKeepTheirResidual() {
    var bench = Bench()
    bench.want("/#/a/web")
    bench.want("/#/a/web/v2/x")
    bench.want("/#/a/web")
    #expect(bench.begun.count == 1)
    bench.find(bound("10.0.0.1:80"))
    #expect(bench.told.map(\.name) == [path("/#/a/web"), path("/#/a/web/v2/x")])
    #expect(bench.told.map(\.residual) == [.root, path("/v2/x")])
    #expect(bench.told.allSatisfy { $0.id == path("/#/a/web") && $0.state == .bound })
    bench.want("/#/a/web/late")
    #expect(bench.told.last?.residual == path("/late"))
    bench.release("/#/a/web")
    bench.release("/#/a/web/v2/x")
    bench.release("/#/a/web/late")
    bench.pass(.seconds(60))
    #expect(bench.cancelled.isEmpty)
    bench.release("/#/a/web")
    bench.pass(.seconds(9))
    #expect(bench.cancelled.isEmpty)
    bench.pass(.seconds(1))
    #expect(bench.cancelled == bench.begun)
  }

  @Test func aNameWantedAgainWithinItsLingerIsWarm() {
    var bench = Bench()
    bench.want("/#/a/web")
    bench.find(bound("10.0.0.1:80"))
    bench.release("/#/a/web")
    bench.want("/#/a/web")
    bench.pass(.seconds(60))
    #expect(bench.begun.count == 1 && bench.cancelled.isEmpty)
    #expect(bench.told.count == 2)
  }

  @Test func aFailureNeverTakesAwayWhatWasBound() {
    var bench = Bench()
    bench.want("/#/a/web")
    bench.find(.failed("refused"))
    #expect(bench.told.last?.state == .failed)
    bench.find(bound("10.0.0.1:80"))
    bench.pass(.seconds(1))
    bench.pass(.seconds(1))
    bench.find(.failed("gone"))
    bench.find(.failed("still gone"))
    bench.pass(.seconds(3600))
    #expect(bench.told.last?.state == .bound)
    #expect(bench.told.last?.endpoints.map(\.address) == ["10.0.0.1:80"])
    #expect(bench.told.last?.reason == "gone")
    #expect(bench.told.count == 3)
    #expect(bench.table.state(of: path("/#/a/web"))?.reason == "still gone")
    bench.find(bound("10.0.0.1:80"))
    bench.pass(.seconds(1))
    #expect(bench.told.last?.reason == "")
  }

  @Test(arguments: [Finding.negative("no such name"), .bound(BoundName(taken: 1, endpoints: []))])
  func emptyAndNegativeWaitForTheGrace(_ finding: Finding) {
    var bench = Bench()
    bench.want("/#/a/web")
    bench.find(bound("10.0.0.1:80"))
    bench.pass(.seconds(1))
    bench.find(finding)
    bench.pass(.seconds(29))
    bench.find(finding)
    #expect(bench.told.last?.endpoints.count == 1)
    #expect(bench.told.last?.reason.contains("not believed yet") == true)
    bench.pass(.seconds(1))
    #expect(bench.told.last?.endpoints.isEmpty == true)
    #expect(bench.told.last?.state == (finding == .negative("no such name") ? .negative : .bound))
  }

  @Test func whatComesBackWithinTheGraceWasNeverAway() {
    var bench = Bench()
    bench.want("/#/a/web")
    bench.find(bound("10.0.0.1:80"))
    for _ in 0..<50 {
      bench.pass(.seconds(20))
      bench.find(.negative("flap"))
      bench.pass(.seconds(20))
      bench.find(bound("10.0.0.1:80"))
    }
    #expect(bench.told.allSatisfy { $0.endpoints.count == 1 })
  }

  @Test func aFailureDuringTheGraceKeepsTheEndpoints() {
    var bench = Bench()
    bench.want("/#/a/web")
    bench.find(bound("10.0.0.1:80"))
    bench.find(.negative("gone"))
    bench.find(.failed("refused"))
    bench.pass(.seconds(3600))
    #expect(bench.told.last?.state == .bound)
  }

  @Test func withoutGraceItIsBelievedAtOnce() {
    var bench = Bench(grace: .zero)
    bench.want("/#/a/web")
    bench.find(bound("10.0.0.1:80"))
    bench.pass(.seconds(1))
    bench.find(.negative("gone"))
    #expect(bench.told.last?.state == .negative)
  }

  @Test func aFlappingSourceIsToldAtABoundedPaceAndItsLastWordWins() {
    var bench = Bench()
    bench.want("/#/a/web")
    for round in 0..<1000 {
      bench.find(bound("10.0.0.\(1 + round % 2):80"))
      bench.pass(.milliseconds(1))
    }
    bench.pass(.seconds(1))
    #expect((15...22).contains(bench.told.count), "\(bench.told.count) times in a second")
    #expect(bench.told.last?.endpoints.map(\.address) == ["10.0.0.2:80"])
    let versions = bench.told.map(\.version)
    #expect(zip(versions, versions.dropFirst()).allSatisfy { $0 < $1 } && versions[0] > 1_000_000)
  }

  @Test func shortAndUnknownNamesAreNegativeWithoutAWatch() {
    var bench = Bench(segments: 2)
    bench.want("/#/a/web")
    bench.want("/#/b/web")
    #expect(bench.begun.isEmpty)
    #expect(bench.told.map(\.state) == [.negative, .negative])
    #expect(bench.told[0].reason.contains("2 segments"))
    #expect(bench.told[1].reason.contains("no namer"))
  }

  @Test func atTheLimitNewNamesFailUntilOneEnds() {
    var limits = NameLimits()
    limits.watches = 2
    var bench = Bench(limits: limits)
    for name in ["/#/a/x", "/#/a/y", "/#/a/z"] { bench.want(name) }
    #expect(bench.told.map(\.state) == [.failed])
    bench.release("/#/a/x")
    #expect(bench.begun.count == 3 && bench.cancelled.count == 1)
    bench.find(bound("10.0.0.1:80"), watch: 2)
    #expect(bench.told.last?.name == path("/#/a/z") && bench.told.last?.state == .bound)
  }

  @Test func endpointsAreSortedUniqueAndUsable() {
    var bench = Bench()
    bench.want("/#/a/web")
    bench.find(
      .bound(
        BoundName(
          taken: 9,
          endpoints: [
            FoundEndpoint(address: "10.0.0.2:80", weight: 2), FoundEndpoint(address: "[::1]:80"),
            FoundEndpoint(address: "10.0.0.1:80"), FoundEndpoint(address: "10.0.0.2:80"),
            FoundEndpoint(address: "web:80"), FoundEndpoint(address: "10.0.0.3:0"),
            FoundEndpoint(address: "10.0.0.4:80", weight: .nan), FoundEndpoint(address: "10.0.0.5:80", weight: -1),
          ])))
    #expect(bench.told.last?.endpoints.map(\.address) == ["10.0.0.1:80", "10.0.0.2:80", "[::1]:80"])
    #expect(bench.told.last?.endpoints[1].weight == 2)
    #expect(bench.told.last?.residual == .root)
    bench.find(bound("nonsense"))
    #expect(bench.table.state(of: path("/#/a/web"))?.endpoints.count == 3)
  }

  @Test func anotherNamerUnderTheSamePrefixInheritsWhatWasBound() {
    var bench = Bench()
    bench.want("/#/a/web")
    bench.find(bound("10.0.0.1:80"))
    bench.table.replaceSources([2: source("/#/a", 1)], at: bench.now)
    bench.settle()
    #expect(bench.cancelled == [bench.begun[0]] && bench.begun.count == 2)
    #expect(bench.told.last?.endpoints.count == 1)
    bench.find(bound("10.0.0.9:80"), watch: 1)
    bench.find(bound("10.0.0.8:80"), watch: 0)
    bench.pass(.seconds(1))
    #expect(bench.told.last?.endpoints.map(\.address) == ["10.0.0.9:80"])
    bench.table.replaceSources([:], at: bench.now)
    bench.settle()
    #expect(bench.told.last?.state == .negative)
  }

  @Test func theLongestPrefixAnswers() {
    var bench = Bench()
    bench.table.replaceSources([1: source("/#/a", 1), 2: source("/#/a/b", 1)], at: bench.now)
    bench.want("/#/a/b/c")
    bench.find(bound("10.0.0.1:80"))
    #expect(bench.told.last?.id == path("/#/a/b/c"))
  }

  /// Random orders of everything: the table stays consistent and never answers for nobody.
  @Test func randomOrdersLeaveNothingBehind() {
    for seed in 0..<UInt64(200) {
      var random = SeededRandom(seed: seed ^ fuzzSeed)
      var bench = Bench()
      var wanted: [String] = []
      for _ in 0..<200 {
        switch random.below(6) {
        case 0, 1:
          let name = "/#/a/\(random.below(4))/\(random.below(2))"
          wanted.append(name)
          bench.want(name)
        case 2 where !wanted.isEmpty: bench.release(wanted.remove(at: random.below(wanted.count)))
        case 3 where !bench.begun.isEmpty:
          let finding: Finding = [bound("10.0.0.1:80"), .negative("no"), .failed("x"), bound()][random.below(4)]
          bench.find(finding, watch: random.below(bench.begun.count))
        default: bench.pass(.milliseconds(Int64(random.below(20_000))))
        }
      }
      for name in wanted { bench.release(name) }
      bench.pass(.seconds(100))
      #expect(bench.table.nameCount == 0 && bench.table.watches.isEmpty, "seed \(seed)")
      #expect(Set(bench.cancelled) == Set(bench.begun), "seed \(seed)")
    }
  }
}

@Suite struct BackoffTests {
  @Test func pausesGrowToTheLongestAndBeginAnewAfterSuccess() {
    var random = SeededRandom(seed: 1)
    var backoff = Backoff(first: .milliseconds(100), longest: .seconds(10))
    var longest = Duration.zero
    for round in 0..<1000 {
      let pause = backoff.failed(using: &random)
      #expect(pause >= .zero && pause <= .seconds(10))
      if round == 0 { #expect(pause <= .milliseconds(100)) }
      longest = max(longest, pause)
    }
    #expect(longest > .seconds(9))
    backoff.succeeded()
    #expect(backoff.failed(using: &random) <= .milliseconds(100))
  }
}
