import MeshProtocol
import TestSupport
import Testing

@testable import Traffic

/// naming.md, difference 4: over 10 000 first tries each share is right to 0.1 points (10 requests), for one to eight
/// workers whose sequences start anywhere.
@Suite struct SequenceTests {
  static let requests = 10_000
  static let tolerance = 10.0

  static let unions: [(String, [String: Double])] = [
    ("99*/#/a & 1*/#/b", ["/#/a": 0.99, "/#/b": 0.01]),
    ("1*/#/a & 1*/#/b & 1*/#/c", ["/#/a": 1 / 3, "/#/b": 1 / 3, "/#/c": 1 / 3]),
    ("0.7*/#/a & .2*/#/s & .1*/#/p", ["/#/a": 0.7, "/#/s": 0.2, "/#/p": 0.1]),
    ("995*/#/a & 4*/#/b & 1*/#/c", ["/#/a": 0.995, "/#/b": 0.004, "/#/c": 0.001]),
    ("9*(1*/#/a & 3*/#/b) & 1*/#/c", ["/#/a": 0.225, "/#/b": 0.675, "/#/c": 0.1]),
    ("1*(1*/#/a & 1*/#/b) & 1*(1*/#/c & 1*/#/d)", ["/#/a": 0.25, "/#/b": 0.25, "/#/c": 0.25, "/#/d": 0.25]),
    (
      "2*(1*(1*/#/a & 2*/#/b) & 1*/#/c) & 1*(3*/#/d & 7*/#/e)",
      ["/#/a": 1 / 9, "/#/b": 2 / 9, "/#/c": 1 / 3, "/#/d": 0.1, "/#/e": 7 / 30]
    ),
  ]

  @Test(arguments: unions) func sharesAreExact(_ union: String, _ shares: [String: Double]) throws {
    for workers in 1...8 {
      for seed in 0..<3 {
        var counts: [String: Int] = [:]
        for worker in 0..<workers {
          var route = try TestRoute("/svc => \(union)", seed: UInt64(1000 * seed + 10 * workers + worker))
          let part = Self.requests / workers + (worker < Self.requests % workers ? 1 : 0)
          counts.merge(route.count(part), uniquingKeysWith: +)
        }
        expect(counts, shares, Self.requests, "\(workers) workers, seed \(seed)")
      }
    }
  }

  /// A request goes to any worker, not to each in turn.
  @Test func unevenWorkers() throws {
    var random = SeededRandom(seed: 3)
    var workers = try (0..<8).map { try TestRoute("/svc => 90*/#/a & 10*/#/b", seed: UInt64($0)) }
    var counts: [String: Int] = [:]
    for _ in 0..<Self.requests { counts[workers[random.below(8)].pick(), default: 0] += 1 }
    expect(counts, ["/#/a": 0.9, "/#/b": 0.1], Self.requests, "random workers")
  }

  /// Sequences outlive the table: shifts on the way leave each phase, and the whole, as exact.
  @Test func weightsChangeMidWay() throws {
    var route = try TestRoute("/svc => 99*/#/a & 1*(1*/#/b & 1*/#/c)", seed: 77)
    var expected: [String: Double] = [:]
    var counts: [String: Int] = [:]
    for percent in [1, 5, 25, 50, 80, 100, 40, 10] {
      route = try TestRoute("/svc => \(100 - percent)*/#/a & \(percent)*(1*/#/b & 1*/#/c)", continuing: route)
      counts.merge(route.count(Self.requests / 8), uniquingKeysWith: +)
      let share = Double(percent) / 800
      for (name, part) in ["/#/a": 0.125 - share, "/#/b": share / 2, "/#/c": share / 2] {
        expected[name, default: 0] += part
      }
      #expect(route.keys.count == 2, "a union's key changed with its weights")
    }
    expect(counts, expected, Self.requests, "shifts")
  }

  /// Another rule, another alternative, another state: the union keeps its sequence.
  @Test func keysStay() throws {
    let route = try TestRoute("/svc => /#/x; /svc => 1*/#/a & 1*/#/b")
    let rules = try entries("/svc => /#/x; /svc => 3*/#/a & 1*/#/b")
    let late = try entries("/svc => ~ | ~", first: 50)
    for (more, states) in [([], ["/#/x": NameState.negative]), (late, [:]), (late, ["/#/x": .pending])] {
      let delegation = Interpreter.delegate(try Path(parsing: "/svc"), rules: RuleIndex(rules + more))
      #expect(TestRoute(delegation, states: states).keys == route.keys)
    }
  }

  /// Two ways to one union must not share a sequence: each would see only every other number.
  @Test func oneUnionReachedTwice() throws {
    var route = try TestRoute("/svc => 1*/x & 1*/y; /x => /z/1; /y => /z/2; /z => 1*/#/a & 1*/#/b")
    let shares = ["/#/a/1": 0.25, "/#/b/1": 0.25, "/#/a/2": 0.25, "/#/b/2": 0.25]
    expect(route.count(Self.requests), shares, Self.requests, "twice")
    #expect(Set(route.keys).count == 3)
  }

  @Test func stickyPicksMoveOnlyAsWeightsDo() throws {
    let before = try TestRoute("/svc => 90*/#/a & 10*/#/b")
    let after = try TestRoute("/svc => 80*/#/a & 20*/#/b")
    var moved = 0
    var counts: [String: Int] = [:]
    for key in 0..<20_000 as Range<UInt64> {
      let first = before.pick(key: key)
      #expect(before.pick(key: key) == first)
      counts[first, default: 0] += 1
      let then = after.pick(key: key)
      if then != first {
        moved += 1
        #expect(then == "/#/b")
      }
    }
    #expect(abs(counts["/#/b", default: 0] - 2000) < 200)
    #expect(abs(moved - 2000) < 200)
  }

  @Test func bounds() {
    #expect(LowDiscrepancy.bound(0) == 0)
    #expect(LowDiscrepancy.bound(0.5) == 1 << 63)
    #expect(LowDiscrepancy.bound(1) == .max)
    #expect(LowDiscrepancy.bound(1.0000001) == .max)
    #expect(LowDiscrepancy.bound(.nan) == 0)
  }

  private func expect(_ counts: [String: Int], _ shares: [String: Double], _ requests: Int, _ what: String) {
    #expect(Set(counts.keys).isSubset(of: shares.keys), "\(what): \(counts)")
    for (name, share) in shares {
      let off = Double(counts[name, default: 0]) - share * Double(requests)
      #expect(abs(off) <= Self.tolerance, "\(what): \(name) off by \(off) of \(requests)")
    }
  }
}
