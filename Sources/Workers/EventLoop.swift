import SystemIO

/// One thread's loop: waits for descriptors, timers and wakes, and hands each to the handler.
///
/// A turn reads the clock once, after waiting; `now` and all timers of the turn go by that. Made and run on one thread;
/// other threads reach it through `waker` alone.
public final class EventLoop {
  /// The token of the loop's own waker: no descriptor may be added with it.
  public static let wakeToken = UInt64.max
  /// Milliseconds slept at most, because epoll_wait takes no more than an `Int32`; then the loop makes an empty turn.
  static let longestSleep: UInt64 = 60_000

  /// The moment at which this turn began.
  public private(set) var now: Instant
  /// Wakes this loop from any thread.
  public let waker: Waker
  private let poller: Poller
  private var wheel: TimerWheel
  private var isStopping = false

  public init() throws(SystemError) {
    now = Instant.now()
    wheel = TimerWheel(now: now.nanoseconds)
    waker = try Waker()
    poller = try Poller()
    try poller.add(waker.descriptor, token: EventLoop.wakeToken, [.read, .edgeTriggered])
  }

  /// Timers that are scheduled.
  public var timerCount: Int { wheel.count }

  /// Runs until `stop`. The turn in which the handler stops the loop is finished first.
  @inlinable public func run<H: LoopHandler>(_ handler: H) {
    beginRun()
    while true {
      let count = wait()
      var index = 0
      while index < count {
        let token = token(at: index)
        if token == EventLoop.wakeToken { handler.woken() } else { handler.ready(token, readiness(at: index)) }
        index &+= 1
      }
      while let token = nextTimer() { handler.expired(token) }
      handler.edge()
      if hasStopped() { return }
    }
  }

  /// Makes `run` return at the end of this turn; called on the loop's thread.
  public func stop() { isStopping = true }

  /// Watches `fd`; see `Poller.add`. `token` comes back with each event and is anything but `wakeToken`.
  public func add(_ fd: Int32, token: UInt64, _ interest: Interest) throws(SystemError) {
    precondition(token != EventLoop.wakeToken, "this token is the loop's")
    try poller.add(fd, token: token, interest)
  }

  /// Changes what `fd` is watched for; see `Poller.modify`.
  public func modify(_ fd: Int32, token: UInt64, _ interest: Interest) throws(SystemError) {
    precondition(token != EventLoop.wakeToken, "this token is the loop's")
    try poller.modify(fd, token: token, interest)
  }

  /// Watches `fd` no more; false when it was not watched. Events of this turn may still come. Closing the descriptor
  /// does the same.
  @discardableResult public func remove(_ fd: Int32) -> Bool { poller.remove(fd) }

  /// Calls `expired(token)` once `deadline` has come: never before it, and in the first turn a millisecond or more
  /// after it. A deadline that is past makes the next turn come without sleeping.
  public func schedule(_ token: UInt64, at deadline: Instant) -> TimerHandle {
    wheel.schedule(token, at: deadline.nanoseconds)
  }

  /// Takes a timer back; false when it fired or was cancelled before.
  @discardableResult public func cancel(_ timer: TimerHandle) -> Bool { wheel.cancel(timer) }

  // MARK: Steps of a turn: opaque, so that the state stays private and its exclusivity is proved here

  @usableFromInline func beginRun() { isStopping = false }

  @usableFromInline func hasStopped() -> Bool { isStopping }

  /// Sleeps until an event or a timer, reads the clock and makes the due timers ready; the number of events.
  @usableFromInline func wait() -> Int {
    let count = poller.wait(milliseconds: sleepTime())
    now = Instant.now()
    wheel.advance(to: now.nanoseconds)
    return count
  }

  @usableFromInline func token(at index: Int) -> UInt64 { poller.token(at: index) }

  @usableFromInline func readiness(at index: Int) -> Readiness { poller.readiness(at: index) }

  @usableFromInline func nextTimer() -> UInt64? { wheel.next() }

  /// Milliseconds, rounded up: waking before the timer would only make another turn.
  private func sleepTime() -> Int32 {
    guard let deadline = wheel.deadline else { return -1 }
    let left = Instant(nanoseconds: deadline).nanoseconds(since: now)
    return Int32(min(EventLoop.longestSleep, left / 1_000_000 + (left % 1_000_000 == 0 ? 0 : 1)))
  }
}
