import Synchronization
import SystemIO

/// The right to write to a store: a lock on the file `<path>.lock` beside it. Held until released, or the process ends.
final class StoreLock: Sendable {
  private let held: Mutex<FileLock?>

  init(beside path: String) throws(StoreFault) {
    do throws(SystemError) {
      held = Mutex(try lockFile(path + ".lock"))
    } catch {
      throw StoreFault(
        description: "store \(path) is in use by another process, or its lock cannot be taken (\(error))")
    }
  }

  func release() { held.withLock { $0 = nil } }
}
