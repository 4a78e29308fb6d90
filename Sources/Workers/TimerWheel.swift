/// Timers in a hierarchical wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 7): eight
/// levels of 64 slots, each level's slot as wide as the whole level below, 1 ms at the bottom: every moment of a 64-bit
/// clock has a place. Scheduling and cancelling take constant time and, once the wheel has held as many timers before,
/// no allocation.
///
/// It knows no clock: moments are nanoseconds that the caller gives, and must not run backwards (earlier ones count as
/// the latest). A timer never fires before its moment and fires in the first `advance` a tick or more after it, however
/// late that comes.
///
/// Positions are those of Tokio's wheel: a timer lies on the level of the highest 6-bit digit in which its tick and the
/// wheel's differ, so a slot never holds two turns, and a bit per slot tells where the next timer is without walking.
public struct TimerWheel {
  /// Nanoseconds in a tick. Why: what timeouts and epoll_wait count in; finer would only wake more often.
  public static let tick: UInt64 = 1_000_000
  /// 64⁸ ticks = 2⁴⁸; the clock's end, 2⁶⁴ ns, is before 2⁴⁵.
  static let levels = 8

  private struct Entry {
    var token: UInt64 = 0
    var due: UInt64 = 0  // tick
    var generation: UInt32 = 0
    var slot: Int16 = Slot.free
    var next: Int32 = 0
    var previous: Int32 = 0
  }

  /// Lists: 0 ..< 512 are the wheel, then those that wait to be taken, and those that were late when scheduled.
  private enum Slot {
    static let free: Int16 = -1
    static let expired: Int16 = 512
    static let late: Int16 = 513
    static let count = 514
  }

  /// First the anchors of the lists, at the slot's number: each list is a ring through its anchor, so that adding and
  /// removing need no test for an end. Then the timers.
  private var entries: [Entry]
  private var firstFree: Int32 = -1
  private var occupied = InlineArray<8, UInt64>(repeating: 0)
  /// The tick up to which everything was moved to the expired list.
  private var elapsed: UInt64
  /// Timers that are scheduled and were not taken.
  public private(set) var count = 0

  /// An empty wheel. - Parameter now: The current moment in nanoseconds.
  public init(now: UInt64) {
    elapsed = now / TimerWheel.tick
    entries = (0..<Int32(Slot.count)).map { Entry(next: $0, previous: $0) }
  }

  /// Schedules `token` for the moment `deadline`, in nanoseconds. One that is past fires at the next `advance`, not
  /// during this one.
  public mutating func schedule(_ token: UInt64, at deadline: UInt64) -> TimerHandle {
    let index = allocate()
    let due = deadline / TimerWheel.tick &+ (deadline % TimerWheel.tick == 0 ? 0 : 1)
    let generation = entries[Int(index)].generation
    entries[Int(index)] = Entry(token: token, due: due, generation: generation)
    append(index, to: due <= elapsed ? Slot.late : position(due))
    count &+= 1
    return TimerHandle(index: index, generation: generation)
  }

  /// Takes the timer back; false when it fired or was cancelled before.
  @discardableResult public mutating func cancel(_ timer: TimerHandle) -> Bool {
    guard isScheduled(timer) else { return false }
    unlink(timer.index)
    release(timer.index)
    return true
  }

  /// True until the timer fires or is cancelled.
  public func isScheduled(_ timer: TimerHandle) -> Bool {
    guard timer.index >= Slot.count, timer.index < entries.count else { return false }
    let entry = entries[Int(timer.index)]
    return entry.generation == timer.generation && entry.slot != Slot.free
  }

  /// Makes all timers due at `now` (nanoseconds) ready to be taken by `next`, in the order of their ticks.
  public mutating func advance(to now: UInt64) {
    moveAll(from: Slot.late, to: Slot.expired)
    let target = now / TimerWheel.tick
    while let (slot, tick) = nextSlot(), tick <= target {
      elapsed = tick
      empty(slot)
    }
    elapsed = max(elapsed, target)
  }

