import TestSupport
import Testing
import Workers

private let millisecond = TimerWheel.tick

extension TimerWheel {
  /// All that fire at `now`, in order.
  fileprivate mutating func fire(at now: UInt64) -> [UInt64] {
    advance(to: now)
    var fired: [UInt64] = []
    while let token = next() { fired.append(token) }
    return fired
  }
}

/// Timers in a plain list: what the wheel must behave like.
private struct NaiveTimers {
  var waiting: [(token: UInt64, deadline: UInt64, handle: TimerHandle)] = []
  var fired: [TimerHandle] = []

  static func due(_ deadline: UInt64) -> UInt64 {
    deadline / millisecond + (deadline % millisecond == 0 ? 0 : 1)
  }

  mutating func fire(at now: UInt64) -> [UInt64] {
    let isDue = { (deadline: UInt64) in Self.due(deadline) <= now / millisecond }
    let due = waiting.filter { isDue($0.deadline) }
    waiting.removeAll { isDue($0.deadline) }
    fired += due.map(\.handle)
    return due.map(\.token)
  }
}

@Suite struct TimerWheelTests {
  @Test func firesAtItsTickAndNotBefore() {
    var wheel = TimerWheel(now: 0)
    _ = wheel.schedule(7, at: 5 * millisecond)
    _ = wheel.schedule(8, at: 5 * millisecond + 1)
    #expect(wheel.fire(at: 5 * millisecond - 1).isEmpty)
    #expect(wheel.fire(at: 5 * millisecond) == [7])
    #expect(wheel.fire(at: 6 * millisecond - 1).isEmpty)
    #expect(wheel.fire(at: 6 * millisecond) == [8] && wheel.count == 0)
  }

  @Test func lateTimersFireAtTheNextAdvanceAndNotWithinThisOne() {
    var wheel = TimerWheel(now: 100 * millisecond)
    _ = wheel.schedule(1, at: 0)
    _ = wheel.schedule(2, at: 100 * millisecond)
    #expect(wheel.deadline.map { $0 <= 100 * millisecond } == true)
    wheel.advance(to: 100 * millisecond)
    #expect(wheel.next() == 1)
    _ = wheel.schedule(3, at: 50 * millisecond)
    #expect(wheel.next() == 2 && wheel.next() == nil && wheel.count == 1)
    #expect(wheel.fire(at: 100 * millisecond) == [3])
  }

  @Test func noneIsNeverScheduled() {
    var wheel = TimerWheel(now: 0)
    _ = wheel.schedule(1, at: 0)
    #expect(!wheel.isScheduled(.none) && !wheel.cancel(.none))
  }

  @Test func cancellingWorksUntilTheTimerIsTaken() {
    var wheel = TimerWheel(now: 0)
    let a = wheel.schedule(1, at: millisecond)
    let b = wheel.schedule(2, at: millisecond)
    let c = wheel.schedule(3, at: millisecond)
    wheel.advance(to: 10 * millisecond)
    #expect(wheel.next() == 1)
    let cancelledTaken = wheel.cancel(a)
    let cancelledReady = wheel.cancel(b)
    #expect(!cancelledTaken && cancelledReady && wheel.isScheduled(c))
    #expect(wheel.next() == 3 && wheel.next() == nil && wheel.count == 0 && wheel.deadline == nil)
    // The freed entry serves another timer: the old handle must not reach it.
    _ = wheel.schedule(4, at: 20 * millisecond)
    let cancelledAgain = wheel.cancel(c)
    #expect(!cancelledAgain && wheel.fire(at: 20 * millisecond) == [4])
  }

  @Test func theEndsOfTheClockAreMomentsToo() {
    var wheel = TimerWheel(now: .max - 10 * millisecond)
    _ = wheel.schedule(1, at: .max)
    _ = wheel.schedule(2, at: .max - 5 * millisecond)
    #expect(wheel.fire(at: .max - 4 * millisecond) == [2])
    // The last tick is not whole: "never" never fires.
    #expect(wheel.fire(at: .max).isEmpty && wheel.count == 1)
    var early = TimerWheel(now: 0)
    let never = early.schedule(1, at: .max)
    #expect(early.fire(at: .max - millisecond).isEmpty && early.isScheduled(never))
  }

