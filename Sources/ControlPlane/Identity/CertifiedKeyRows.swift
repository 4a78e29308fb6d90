import Foundation
import GRDB
import MeshProtocol
import SystemIO

/// The table of keys that were certified for a proof. Why: whoever has a stolen root can make certificates for any identity, but
/// not with these keys.
enum CertifiedKeyRows {
  /// How long a key without a new certificate is kept: the longest life of a leaf and the longest grace after it.
  static let memory = Duration.seconds(60 * 86_400)

  /// - Parameter key: SHA-256 of the public key.
  static func note(_ db: Database, _ key: [UInt8], of id: SPIFFEID, at now: WallTime) throws {
    try db.run(
      sql: """
        INSERT INTO certified_keys (key, namespace, identity, at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (key, namespace, identity) DO UPDATE SET at = ?4
        """,
      arguments: [Data(key), id.namespace, id.name, now.milliseconds])
  }

  /// It was renewed; a key that is not known stays unknown.
  static func touch(_ db: Database, _ key: [UInt8], of id: SPIFFEID, at now: WallTime) throws {
    try db.run(
      sql: "UPDATE certified_keys SET at = ? WHERE key = ? AND namespace = ? AND identity = ?",
      arguments: [now.milliseconds, Data(key), id.namespace, id.name])
  }

  static func isKnown(_ db: Database, _ key: [UInt8], of id: SPIFFEID) throws -> Bool {
    try Int.fetchOne(
      db, sql: "SELECT 1 FROM certified_keys WHERE key = ? AND namespace = ? AND identity = ?",
      arguments: [Data(key), id.namespace, id.name]) != nil
  }

  static func prune(_ db: Database, at now: WallTime) throws {
    try db.run(
      sql: "DELETE FROM certified_keys WHERE at < ?", arguments: [now.milliseconds - memory.wholeMilliseconds])
  }
}
