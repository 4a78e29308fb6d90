import Synchronization
import SystemIO
import Workers

/// The main thread's loop: waits for SIGTERM, SIGINT, SIGHUP, and for the end of draining.
final class SignalWatch: Sendable {
  private static let hangup: Int32 = 1
  private static let interrupt: Int32 = 2
  private static let terminate: Int32 = 15

  private let signals: SignalSource
  private let waker: Waker
  private let isOver = Atomic<Bool>(false)

  /// Call before any other thread starts.
  init() throws(SystemError) {
    signals = try catchSignals([Self.hangup, Self.interrupt, Self.terminate])
    waker = try Waker()
  }

  /// Ends `run`; from any thread.
  func end() {
    isOver.store(true, ordering: .releasing)
    waker.wake()
  }

  /// Waits and calls. The first SIGTERM or SIGINT drains; a second one ends at once.
  func run(terminate: () -> Void, reload: () -> Void) {
    guard let poller = try? Poller(), (try? poller.add(signals.descriptor, token: 0, [.read])) != nil,
      (try? poller.add(waker.descriptor, token: 1, [.read])) != nil
    else { return }
    var isTerminating = false
    while !isOver.load(ordering: .acquiring) {
      _ = poller.wait(milliseconds: -1)
      while let signal = signals.next() {
        if signal == Self.hangup {
          reload()
        } else if isTerminating {
          return
        } else {
          isTerminating = true
          terminate()
        }
      }
    }
  }
}
