import GRDB
import Synchronization

/// What the store counts of itself, for `/metrics` and `/readyz?verbose`.
final class StoreCounters: Sendable {
  private let transactions = Atomic<UInt64>(0)
  private let writes = Atomic<UInt64>(0)
  private let failures = Atomic<UInt64>(0)
  private let alarms = Atomic<UInt64>(0)
  private let last = Mutex<String?>(nil)

  func committed(_ orders: Int) {
    transactions.add(1, ordering: .relaxed)
    writes.add(UInt64(orders), ordering: .relaxed)
    last.withLock { $0 = nil }
  }

  func failed(_ error: any Error) {
    failures.add(1, ordering: .relaxed)
    last.withLock { $0 = Self.reason(error) }
  }

  func alarmed(_ services: Int) { alarms.add(UInt64(services), ordering: .relaxed) }

  /// Why the last transaction failed; nil once one was committed after it.
  var failure: String? { last.withLock { $0 } }

  /// Prometheus text.
  var exposition: String {
    """
    # TYPE heddle_store_transactions_total counter
    heddle_store_transactions_total \(transactions.load(ordering: .relaxed))
    # TYPE heddle_store_writes_total counter
    heddle_store_writes_total \(writes.load(ordering: .relaxed))
    # TYPE heddle_store_failures_total counter
    heddle_store_failures_total \(failures.load(ordering: .relaxed))
    # TYPE heddle_store_suspect_alarms_total counter
    heddle_store_suspect_alarms_total \(alarms.load(ordering: .relaxed))

    """
  }

  /// In words for operators; SQL and its arguments stay out.
  static func reason(_ error: any Error) -> String {
    guard let error = error as? DatabaseError else { return "\(error)" }
    switch error.resultCode {
    case .SQLITE_BUSY, .SQLITE_LOCKED: return "another program holds the database"
    case .SQLITE_FULL: return "the disk is full"
    case .SQLITE_IOERR: return "the disk answers with errors"
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: return "the database is damaged"
    case .SQLITE_READONLY: return "the database is read-only"
    default: return error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
    }
  }
}