  @Test func timeThatRunsBackwardsChangesNothing() {
    var wheel = TimerWheel(now: 50 * millisecond)
    _ = wheel.schedule(1, at: 60 * millisecond)
    #expect(wheel.fire(at: 10 * millisecond).isEmpty)
    #expect(wheel.fire(at: 60 * millisecond) == [1])
  }

  @Test(arguments: 0..<60 as Range<UInt64>)
  func behavesLikeAListWhateverIsDone(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var now = random.next() >> random.below(40)
    var wheel = TimerWheel(now: now)
    var model = NaiveTimers()
    for step in 0..<1500 {
      switch random.below(10) {
      case 0...4:
        // Near and far alike: the distance's number of bits is even, up to a century and more.
        let distance = random.next() >> UInt64(random.below(60) + 4)
        let (sum, overflow) = now.addingReportingOverflow(distance)
        let deadline = random.below(10) == 0 ? now - min(now, distance) : overflow ? .max : sum
        model.waiting.append((UInt64(step), deadline, wheel.schedule(UInt64(step), at: deadline)))
      case 5, 6:
        guard !model.waiting.isEmpty else { continue }
        let victim = model.waiting.remove(at: random.below(model.waiting.count))
        let cancelled = wheel.cancel(victim.handle)
        #expect(cancelled, "seed \(seed), step \(step)")
        model.fired.append(victim.handle)
      default:
        if let earliest = model.waiting.map({ NaiveTimers.due($0.deadline) }).min(), let deadline = wheel.deadline {
          let slept = deadline / millisecond > max(earliest, now / millisecond)
          #expect(!slept, "asleep too long: seed \(seed), step \(step)")
        }
        #expect((wheel.deadline == nil) == model.waiting.isEmpty)
        // By small steps, by great ones, and to where the wheel asks to be looked at.
        let jump =
          random.below(3) == 0 ? random.next() >> UInt64(random.below(60) + 4) : random.next() % (200 * millisecond)
        let (sum, overflow) = now.addingReportingOverflow(jump)
        now = overflow ? .max : sum
        if random.below(3) == 0, let deadline = wheel.deadline { now = max(now, deadline) }
        let expected = model.fire(at: now)
        let fired = wheel.fire(at: now)
        #expect(Set(fired) == Set(expected) && fired.count == expected.count, "seed \(seed), step \(step)")
      }
      #expect(wheel.count == model.waiting.count)
    }
    #expect(model.waiting.allSatisfy { wheel.isScheduled($0.handle) })
    #expect(!model.fired.contains { wheel.isScheduled($0) })
  }

  @Test(arguments: 0..<10 as Range<UInt64>)
  func firesInTheOrderOfTicks(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let start = random.next() >> 20
    var wheel = TimerWheel(now: start)
    var moments: [UInt64] = []
    for _ in 0..<500 {
      let at = start + millisecond + random.next() % (1 << UInt64(21 + random.below(20)))
      moments.append(at)
      _ = wheel.schedule(at, at: at)
    }
    let fired = wheel.fire(at: start + 1 << 45).map { NaiveTimers.due($0) }
    #expect(fired == moments.map { NaiveTimers.due($0) }.sorted())
  }

  @Test func aSleeperThatWakesWhenToldFiresEverythingOnTime() {
    // What the loop does: sleep until `deadline`, advance, take. Few empty wakes, none late.
    var random = SeededRandom(seed: 3)
    var now: UInt64 = 123_456_789
    var wheel = TimerWheel(now: now)
    var wakes = 0
    for _ in 0..<200 { _ = wheel.schedule(0, at: now + random.next() % (3_600_000 * millisecond)) }
    while let deadline = wheel.deadline {
      now = max(now, deadline)
      _ = wheel.fire(at: now)
      wakes += 1
      if wakes > 200 * 5 { break }
    }
    // Each timer moves down at most once a level.
    #expect(wheel.count == 0 && wakes <= 200 * 5)
  }
}
