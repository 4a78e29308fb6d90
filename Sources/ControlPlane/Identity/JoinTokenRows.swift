import Foundation
import GRDB
import SystemIO

/// The tables of join tokens.
enum JoinTokenRows {
  private static let columns = "*, (SELECT COUNT(*) FROM join_token_uses WHERE token = id) AS used"

  static func find(_ db: Database, _ id: String) throws -> JoinTokenRecord? {
    try Row.fetchOne(db, sql: "SELECT \(columns) FROM join_tokens WHERE id = ?", arguments: [id]).map(record)
  }

  static func list(_ db: Database, namespace: String) throws -> [JoinTokenRecord] {
    try Row.fetchAll(
      db, sql: "SELECT \(columns) FROM join_tokens WHERE namespace = ? ORDER BY created_at, id", arguments: [namespace]
    ).map(record)
  }

  static func count(_ db: Database, namespace: String) throws -> Int {
    try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM join_tokens WHERE namespace = ?", arguments: [namespace]) ?? 0
  }

  static func insert(_ db: Database, _ token: JoinTokenRecord) throws {
    try db.run(
      sql: """
        INSERT INTO join_tokens (id, namespace, identity, secret, uses, created_at, created_by, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        token.id, token.namespace, token.identity, Data(token.secretHash), token.uses, token.createdAt.milliseconds,
        token.createdBy, token.expiresAt.milliseconds,
      ])
  }

  /// False: there is none.
  static func delete(_ db: Database, _ id: String, namespace: String) throws -> Bool {
    try db.run(sql: "DELETE FROM join_tokens WHERE id = ? AND namespace = ?", arguments: [id, namespace])
    return db.changesCount > 0
  }

  /// The namespace is gone: nobody joins it any more, also not when one of that name is made again.
  static func deleteAll(_ db: Database, namespace: String) throws {
    try db.run(sql: "DELETE FROM join_tokens WHERE namespace = ?", arguments: [namespace])
  }

  static func isUsed(_ db: Database, _ id: String, byKey key: [UInt8]) throws -> Bool {
    try Int.fetchOne(
      db, sql: "SELECT 1 FROM join_token_uses WHERE token = ? AND key = ?", arguments: [id, Data(key)]) != nil
  }

  /// Counts a use; the same key counts once.
  static func use(_ db: Database, _ id: String, byKey key: [UInt8], at now: WallTime) throws {
    try db.run(
      sql: "INSERT INTO join_token_uses (token, key, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
      arguments: [id, Data(key), now.milliseconds])
  }

  static func prune(_ db: Database, at now: WallTime) throws {
    try db.run(
      sql: "DELETE FROM join_tokens WHERE expires_at < ?",
      arguments: [now.milliseconds - JoinTokenRecord.memory.wholeMilliseconds])
  }

  private static func record(_ row: Row) -> JoinTokenRecord {
    let secret: Data = row["secret"]
    return JoinTokenRecord(
      id: row["id"], namespace: row["namespace"], identity: row["identity"], secretHash: Array(secret),
      uses: row["uses"],
      used: row["used"], createdAt: WallTime(milliseconds: row["created_at"]), createdBy: row["created_by"],
      expiresAt: WallTime(milliseconds: row["expires_at"]))
  }
}
