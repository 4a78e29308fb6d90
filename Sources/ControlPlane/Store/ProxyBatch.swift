import Foundation
import GRDB
import SystemIO

/// Known proxies on their way to the disk: the last word on each id counts.
struct ProxyBatch: Sendable {
  /// A proxy not seen for this long is forgotten.
  static let lifetime = Duration.seconds(86_400)

  var writtenAt = Instant.zero
  private var kept: [String: KnownProxy] = [:]
  private var forgotten: Set<String> = []

  mutating func keep(_ proxies: [KnownProxy]) {
    for proxy in proxies {
      kept[proxy.id] = proxy
      forgotten.remove(proxy.id)
    }
  }

  mutating func forget(_ ids: [String]) {
    for id in ids {
      kept[id] = nil
      forgotten.insert(id)
    }
  }

  mutating func take() -> (kept: [KnownProxy], forgotten: [String]) {
    defer { (kept, forgotten) = ([:], []) }
    return (Array(kept.values), Array(forgotten))
  }

  /// What could not be written waits for the next time, unless there is newer word.
  mutating func giveBack(_ proxies: [KnownProxy], _ ids: [String]) {
    for proxy in proxies where kept[proxy.id] == nil && !forgotten.contains(proxy.id) { kept[proxy.id] = proxy }
    for id in ids where kept[id] == nil { forgotten.insert(id) }
  }

  static func load(_ db: Database) throws -> [KnownProxy] {
    try Row.fetchAll(db, sql: "SELECT * FROM proxies ORDER BY id").map { row in
      let document: Data = row["document"]
      return KnownProxy(
        id: row["id"], namespace: row["namespace"], document: Array(document),
        seenAt: WallTime(milliseconds: row["seen_at"]), identity: row["identity"], host: row["host"])
    }
  }

  static func write(_ db: Database, _ kept: [KnownProxy], _ forgotten: [String]) throws {
    for proxy in kept {
      try db.run(
        sql: """
          INSERT INTO proxies (id, namespace, document, seen_at, identity, host) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
          ON CONFLICT (id) DO UPDATE SET namespace = ?2, document = ?3, seen_at = ?4, identity = ?5, host = ?6
          """,
        arguments: [
          proxy.id, proxy.namespace, Data(proxy.document), proxy.seenAt.milliseconds, proxy.identity, proxy.host,
        ])
    }
    for id in forgotten { try db.run(sql: "DELETE FROM proxies WHERE id = ?", arguments: [id]) }
  }

  static func prune(_ db: Database, at now: WallTime) throws {
    try db.run(sql: "DELETE FROM proxies WHERE seen_at < ?", arguments: [now.milliseconds - lifetime.wholeMilliseconds])
  }
}

extension Rows {
  /// When a leased endpoint was last renewed. Only informs: leases begin anew with the controller.
  static func renew(_ db: Database, _ key: LeaseKey, at: WallTime) throws {
    try db.run(
      sql: "UPDATE endpoints SET renewed_at = ? WHERE namespace = ? AND service = ? AND address = ?",
      arguments: [at.milliseconds, key.namespace, key.service, key.address])
  }
}
