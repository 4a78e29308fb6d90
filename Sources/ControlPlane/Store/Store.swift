// The file: opened, checked, migrated and locked. What is in it and when it changes is the business of `Controller`.
import Foundation
import GRDB
import SystemIO

/// Why a store cannot be opened, for the operator who starts the controller.
struct StoreFault: Error, CustomStringConvertible, Equatable {
  let description: String
}

final class Store: Sendable {
  /// WAL, one writer connection and some for readers.
  let database: DatabasePool
  let path: String
  private let lock: StoreLock

  /// Opens, or makes, the store at `path`.
  /// - Throws: `StoreFault` when it is locked, damaged, newer than this program, or cannot be opened.
  init(path: String, clocks: Clocks, random: @Sendable (Int) -> [UInt8]) throws {
    self.path = path
    lock = try StoreLock(beside: path)
    do {
      try PrivateFile.make(path)
      database = try Self.open(path)
      try Self.check(database, path)
      try Migrator(database: database, path: path).run()
      try database.write { db in try Self.seed(db, clocks.wall(), random) }
    } catch let fault as StoreFault {
      throw fault
    } catch {
      throw StoreFault(description: "store \(path): \(error)")
    }
  }

  /// Longest wait for another program's lock on the file before a write is answered with 503.
  static let busyTimeout: TimeInterval = 1

  static func configuration() -> Configuration {
    var configuration = Configuration()
    configuration.busyMode = .timeout(busyTimeout)
    configuration.foreignKeysEnabled = true
    configuration.label = "store"
    configuration.maximumReaderCount = 3
    return configuration
  }

  private static func open(_ path: String) throws -> DatabasePool {
    let pool = try DatabasePool(path: path, configuration: configuration())
    try pool.writeWithoutTransaction { db in
      // The library sets NORMAL for WAL, which may lose the last answered writes when the power fails.
      try db.execute(sql: "PRAGMA synchronous = FULL")
      guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2,
        try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal"
      else {
        throw StoreFault(description: "store \(path): SQLite refuses WAL with synchronous=FULL here")
      }
    }
    return pool
  }

  private static func check(_ database: DatabasePool, _ path: String) throws {
    let verdict = try database.read { db in try String.fetchAll(db, sql: "PRAGMA quick_check(5)") }
    guard verdict == ["ok"] else {
      throw StoreFault(
        description:
          "store \(path) is damaged: \(verdict.joined(separator: "; ")). "
          + "Restore a backup: heddle-controller restore FILE"
      )
    }
  }

  /// A new store has an epoch and the namespace `default`.
  private static func seed(_ db: Database, _ now: WallTime, _ random: (Int) -> [UInt8]) throws {
    guard try Facts.read(db, .epoch) == nil else { return }
    try Facts.write(db, .epoch, Facts.hex(random(16)))
    try Facts.write(db, .createdAt, now.rfc3339)
    try db.execute(
      sql: """
        INSERT INTO namespaces (name, present, revision, last_rule, endpoints_version, oldest_revision, committed_at)
        VALUES ('default', 1, 1, 0, 0, 1, ?);
        """, arguments: [now.milliseconds])
    try db.execute(
      sql:
        """
        INSERT INTO revisions (namespace, revision, at, who, why, summary, size)
        VALUES ('default', 1, ?, 'controller', '', 'add namespace', 0)
        """,
      arguments: [now.milliseconds])
  }

  /// Ends all use of the file and gives the lock back. Everything is in the main file then, so that a plain copy of it
  /// is whole.
  func close() throws {
    defer { lock.release() }
    // The library closes its readers last, and these may not empty the write-ahead log.
    try database.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    try database.close()
  }

  /// 16 random bytes, new for each store and after each restore.
  func epoch() throws -> [UInt8] {
    let text = try database.read { db in try Facts.read(db, .epoch) }
    guard let text, let bytes = Facts.bytes(hex: text), bytes.count == 16 else {
      throw StoreFault(description: "store \(path): the epoch is missing or damaged")
    }
    return bytes
  }
}

/// The table `facts`.
enum Facts {
  enum Name: String {
    case epoch
    case createdAt = "created_at"
    /// Of the trust bundle: its number, and the hash of its content, so that a change is seen whatever made it.
    case trustVersion = "trust_version"
    case trustHash = "trust_hash"
  }

  static func read(_ db: Database, _ name: Name) throws -> String? {
    try String.fetchOne(db, sql: "SELECT value FROM facts WHERE name = ?", arguments: [name.rawValue])
  }

  static func write(_ db: Database, _ name: Name, _ value: String) throws {
    try db.execute(
      sql: "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      arguments: [name.rawValue, value])
  }

  static func hex(_ bytes: [UInt8]) -> String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }

  static func bytes(hex: String) -> [UInt8]? {
    let digits = hex.compactMap(\.hexDigitValue)
    guard digits.count == hex.utf8.count, digits.count % 2 == 0 else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}
