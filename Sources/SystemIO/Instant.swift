import Glibc

/// A moment on the monotonic clock of this machine: it neither jumps with the wall clock nor means anything elsewhere.
public struct Instant: Hashable, Comparable, Sendable {
  /// Nanoseconds since an arbitrary start, usually boot.
  public var nanoseconds: UInt64

  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// Before every other moment.
  public static var zero: Instant { Instant(nanoseconds: 0) }
  /// After every other moment: stands for "never".
  public static var distantFuture: Instant { Instant(nanoseconds: .max) }

  /// Reads the clock (about 30 ns): once per loop turn, not per request.
  public static func now() -> Instant { Instant(nanoseconds: clock(CLOCK_MONOTONIC)) }

  /// Whole milliseconds since the clock's start.
  public var milliseconds: UInt64 { nanoseconds / 1_000_000 }

  /// This moment and `milliseconds` later, at most `distantFuture`.
  public func adding(milliseconds: UInt64) -> Instant {
    let (added, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    return adding(nanoseconds: overflow ? .max : added)
  }

  /// This moment and `nanoseconds` later, at most `distantFuture`.
  public func adding(nanoseconds added: UInt64) -> Instant {
    let (sum, overflow) = nanoseconds.addingReportingOverflow(added)
    return Instant(nanoseconds: overflow ? .max : sum)
  }

  /// Nanoseconds from `earlier` to this moment; 0 when `earlier` is later.
  public func nanoseconds(since earlier: Instant) -> UInt64 {
    nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
  }

  /// Whole milliseconds from `earlier` to this moment; 0 when `earlier` is later.
  public func milliseconds(since earlier: Instant) -> UInt64 { nanoseconds(since: earlier) / 1_000_000 }

  public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

  /// `d` after (or, negative, before) the moment, within `zero` … `distantFuture`.
  public static func + (a: Instant, d: Duration) -> Instant {
    let shift = d.wholeNanoseconds
    if shift >= 0 { return a.adding(nanoseconds: UInt64(shift)) }
    return Instant(nanoseconds: a.nanoseconds - min(a.nanoseconds, shift.magnitude))
  }

  public static func - (a: Instant, d: Duration) -> Instant {
    let shift = d.wholeNanoseconds
    if shift < 0 { return a.adding(nanoseconds: shift.magnitude) }
    return Instant(nanoseconds: a.nanoseconds - min(a.nanoseconds, UInt64(shift)))
  }

  /// From `b` to `a`; negative when `a` is earlier.
  public static func - (a: Instant, b: Instant) -> Duration {
    a >= b
      ? .nanoseconds(Int64(clamping: a.nanoseconds - b.nanoseconds))
      : .zero - .nanoseconds(Int64(clamping: b.nanoseconds - a.nanoseconds))
  }
}

extension Duration {
  /// Nanoseconds, rounded towards zero, at most what `Int64` holds (292 years).
  public var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, overflowToo) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflow || overflowToo ? (seconds < 0 ? .min : .max) : sum
  }
}

/// Milliseconds since 1970 in UTC. The wall clock may jump: for logs and stored times, never for timeouts.
public func wallClockMilliseconds() -> UInt64 { clock(CLOCK_REALTIME) / 1_000_000 }

private func clock(_ id: clockid_t) -> UInt64 {
  var time = timespec()
  // Cannot fail: both clocks exist on every Linux, and the address is good.
  unsafe clock_gettime(id, &time)
  return UInt64(bitPattern: Int64(time.tv_sec)) &* 1_000_000_000 &+ UInt64(bitPattern: Int64(time.tv_nsec))
}
