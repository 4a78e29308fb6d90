// The one writer. Orders that wait together share a transaction and its fsync: each is applied under its own
// savepoint, the transaction commits once, then all are answered. Nothing is answered before it is on disk.
import Dispatch
import GRDB
import Synchronization
import SystemIO

/// What the writer can be asked for.
enum WriterTask: Sendable {
  case order(WriteOrder)
  /// Takes endpoints out whose leases ended.
  case expire([LeaseKey])
  /// Puts endpoints back that had lapsed.
  case revive([LeaseTable.Lapsed])
  /// Housekeeping that touches no namespace state.
  case upkeep(@Sendable (Database) throws -> Void)
}

final class Writer: Sendable {
  typealias Done = @Sendable (Result<WriteAnswer, Problem>) -> Void

  struct Job: Sendable {
    let task: WriterTask
    let done: Done
  }

  /// Orders that may wait. Beyond it the answer is 503: the disk is far behind, and waiting longer helps nobody.
  static let mostWaiting = 10_000
  /// Orders in one transaction, so that the first does not wait for a whole queue.
  static let mostTogether = 256

  private struct Queue: Sendable {
    var waiting: [Job] = []
    var isDraining = false
  }

  private let queue = Mutex(Queue())
  private let thread = DispatchQueue(label: "store-writer")
  private let perform: @Sendable ([Job]) -> Void

  /// - Parameter perform: carries out some jobs and answers each; never called concurrently.
  init(perform: @escaping @Sendable ([Job]) -> Void) { self.perform = perform }

  func submit(_ task: WriterTask, _ done: @escaping Done) {
    enum Outcome { case full, queued, start }
    let outcome: Outcome = queue.withLock { queue in
      guard queue.waiting.count < Self.mostWaiting else { return .full }
      queue.waiting.append(Job(task: task, done: done))
      if queue.isDraining { return .queued }
      queue.isDraining = true
      return .start
    }
    switch outcome {
    case .full: done(.failure(.unavailable("\(Self.mostWaiting) writes are waiting for the disk.")))
    case .queued: break
    case .start: thread.async { self.drain() }
    }
  }

  func submit(_ task: WriterTask) async -> Result<WriteAnswer, Problem> {
    await withCheckedContinuation { continuation in submit(task) { continuation.resume(returning: $0) } }
  }

  private func drain() {
    while true {
      let jobs: [Job] = queue.withLock { queue in
        let jobs = Array(queue.waiting.prefix(Self.mostTogether))
        queue.waiting.removeFirst(jobs.count)
        if jobs.isEmpty { queue.isDraining = false }
        return jobs
      }
      if jobs.isEmpty { return }
      perform(jobs)
    }
  }

  /// Waits until everything submitted so far is done.
  func flush() async { _ = await submit(.upkeep { _ in }) }
}
