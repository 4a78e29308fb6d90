import CLinux
import Glibc

/// Wakes a sleeping poller from any thread (eventfd). Copies name the same one; the descriptor closes with the last
/// copy.
///
/// Watch `descriptor` for `[.read, .edgeTriggered]`: each `wake` is then one event and nothing needs to be read.
public struct Waker: Sendable {
  private final class Descriptor: Sendable {
    let number: Int32
    init(_ number: Int32) { self.number = number }
    deinit { _ = close(number) }
  }

  private let owned: Descriptor

  public init() throws(SystemError) {
    let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    if number < 0 { throw .last("eventfd") }
    owned = Descriptor(number)
  }

  /// For the poller; valid while a copy of the waker lives.
  public var descriptor: Int32 { owned.number }

  /// Wakes the poller, now or when it next waits. Several calls may make one event.
  public func wake() { add(1) }

  /// Split from `wake` for tests, which cannot call 2⁶⁴ times.
  func add(_ amount: UInt64) {
    var amount = amount
    while unsafe write(owned.number, &amount, 8) < 0 {
      // The counter is full, which takes 2⁶⁴ wakes: empty it, for a full one makes no events.
      if errno == EAGAIN { clear() } else if errno != EINTR { preconditionFailure("eventfd refused a write") }
    }
  }

  /// Forgets wakes: only for pollers that watch level-triggered.
  public func clear() {
    var sum: UInt64 = 0
    _ = retrying { unsafe read(owned.number, &sum, 8) }
  }
}
