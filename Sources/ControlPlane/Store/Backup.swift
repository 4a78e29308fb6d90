// Copies of a store: online ones with SQLite's backup interface, and the way back.
import Foundation
import GRDB
import SystemIO

enum Backup {
  /// Copies the whole store while it is in use. The copy is one file without WAL, and on disk when this returns.
  static func copy(_ source: some DatabaseReader, to path: String) throws {
    try PrivateFile.make(path)
    let target = try DatabaseQueue(path: path)
    try source.backup(to: target)
    try target.writeWithoutTransaction { db in
      // WAL is a property of the file: a copy that says so could not be opened from a read-only place.
      try db.execute(sql: "PRAGMA journal_mode = DELETE")
    }
    try target.close()
    try flush(path)
  }

  /// Copies the store at `path` to the new file `file`. The controller may run.
  static func save(store path: String, to file: String) throws {
    guard FileManager.default.fileExists(atPath: path) else {
      throw StoreFault(description: "there is no store at \(path)")
    }
    guard !FileManager.default.fileExists(atPath: file) else { throw StoreFault(description: "\(file) exists already") }
    var configuration = Store.configuration()
    configuration.readonly = true
    let source = try DatabaseQueue(path: path, configuration: configuration)
    let partial = file + ".partial"
    try? FileManager.default.removeItem(atPath: partial)
    try copy(source, to: partial)
    try verify(partial)
    try FileManager.default.moveItem(atPath: partial, toPath: file)
  }

  /// Puts the copy `file` in the place of the store at `path`, under a new epoch: proxies must see that history went
  /// back. What stood there is kept as `<path>.before-restore-<epoch>`. No controller may run on it.
  static func restore(_ file: String, to path: String, random: (Int) -> [UInt8]) throws {
    guard FileManager.default.fileExists(atPath: file) else {
      throw StoreFault(description: "there is no file \(file)")
    }
    let lock = try StoreLock(beside: path)
    defer { lock.release() }
    try verify(file)
    let partial = path + ".restoring"
    try? FileManager.default.removeItem(atPath: partial)
    var configuration = Store.configuration()
    configuration.readonly = true
    try copy(try DatabaseQueue(path: file, configuration: configuration), to: partial)
    let epoch = Facts.hex(random(16))
    let queue = try DatabaseQueue(path: partial, configuration: Store.configuration())
    try queue.write { db in try Facts.write(db, .epoch, epoch) }
    try queue.close()
    try flush(partial)
    try setAside(path, as: path + ".before-restore-" + epoch.prefix(8))
    try FileManager.default.moveItem(atPath: partial, toPath: path)
    try flush(URL(fileURLWithPath: path).deletingLastPathComponent().path)
  }

  /// Gives the store at `path` a new epoch: the operator accepts that the history the proxies saw is lost.
  static func renewEpoch(_ path: String, random: (Int) -> [UInt8]) throws -> String {
    guard FileManager.default.fileExists(atPath: path) else {
      throw StoreFault(description: "there is no store at \(path)")
    }
    let lock = try StoreLock(beside: path)
    defer { lock.release() }
    try verify(path)
    let epoch = Facts.hex(random(16))
    let queue = try DatabaseQueue(path: path, configuration: Store.configuration())
    try queue.write { db in try Facts.write(db, .epoch, epoch) }
    try queue.close()
    return epoch
  }

  /// Refuses what is no whole store of a schema that this program knows.
  private static func verify(_ path: String) throws {
    var configuration = Store.configuration()
    configuration.readonly = true
    do {
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.read { db in
        guard try String.fetchAll(db, sql: "PRAGMA quick_check(5)") == ["ok"] else {
          throw StoreFault(description: "\(path) is damaged")
        }
        let schema = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        guard (1...Migrations.all.count).contains(schema), try Facts.read(db, .epoch) != nil else {
          throw StoreFault(description: "\(path) is not a store of a schema that this program knows")
        }
      }
      try queue.close()
    } catch let error as DatabaseError {
      throw StoreFault(description: "\(path) is no usable store: \(error)")
    }
  }

  /// The old file with its WAL: that may hold answered writes.
  private static func setAside(_ path: String, as name: String) throws {
    for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
      try FileManager.default.moveItem(atPath: path + suffix, toPath: name + suffix)
    }
  }

  private static func flush(_ path: String) throws {
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw StoreFault(description: "cannot open \(path) to flush it")
    }
    defer { try? handle.close() }
    try handle.synchronize()
  }
}
