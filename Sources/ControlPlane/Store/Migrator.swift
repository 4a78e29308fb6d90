import Foundation
import GRDB

/// Brings a store to the schema of this program. `PRAGMA user_version` says how many migrations it has.
struct Migrator {
  let database: DatabasePool
  let path: String
  /// In order; the file `migrations/NNNN_name.sql` is number NNNN.
  var migrations = Migrations.all

  func run() throws {
    let have = try database.read { db in try Int.fetchOne(db, sql: "PRAGMA user_version") } ?? 0
    guard have <= migrations.count else {
      throw StoreFault(
        description:
          "store \(path) has schema \(have), this program knows \(migrations.count): "
          + "it was written by a newer heddle-controller"
      )
    }
    guard have < migrations.count else { return }
    if have > 0 { try copy(schema: have) }
    for (number, migration) in migrations.enumerated().dropFirst(have) {
      try database.write { db in
        try db.execute(sql: migration.sql)
        try db.execute(sql: "PRAGMA user_version = \(number + 1)")
      }
    }
  }

  /// An older store is kept beside the new one: a migration cannot be undone.
  private func copy(schema: Int) throws {
    let name = "\(path).schema-\(schema)"
    if FileManager.default.fileExists(atPath: name) { return }
    let partial = name + ".partial"
    try? FileManager.default.removeItem(atPath: partial)
    try Backup.copy(database, to: partial)
    try FileManager.default.moveItem(atPath: partial, toPath: name)
  }
}
