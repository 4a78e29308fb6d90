import Synchronization

/// A response body that goes on, such as server-sent events: chunks over HTTP/1.1, DATA frames over HTTP/2.
///
/// Any thread may send. Bytes wait here until the connection takes them; a reader that falls `limit` bytes behind is cut
/// off (`send` returns false from then on) and counted.
public final class ResponseStream: Sendable {
  enum Phase: Sendable { case open, finished, closed }

  struct State: Sendable {
    var phase = Phase.open
    var waiting: [[UInt8]] = []
    var bytes = 0
    var isOverrun = false
    var wake: (@Sendable () -> Void)?
    var onClose: (@Sendable () -> Void)?
  }

  private let state: Mutex<State>
  private let limit: Int

  /// - Parameter limit: bytes that may wait, 1 MiB by default.
  public init(limit: Int = ServingLimits.rest.responseStreamBytes) {
    self.limit = limit
    state = Mutex(State())
  }

  /// Queues bytes. False: the stream is closed, or this call found its reader too slow and closed it.
  public func send(_ bytes: [UInt8]) -> Bool {
    enum Outcome { case refused, queued(wake: (@Sendable () -> Void)?), overrun(wake: (@Sendable () -> Void)?) }
    let outcome: Outcome = state.withLock { state in
      guard state.phase == .open else { return .refused }
      if bytes.isEmpty { return .queued(wake: nil) }
      if state.bytes + bytes.count > limit {
        state.isOverrun = true
        state.phase = .finished
        state.waiting = []
        return .overrun(wake: state.wake)
      }
      state.waiting.append(bytes)
      state.bytes += bytes.count
      // The connection takes everything that waits at once, so only the first chunk needs to wake it.
      return .queued(wake: state.waiting.count == 1 ? state.wake : nil)
    }
    switch outcome {
    case .refused: return false
    case .queued(let wake):
      wake?()
      return true
    case .overrun(let wake):
      wake?()
      return false
    }
  }

  /// Ends the body after what waits. Later sends return false.
  public func finish() {
    let wake: (@Sendable () -> Void)? = state.withLock { state in
      guard state.phase == .open else { return nil }
      state.phase = .finished
      return state.wake
    }
    wake?()
  }

  /// Called once, on the loop thread, when the stream has ended: sent to its end, cut off, or the reader left.
  /// Called at once when that has happened already.
  public func onClose(_ body: @escaping @Sendable () -> Void) {
    let isClosed = state.withLock { state in
      if state.phase == .closed { return true }
      state.onClose = body
      return false
    }
    if isClosed { body() }
  }

  /// False once the stream was finished or its reader left.
  public var isOpen: Bool { state.withLock { $0.phase == .open } }

  // MARK: The connection's end

  /// What the connection finds: bytes to send, and what comes after them.
  struct Taken: Sendable {
    var chunks: [[UInt8]]
    var isFinished: Bool
    var isOverrun: Bool
  }

  /// Tells how the connection is woken; it may be called from any thread.
  func attach(wake: @escaping @Sendable () -> Void) { state.withLock { $0.wake = wake } }

  /// Takes up all chunks that wait. The connection holds at most one lot at a time, so the bound stays `2 × limit`.
  func take() -> Taken {
    state.withLock { state in
      let taken = Taken(chunks: state.waiting, isFinished: state.phase != .open, isOverrun: state.isOverrun)
      state.waiting = []
      state.bytes = 0
      return taken
    }
  }

  /// The connection is done with the stream.
  func close() {
    let onClose: (@Sendable () -> Void)? = state.withLock { state in
      guard state.phase != .closed else { return nil }
      state.phase = .closed
      state.waiting = []
      state.wake = nil
      defer { state.onClose = nil }
      return state.onClose
    }
    onClose?()
  }
}
