import Synchronization
import SystemIO

/// Messages from any thread to the thread of one loop, in the order posted. Posting to an empty box wakes the loop; to
/// one that was not drained since, the wake is on its way.
public final class Mailbox<Message: Sendable>: Sendable {
  private let messages = Mutex<[Message]>([])
  private let waker: Waker
  /// Messages that wait at most; one more is refused.
  public let limit: Int

  /// - Parameters:
  ///   - waker: Of the loop that drains.
  ///   - limit: Messages that wait at most. Unbounded only where the sender cannot run ahead of the loop.
  public init(waker: Waker, limit: Int = .max) {
    self.waker = waker
    self.limit = limit
  }

  /// Leaves `message`; false when `limit` wait already: the message is dropped and the caller must know what to do.
  @discardableResult public func post(_ message: Message) -> Bool {
    let before = messages.withLock { waiting -> Int in
      let count = waiting.count
      if count < limit { waiting.append(message) }
      return count
    }
    if before == 0 { waker.wake() }
    return before < limit
  }

  /// Takes all messages, on the loop's thread.
  public func drain() -> [Message] {
    messages.withLock { waiting in
      if waiting.isEmpty { return [] }
      let taken = waiting
      waiting = []
      return taken
    }
  }
}
