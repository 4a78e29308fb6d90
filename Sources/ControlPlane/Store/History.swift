// Revisions that were: who, when, why, what; and the state as it was then.
import Foundation
import GRDB
import JSONFormat
import SystemIO

/// How much history is kept.
struct HistoryLimits: Sendable {
  /// At least this many revisions of each namespace…
  var revisions = 10_000
  /// …and at least what is younger than this: a quarter of a year, for questions after an incident.
  var age = Duration.seconds(90 * 86_400)
  /// All namespaces together, in bytes of resources; above it the oldest go first, whatever the other two say.
  var bytes = 1 << 30
}

/// One line of history.
struct RevisionEntry: Sendable, Equatable {
  let revision: UInt64
  let at: WallTime
  let who: String
  let why: String
  /// What it changed, in words.
  let summary: String

  var members: [JSON.Member] {
    [
      .init(name: "revision", value: JSON(revision)), .init(name: "at", value: .string(at.rfc3339)),
      .init(name: "who", value: .string(who)),
      .init(name: "why", value: .string(why)), .init(name: "summary", value: .string(summary)),
    ]
  }
}

enum History {
  /// Newest first, up to `limit`, beginning below `before` (nil: from the newest).
  static func list(_ database: DatabasePool, _ namespace: String, before: UInt64?, limit: Int) throws -> [RevisionEntry]
  {
    try database.read { db in
      let rows = try Row.fetchAll(
        db,
        sql: "SELECT * FROM revisions WHERE namespace = ? AND revision < ? ORDER BY revision DESC LIMIT ?",
        arguments: [namespace, before.map { Int64(clamping: $0) } ?? .max, limit])
      return rows.map(entry)
    }
  }

  /// One revision with what it changed; nil when it is not in the history.
  static func find(_ database: DatabasePool, _ namespace: String, _ revision: UInt64) throws -> (
    RevisionEntry, [DocumentChange]
  )? {
    try database.read { db in
      let number = Int64(clamping: revision)
      let row = try Row.fetchOne(
        db, sql: "SELECT * FROM revisions WHERE namespace = ? AND revision = ?", arguments: [namespace, number])
      guard let row else { return nil }
      let changes = try Row.fetchAll(
        db, sql: "SELECT * FROM revision_changes WHERE namespace = ? AND revision = ? ORDER BY kind, name",
        arguments: [namespace, number])
      return (entry(row), try changes.map(change))
    }
  }

  /// The oldest revision whose state can be told.
  static func oldest(_ database: DatabasePool, _ namespace: String) throws -> UInt64 {
    try database.read { db in
      let number = try Int64.fetchOne(
        db, sql: "SELECT oldest_revision FROM namespaces WHERE name = ?", arguments: [namespace])
      return UInt64(clamping: number ?? 1)
    }
  }

  /// The state as it was at `revision`: `state` with every later change taken back, newest first.
  static func rewind(_ state: NamespaceState, to revision: UInt64, _ database: DatabasePool) throws -> NamespaceState {
    var past = state
    try database.read { db in
      let rows = try Row.fetchCursor(
        db,
        sql:
          """
          SELECT * FROM revision_changes WHERE namespace = ? AND revision > ? AND revision <= ?
          ORDER BY revision DESC
          """,
        arguments: [state.name, Int64(clamping: revision), Int64(clamping: state.revision)])
      while let row = try rows.next() {
        let change = try change(row)
        past.set(change.key, to: change.before)
      }
      let at = try Int64.fetchOne(
        db, sql: "SELECT at FROM revisions WHERE namespace = ? AND revision = ?",
        arguments: [state.name, Int64(clamping: revision)])
      past.committedAt = WallTime(milliseconds: at ?? past.committedAt.milliseconds)
    }
    past.revision = revision
    return past
  }

  private static func entry(_ row: Row) -> RevisionEntry {
    RevisionEntry(
      revision: Rows.number(row["revision"]), at: WallTime(milliseconds: row["at"]), who: row["who"], why: row["why"],
      summary: row["summary"])
  }

  private static func change(_ row: Row) throws -> DocumentChange {
    let (kind, name): (String, String) = (row["kind"], row["name"])
    let before: String? = row["before_value"]
    let beforeRevision: Int64? = row["before_revision"]
    let after: String? = row["after_value"]
    let old = try before.map {
      try Rows.document(kind: kind, name: name, revision: Rows.number(beforeRevision ?? 0), value: $0)
    }
    let new = try after.map {
      try Rows.document(kind: kind, name: name, revision: Rows.number(row["revision"]), value: $0)
    }
    guard let key = (old ?? new)?.key else { throw StoreFault(description: "history: a change of nothing at \(name)") }
    return DocumentChange(key: key, before: old, after: new)
  }
}