  /// Takes the next timer that `advance` made ready: its token, nil when there are no more. Timers cancelled meanwhile
  /// are not among them, and those scheduled meanwhile never.
  public mutating func next() -> UInt64? {
    let index = entries[Int(Slot.expired)].next
    if index == Slot.expired { return nil }
    let token = entries[Int(index)].token
    unlink(index)
    release(index)
    return token
  }

  /// The moment in nanoseconds until which nothing needs to be done; nil when nothing is scheduled. It may be before
  /// the first timer's moment (a slot of a higher level is due to be sorted), never after.
  public var deadline: UInt64? {
    if !isEmpty(Slot.expired) || !isEmpty(Slot.late) { return elapsed &* TimerWheel.tick }
    guard let tick = nextSlot()?.tick else { return nil }
    let (moment, overflow) = tick.multipliedReportingOverflow(by: TimerWheel.tick)
    return overflow ? .max : moment
  }

  // MARK: The wheel

  /// The list for a timer due at tick `due`, which is after `elapsed`.
  private func position(_ due: UInt64) -> Int16 {
    let level = (63 &- (due ^ elapsed).leadingZeroBitCount) / 6
    return Int16(truncatingIfNeeded: level &* 64 &+ Int(due &>> UInt64(level &* 6) & 63))
  }

  /// The first slot that is not empty, and the tick at which it must be looked at.
  private func nextSlot() -> (slot: Int16, tick: UInt64)? {
    for level in 0..<TimerWheel.levels where occupied[level] != 0 {
      let shift = UInt64(level &* 6)
      // No slot at or before the wheel's own digit is occupied: timers there lie on a lower level or were moved.
      let digit = UInt64(occupied[level].trailingZeroBitCount)
      let turn = elapsed &>> shift & ~63
      return (Int16(truncatingIfNeeded: UInt64(level &* 64) &+ digit), (turn | digit) &<< shift)
    }
    return nil
  }

  /// Moves the timers of `slot`, whose tick is `elapsed`, to where they belong now.
  private mutating func empty(_ slot: Int16) {
    while case let index = entries[Int(slot)].next, index != slot {
      unlink(index)
      let due = entries[Int(index)].due
      append(index, to: due <= elapsed ? Slot.expired : position(due))
    }
  }

  private mutating func moveAll(from: Int16, to: Int16) {
    while case let index = entries[Int(from)].next, index != from {
      unlink(index)
      append(index, to: to)
    }
  }

  // MARK: Lists

  private func isEmpty(_ slot: Int16) -> Bool { entries[Int(slot)].next == slot }

  private mutating func append(_ index: Int32, to slot: Int16) {
    var entries = entries.mutableSpan  // one check for uniqueness, not one for each line
    let last = entries[Int(slot)].previous
    entries[Int(index)].slot = slot
    entries[Int(index)].previous = last
    entries[Int(index)].next = Int32(slot)
    entries[Int(last)].next = index
    entries[Int(slot)].previous = index
    if slot < Slot.expired { occupied[Int(slot) / 64] |= 1 &<< UInt64(slot & 63) }
  }

  private mutating func unlink(_ index: Int32) {
    var entries = entries.mutableSpan
    let entry = entries[Int(index)]
    entries[Int(entry.previous)].next = entry.next
    entries[Int(entry.next)].previous = entry.previous
    let wasLast = entry.next == entry.previous && entry.next == entry.slot
    if wasLast && entry.slot < Slot.expired { occupied[Int(entry.slot) / 64] &= ~(1 &<< UInt64(entry.slot & 63)) }
  }

  // MARK: Entries

  private mutating func allocate() -> Int32 {
    if firstFree >= 0 {
      let index = firstFree
      firstFree = entries[Int(index)].next
      return index
    }
    precondition(entries.count < Int(Int32.max))
    entries.append(Entry())
    return Int32(entries.count - 1)
  }

  private mutating func release(_ index: Int32) {
    let generation = entries[Int(index)].generation &+ 1
    entries[Int(index)] = Entry(generation: generation, slot: Slot.free, next: firstFree)
    firstFree = index
    count &-= 1
  }
}
