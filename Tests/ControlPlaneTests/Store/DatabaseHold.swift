import GRDB

/// Another program that holds the database for writing.
final class DatabaseHold {
  private let queue: DatabaseQueue

  init(_ path: String) throws {
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
  }

  func release() throws {
    try queue.writeWithoutTransaction { db in try db.execute(sql: "ROLLBACK") }
    try queue.close()
  }
}