// MARK: keeping it bounded

extension History {
  static func prune(_ db: Database, _ limits: HistoryLimits, at now: WallTime) throws {
    for name in try String.fetchAll(db, sql: "SELECT name FROM namespaces") {
      let current =
        try Int64.fetchOne(db, sql: "SELECT revision FROM namespaces WHERE name = ?", arguments: [name]) ?? 0
      let youngestOld = try Int64.fetchOne(
        db, sql: "SELECT max(revision) FROM revisions WHERE namespace = ? AND at < ?",
        arguments: [name, now.milliseconds - limits.age.wholeMilliseconds])
      guard let youngestOld else { continue }
      try cut(db, name, below: min(youngestOld + 1, current - Int64(limits.revisions) + 1))
    }
    try cutToSize(db, limits.bytes)
  }

  /// Revision `first` becomes the oldest that is kept.
  private static func cut(_ db: Database, _ namespace: String, below first: Int64) throws {
    let oldest =
      try Int64.fetchOne(db, sql: "SELECT oldest_revision FROM namespaces WHERE name = ?", arguments: [namespace]) ?? 1
    guard first > oldest else { return }
    try db.run(sql: "DELETE FROM revisions WHERE namespace = ? AND revision < ?", arguments: [namespace, first])
    try db.run(sql: "UPDATE namespaces SET oldest_revision = ? WHERE name = ?", arguments: [first, namespace])
  }

  private static func cutToSize(_ db: Database, _ limit: Int) throws {
    var total = try Int64.fetchOne(db, sql: "SELECT coalesce(sum(size), 0) FROM revisions") ?? 0
    guard total > Int64(limit) else { return }
    var firsts: [String: Int64] = [:]
    let rows = try Row.fetchAll(
      db,
      sql: """
        SELECT r.namespace, r.revision, r.size FROM revisions r JOIN namespaces n ON n.name = r.namespace
        WHERE r.revision < n.revision ORDER BY r.at, r.namespace, r.revision
        """)
    for row in rows where total > Int64(limit) {
      let (revision, size): (Int64, Int64) = (row["revision"], row["size"])
      firsts[row["namespace"]] = revision + 1
      total -= size
    }
    for (namespace, first) in firsts { try cut(db, namespace, below: first) }
  }
}

extension Controller {
  /// A namespace as it was at a revision.
  /// - Throws: `Problem` 404 for one that is not yet, 410 for one that the history no longer has.
  func state(_ namespace: String, at revision: UInt64) throws(Problem) -> NamespaceState {
    guard let state = state(namespace), state.isPresent else { throw .absentNamespace(namespace) }
    if revision == state.revision { return state }
    guard revision > 0, revision < state.revision else {
      throw .notFound("Namespace \(namespace) has no revision \(revision); it is at \(state.revision).")
    }
    let database = store.database
    return try reading {
      let oldest = try History.oldest(database, namespace)
      guard revision >= oldest else { throw Problem.gone("The history of \(namespace) begins at revision \(oldest).") }
      return try History.rewind(state, to: revision, database)
    }
  }

  /// What a revision did.
  func revision(_ namespace: String, _ revision: UInt64) throws(Problem) -> (RevisionEntry, [DocumentChange]) {
    guard let state = state(namespace), state.isPresent else { throw .absentNamespace(namespace) }
    guard revision > 0, revision <= state.revision else {
      throw .notFound("Namespace \(namespace) has no revision \(revision); it is at \(state.revision).")
    }
    let database = store.database
    return try reading {
      if let found = try History.find(database, namespace, revision) { return found }
      throw Problem.gone("The history of \(namespace) begins at revision \(try History.oldest(database, namespace)).")
    }
  }

  func revisions(_ namespace: String, before: UInt64?, limit: Int) throws(Problem) -> [RevisionEntry] {
    let database = store.database
    return try reading { try History.list(database, namespace, before: before, limit: limit) }
  }

  private func reading<Value>(_ body: () throws -> Value) throws(Problem) -> Value {
    do { return try body() } catch let problem as Problem { throw problem } catch {
      throw .unavailable("The history cannot be read now: \(StoreCounters.reason(error)).")
    }
  }
}
