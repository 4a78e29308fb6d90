import Synchronization
import SystemIO
import Workers

/// Carries the worker's mailbox, or why there is none, out of its thread.
final class StartedWorker: Sendable {
  private let result = Mutex<Result<Mailbox<WorkerOrder>, SystemError>?>(nil)
  private let waker: Waker

  init() throws(SystemError) { waker = try Waker() }

  func fulfil(_ value: Result<Mailbox<WorkerOrder>, SystemError>) {
    result.withLock { $0 = value }
    waker.wake()
  }

  /// Waits until the thread has said how it went.
  func wait() throws(SystemError) -> Mailbox<WorkerOrder> {
    let poller = try Poller()
    try poller.add(waker.descriptor, token: 0, [.read])
    while true {
      if let value = result.withLock({ $0 }) { return try value.get() }
      _ = poller.wait(milliseconds: -1)
    }
  }
}
