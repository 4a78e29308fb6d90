import Workers

/// Sends work to a loop's thread, from any thread.
public struct LoopExecutor: Sendable {
  let mailbox: Mailbox<LoopWork>

  /// Runs `work` on the loop's thread, after what was sent before it. Work sent after the loop's end is never run.
  public func execute(_ work: @escaping @Sendable () -> Void) { post { _ in work() } }

  /// Ends the loop after the work sent before; connections close.
  public func stop() { post { $0.stop() } }

  func post(_ work: @escaping LoopWork) { mailbox.post(work) }
}

/// A piece of work for a loop's thread; it gets the loop, so that it needs to carry nothing that belongs to the thread.
typealias LoopWork = @Sendable (ServiceLoop) -> Void

/// A reference, usable from any thread, to an object that lives on a loop's thread and is touched only there: a `GRPCServer`,
/// a session table. The object stays alive while this does.
public final class Confined<Value: AnyObject>: Sendable {
  private let executor: LoopExecutor
  private let key: UInt64

  init(executor: LoopExecutor, key: UInt64) {
    self.executor = executor
    self.key = key
  }

  deinit {
    let key = key
    executor.post { $0.release(key) }
  }

  /// Runs `work` with the object on its thread, after what was sent before it.
  public func execute(_ work: @escaping @Sendable (Value) -> Void) {
    executor.post { [self] loop in
      if let value = loop.confined(key, as: Value.self) { work(value) }
    }
  }
}
