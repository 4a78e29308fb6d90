import CLinux
import Glibc

/// What a descriptor is watched for.
public struct Interest: OptionSet, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Bytes or connections to take, or the peer's end.
  public static var read: Interest { Interest(rawValue: 1) }
  /// Room to write, or a connection that stands.
  public static var write: Interest { Interest(rawValue: 2) }
  /// Tell of changes only: after an event, go on until a short read or write, or `wouldBlock`.
  public static var edgeTriggered: Interest { Interest(rawValue: 4) }
  /// Of several pollers that watch one listening socket wake one, not all. Only for `add`, and without hang-up events.
  public static var exclusive: Interest { Interest(rawValue: 8) }

  var events: UInt32 {
    var events: UInt32 = 0
    if contains(.read) {
      events |= clinux_epoll_in()
      if !contains(.exclusive) { events |= clinux_epoll_rdhup() }  // the kernel refuses both together
    }
    if contains(.write) { events |= clinux_epoll_out() }
    if contains(.edgeTriggered) { events |= clinux_epoll_et() }
    if contains(.exclusive) { events |= clinux_epoll_exclusive() }
    return events
  }
}

/// What a descriptor is ready for. `hangup` and `error` come unasked.
public struct Readiness: OptionSet, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// A read will not block: bytes, an end or an error wait.
  public static var readable: Readiness { Readiness(rawValue: 1) }
  /// A write will not block.
  public static var writable: Readiness { Readiness(rawValue: 2) }
  /// The peer has said its last byte, or the connection is closed both ways; unread bytes may still wait.
  public static var hangup: Readiness { Readiness(rawValue: 4) }
  /// The connection failed: the next read, or `connectError`, says how.
  public static var error: Readiness { Readiness(rawValue: 8) }

  init(events: UInt32) {
    var ready: UInt8 = 0
    if events & clinux_epoll_in() != 0 { ready |= 1 }
    if events & clinux_epoll_out() != 0 { ready |= 2 }
    if events & (clinux_epoll_rdhup() | clinux_epoll_hup()) != 0 { ready |= 4 }
    if events & clinux_epoll_err() != 0 { ready |= 8 }
    self.rawValue = ready
  }
}

/// Waits for many descriptors at once (epoll). Each carries a token of the caller's choice.
@safe public struct Poller: ~Copyable {
  /// Events taken from the kernel at once. Why: more would delay timers behind one batch, fewer would cost calls; what
  /// does not fit comes first in the next batch.
  public static let batch = 512

  private let descriptor: Int32
  private let events: UnsafeMutablePointer<epoll_event>

  public init() throws(SystemError) {
    descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    if descriptor < 0 { throw .last("epoll_create1") }
    unsafe events = .allocate(capacity: Poller.batch)
  }

  deinit {
    unsafe events.deallocate()
    _ = close(descriptor)
  }

  /// Watches `fd`, which must be open and not be watched yet.
  public borrowing func add(_ fd: Int32, token: UInt64, _ interest: Interest) throws(SystemError) {
    try control(EPOLL_CTL_ADD, fd, token, interest)
  }

  /// Changes what `fd` is watched for. With edge-triggered interest, what is ready already is told again.
  public borrowing func modify(_ fd: Int32, token: UInt64, _ interest: Interest) throws(SystemError) {
    try control(EPOLL_CTL_MOD, fd, token, interest)
  }

  /// Watches `fd` no more; false when it was not watched. Closing a descriptor does the same.
  @discardableResult public borrowing func remove(_ fd: Int32) -> Bool {
    epoll_ctl(descriptor, EPOLL_CTL_DEL, fd, nil) == 0
  }

  private borrowing func control(_ operation: Int32, _ fd: Int32, _ token: UInt64, _ interest: Interest)
    throws(SystemError)
  {
    var event = unsafe epoll_event(events: interest.events, data: epoll_data_t(u64: token))
    if unsafe epoll_ctl(descriptor, operation, fd, &event) != 0 { throw .last("epoll_ctl") }
  }

  /// Waits until something is ready, at most `milliseconds` (0 = look only, -1 = for ever), and returns how many events
  /// there are; 0 also when a signal came first.
  public borrowing func wait(milliseconds: Int32) -> Int {
    let count = unsafe epoll_wait(descriptor, events, Int32(Poller.batch), milliseconds)
    if count >= 0 { return Int(count) }
    precondition(errno == EINTR, "epoll_wait refused its own descriptor")
    return 0
  }

  /// The token of event `index` of the last `wait`, 0 ..< what it returned.
  public borrowing func token(at index: Int) -> UInt64 {
    precondition(index >= 0 && index < Poller.batch)
    return unsafe events[index].data.u64
  }

  /// What event `index` of the last `wait` says, 0 ..< what it returned.
  public borrowing func readiness(at index: Int) -> Readiness {
    precondition(index >= 0 && index < Poller.batch)
    return unsafe Readiness(events: events[index].events)
  }
}
