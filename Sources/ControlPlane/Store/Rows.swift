// A namespace's rows: read once at the start, written by the writer alone.
import Foundation
import GRDB
import JSONFormat
import MeshProtocol
import SystemIO

enum Rows {
  /// Everything, for the start.
  static func loadAll(_ db: Database, epoch: [UInt8]) throws -> [String: NamespaceState] {
    var states: [String: NamespaceState] = [:]
    for row in try Row.fetchAll(db, sql: "SELECT * FROM namespaces") {
      let name: String = row["name"]
      var state = NamespaceState(
        name: name, epoch: epoch, isPresent: row["present"], revision: number(row["revision"]),
        lastRule: number(row["last_rule"]),
        endpointsVersion: number(row["endpoints_version"]), committedAt: WallTime(milliseconds: row["committed_at"]))
      state.loaded(committedHash: (row["hash"] as Data?).flatMap { SetHash(bytes: $0) })
      states[name] = state
    }
    try loadResources(db, &states)
    try loadRegistry(db, &states)
    return states
  }

  private static func loadResources(_ db: Database, _ states: inout [String: NamespaceState]) throws {
    let rows = try Row.fetchCursor(db, sql: "SELECT namespace, kind, name, revision, value FROM resources")
    while let row = try rows.next() {
      let document = try document(
        kind: row["kind"], name: row["name"], revision: number(row["revision"]), value: row["value"])
      states[row["namespace"]]?.set(document.key, to: document)
    }
  }

  private static func loadRegistry(_ db: Database, _ states: inout [String: NamespaceState]) throws {
    for row in try Row.fetchAll(db, sql: "SELECT namespace, name, version FROM services") {
      let name: String = row["name"]
      states[row["namespace"]]?.services[name] = Service(name: name, version: number(row["version"]))
    }
    let rows = try Row.fetchCursor(db, sql: "SELECT namespace, service, address, value, ttl FROM endpoints")
    while let row = try rows.next() {
      let address: String = row["address"]
      let endpoint = try endpoint(address, value: row["value"], ttl: row["ttl"])
      states[row["namespace"]]?.services[row["service"]]?.set(address, to: endpoint)
    }
  }

  static func document(kind: String, name: String, revision: UInt64, value: String) throws -> Document {
    guard let kind = DocumentKey.Kind(rawValue: kind) else {
      throw StoreFault(description: "\(name): unknown kind \(kind)")
    }
    return try Document.load(DocumentKey(kind: kind, name: name), revision: revision, text: value)
  }

  private static func endpoint(_ address: String, value: String, ttl: Int64?) throws -> Endpoint {
    var findings = Findings()
    let json = try JSONParser.parse(Array(value.utf8))
    guard let read = Endpoint.read(json, address: address, at: .root, leased: false, &findings), findings.isEmpty else {
      throw StoreFault(description: "endpoint \(address): \(findings.faults.first?.detail ?? "unreadable")")
    }
    return read.leased(for: ttl.map { .milliseconds($0) })
  }

  static func number(_ value: Int64) -> UInt64 { UInt64(clamping: value) }
}

extension Endpoint {
  func leased(for ttl: Duration?) -> Endpoint {
    Endpoint(address: address, weight: weight, zone: zone, metadata: metadata, ttl: ttl)
  }

  /// What the row keeps beside address and ttl.
  fileprivate var storedValue: String {
    JSON.object(members.filter { $0.name != "address" && $0.name != "ttl" }).printedText
  }
}

// MARK: writing

extension Rows {
  /// Writes all that `edit` changed; the revision row too when configuration changed.
  static func write(_ db: Database, _ edit: Edit, who: String, why: String, at now: WallTime) throws {
    try writeNamespace(db, edit.state)
    if !edit.state.isPresent { try JoinTokenRows.deleteAll(db, namespace: edit.state.name) }
    if edit.changesConfiguration { try writeRevision(db, edit, who: who, why: why, at: now) }
    for (service, touch) in edit.registry { try writeService(db, edit.state, service, touch, at: now) }
  }

  private static func writeNamespace(_ db: Database, _ state: NamespaceState) throws {
    try db.run(
      sql: """
        INSERT INTO namespaces (name, present, revision, last_rule, endpoints_version, oldest_revision, committed_at, hash)
        VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7)
        ON CONFLICT (name) DO UPDATE
        SET present = ?2, revision = ?3, last_rule = ?4, endpoints_version = ?5, committed_at = ?6, hash = ?7
        """,
      arguments: [
        state.name, state.isPresent, Int64(state.revision), Int64(state.lastRule), Int64(state.endpointsVersion),
        state.committedAt.milliseconds, state.committedHash.map { Data($0.bytes) },
      ])
  }

  private static func writeRevision(_ db: Database, _ edit: Edit, who: String, why: String, at now: WallTime) throws {
    let changes = edit.changes
    let stored = changes.map {
      (change: $0, before: $0.before?.stored.printedText, after: $0.after?.stored.printedText)
    }
    let size = stored.reduce(0) { $0 + ($1.before?.utf8.count ?? 0) + ($1.after?.utf8.count ?? 0) + 64 }
    let (name, revision) = (edit.state.name, Int64(edit.state.revision))
    try db.run(
      sql: "INSERT INTO revisions (namespace, revision, at, who, why, summary, size) VALUES (?, ?, ?, ?, ?, ?, ?)",
      arguments: [name, revision, now.milliseconds, who, why, summary(changes, edit), size])
    for entry in stored {
      let key = entry.change.key
      try db.run(
        sql: """
          INSERT INTO revision_changes (namespace, revision, kind, name, before_revision, before_value, after_value)
          VALUES (?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          name, revision, key.kind.rawValue, key.name, entry.change.before.map { Int64($0.revision) }, entry.before,
          entry.after,
        ])
      try writeResource(db, name, entry.change, entry.after)
    }
  }

  private static func writeResource(_ db: Database, _ namespace: String, _ change: DocumentChange, _ value: String?)
    throws
  {
    guard let after = change.after, let value else {
      return try db.run(
        sql: "DELETE FROM resources WHERE namespace = ? AND kind = ? AND name = ?",
        arguments: [namespace, change.key.kind.rawValue, change.key.name])
    }
    try db.run(
      sql: """
        INSERT INTO resources (namespace, kind, name, revision, value) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (namespace, kind, name) DO UPDATE SET revision = ?4, value = ?5
        """, arguments: [namespace, change.key.kind.rawValue, change.key.name, Int64(after.revision), value])
  }

  /// What lists of revisions show: the first few changes, and how many there were.
  private static func summary(_ changes: [DocumentChange], _ edit: Edit) -> String {
    var items = changes.prefix(10).map { change in
      let op = change.before == nil ? "add" : change.after == nil ? "remove" : "change"
      return "\(op) \(change.key.kind.rawValue) \(change.key.name)"
    }
    if changes.count > 10 { items.append("and \(changes.count - 10) more") }
    if !edit.base.isPresent { items.insert("add namespace", at: 0) }
    if !edit.state.isPresent { items.insert("remove namespace", at: 0) }
    return items.joined(separator: ", ")
  }

  private static func writeService(
    _ db: Database, _ state: NamespaceState, _ name: String, _ touch: Edit.RegistryTouch, at now: WallTime
  ) throws {
    if touch.wasRemoved {
      try db.run(sql: "DELETE FROM services WHERE namespace = ? AND name = ?", arguments: [state.name, name])
    }
    guard let service = state.services[name] else { return }
    try db.run(
      sql:
        """
        INSERT INTO services (namespace, name, version) VALUES (?1, ?2, ?3)
        ON CONFLICT (namespace, name) DO UPDATE SET version = ?3
        """,
      arguments: [state.name, name, Int64(service.version)])
    for address in touch.addresses {
      try writeEndpoint(db, state.name, name, address, service.endpoints[address], at: now)
    }
  }

  private static func writeEndpoint(
    _ db: Database, _ namespace: String, _ service: String, _ address: String, _ endpoint: Endpoint?, at now: WallTime
  ) throws {
    guard let endpoint else {
      return try db.run(
        sql: "DELETE FROM endpoints WHERE namespace = ? AND service = ? AND address = ?",
        arguments: [namespace, service, address])
    }
    try db.run(
      sql: """
        INSERT INTO endpoints (namespace, service, address, value, ttl, renewed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (namespace, service, address) DO UPDATE SET value = ?4, ttl = ?5, renewed_at = ?6
        """,
      arguments: [namespace, service, address, endpoint.storedValue, endpoint.ttl?.wholeMilliseconds, now.milliseconds])
  }
}

extension Database {
  /// Executes one statement, which is prepared once: a bulk write runs the same few a hundred thousand times.
  func run(sql: String, arguments: StatementArguments) throws {
    try cachedStatement(sql: sql).execute(arguments: arguments)
  }
}
