import Foundation
import GRDB
import JSONFormat
import MeshProtocol
import Testing

@testable import ControlPlane

struct StoreTests {
  @Test func everythingSurvivesAStop() async throws {
    let plane = try Plane()
    await plane.rule("/svc", "/#/registry")
    await plane.split("users", "/svc/users", [("v1", 90), ("v2", 10)])
    _ = await plane.at("PUT", "/services/v1", ["protocol": "http1", "ttl": "30s"])
    let before = try #require(plane.controller.snapshot("default"))
    let again = try await plane.reopened()
    let after = try #require(again.controller.snapshot("default"))
    #expect(after.epoch == before.epoch && after.revision == before.revision && after.hash == before.hash)
    #expect(after.resources.count == 2)
    #expect(await again.at("GET", "/services/v1").json["ttl"] == "30s")
  }

  @Test func answeredWritesAreSynchronised() throws {
    let plane = try Plane()
    let (level, mode) = try plane.store.database.writeWithoutTransaction { db in
      (try Int.fetchOne(db, sql: "PRAGMA synchronous"), try String.fetchOne(db, sql: "PRAGMA journal_mode"))
    }
    #expect(level == 2 && mode == "wal")
  }

  @Test func closedStoreIsOneWholeFile() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    await plane.controller.close()
    try plane.store.close()
    let copy = Folder()
    try FileManager.default.copyItem(atPath: plane.store.path, toPath: copy.file("heddle.db"))
    #expect(await (try Plane(folder: copy, clock: plane.clock)).revision() == 2)
  }

  @Test func secondControllerIsRefused() throws {
    let plane = try Plane()
    #expect(throws: StoreFault.self) { try Plane.open(plane.folder, plane.clock) }
  }

  @Test func migrationsInTheProgramAreTheFiles() throws {
    let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("../../../migrations")
    let files = try FileManager.default.contentsOfDirectory(atPath: root.path).filter { $0.hasSuffix(".sql") }.sorted()
    #expect(files.map { String($0.dropLast(4)) } == Migrations.all.map(\.name))
    for (file, migration) in zip(files, Migrations.all) {
      let text = try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)
      #expect(text.trimmingCharacters(in: .newlines) == migration.sql.trimmingCharacters(in: .newlines))
    }
  }

  @Test func newerSchemaIsRefused() async throws {
    let plane = try Plane()
    try await plane.store.database.write { db in try db.execute(sql: "PRAGMA user_version = 99") }
    await #expect(throws: StoreFault.self) { try await plane.reopened() }
  }

  @Test func olderSchemaIsCopiedBeforeItIsMigrated() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    let more = Migrations.all + [Migration(name: "9999_more", sql: "CREATE TABLE more (x INTEGER) STRICT;")]
    try Migrator(database: plane.store.database, path: plane.store.path, migrations: more).run()
    let copy = try DatabaseQueue(path: plane.store.path + ".schema-\(Migrations.all.count)")
    let old = try await copy.read { db in
      (try db.tableExists("more"), try Int.fetchOne(db, sql: "SELECT count(*) FROM resources"))
    }
    #expect(old == (false, 1))
    let isMigrated = try await plane.store.database.read { db in try db.tableExists("more") }
    #expect(isMigrated)
  }

  @Test func brokenMigrationLeavesTheOldSchema() throws {
    let plane = try Plane()
    let more =
      Migrations.all + [Migration(name: "9999_bad", sql: "CREATE TABLE more (x INTEGER) STRICT; CREATE NONSENSE;")]
    #expect(throws: (any Error).self) {
      try Migrator(database: plane.store.database, path: plane.store.path, migrations: more).run()
    }
    let now = try plane.store.database.read { db in
      (try db.tableExists("more"), try Int.fetchOne(db, sql: "PRAGMA user_version"))
    }
    #expect(now == (false, Migrations.all.count))
  }

  @Test func damagedStoreIsRefusedAtTheStart() async throws {
    let plane = try Plane()
    for i in 0..<300 { await plane.rule("/p\(i)", "/x") }
    await plane.controller.close()
    try await plane.store.database.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    try plane.store.close()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: plane.store.path))
    for at in stride(from: 8192, to: min(bytes.count, 60_000), by: 7) { bytes[at] = 0xA5 }
    try bytes.write(to: URL(fileURLWithPath: plane.store.path))
    #expect(throws: StoreFault.self) { try Plane(folder: plane.folder, clock: plane.clock) }
  }

  // bad-inputs 109
  @Test func lockedStoreAnswers503AndReadsGoOn() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    let hold = try DatabaseHold(plane.store.path)
    let refused = await plane.rule("/c", "/d")
    #expect(refused.status == 503)
    #expect(refused.response.headers["retry-after"] == "1")
    #expect(await plane.at("GET", "/rules").list("rules").count == 1)
    #expect(await plane.at("GET", "/revisions/2").status == 200)
    #expect(await plane.call("GET", "/readyz?verbose").text.contains("another program"))
    try hold.release()
    #expect(await plane.rule("/c", "/d").json["id"] == "r-2")
    #expect(await plane.revision() == 3)
    #expect(plane.listener.changes.withLock { $0.map(\.after.revision) } == [2, 3])
  }

  /// Bad-inputs 109: while one reads, the write-ahead log cannot begin anew and grows. Nobody waits for the reader, he keeps seeing
  /// what he began with, and when he has gone the log is used again from its start.
  @Test func aLogThatAReaderHoldsGrowsAndIsTakenIntoTheFileAfterwards() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    func logBytes() throws -> Int {
      try FileManager.default.attributesOfItem(atPath: plane.store.path + "-wal")[.size] as? Int ?? 0
    }
    /// Pages of the log, and how many of these the main file has.
    func checkpoint(_ kind: Database.CheckpointMode) async throws -> (pages: Int, taken: Int) {
      let result = try await plane.store.database.writeWithoutTransaction { db in try db.checkpoint(kind) }
      return (result.walFrameCount, result.checkpointedFrameCount)
    }
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let reader = try DatabaseQueue(path: plane.store.path, configuration: configuration)
    let count = "SELECT count(*) FROM resources"
    try await reader.writeWithoutTransaction { db in try db.execute(sql: "BEGIN") }
    let seen = try await reader.unsafeRead { db in try Int.fetchOne(db, sql: count) }
    let table = { (round: Int) in JSON.array((0..<2000).map { ["prefix": .string("/p\(round)x\($0)"), "destination": "/x"] }) }
    for round in 0..<8 { #expect(await plane.at("PUT", "/dtab", ["dtab": table(round)]).status == 200) }
    let held = try await checkpoint(.passive)
    #expect(held.taken < held.pages, "the reader holds nothing: \(held)")
    let grown = try logBytes()
    // SQLite begins the log anew at 1000 pages when nobody holds it.
    #expect(grown > 1000 * 4096, "\(grown) bytes")
    #expect(await plane.at("GET", "/rules?limit=1").status == 200)
    #expect(try await reader.unsafeRead { db in try Int.fetchOne(db, sql: count) } == seen)

    try await reader.writeWithoutTransaction { db in try db.execute(sql: "COMMIT") }
    try reader.close()
    let free = try await checkpoint(.passive)
    #expect(free.taken == free.pages, "\(free)")
    #expect(await plane.rule("/c", "/d").status == 201)
    #expect(try logBytes() <= grown, "the log went on growing")
    #expect(plane.controller.state("default")?.rules.count == 2001)
    await plane.controller.close()
    try plane.store.close()
    #expect(try Plane(folder: plane.folder, clock: plane.clock).controller.state("default")?.rules.count == 2001)
  }

  @Test func fullDiskAnswers503AndLeavesNothingHalf() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    let pages = try await plane.store.database.writeWithoutTransaction { db in
      try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
    }
    try await plane.store.database.writeWithoutTransaction { db in
      try db.execute(sql: "PRAGMA max_page_count = \(pages)")
    }
    let table = JSON.array((0..<3000).map { ["prefix": .string("/p\($0)"), "destination": "/x"] })
    let refused = await plane.at("PUT", "/dtab", ["dtab": table])
    #expect(refused.status == 503)
    #expect(refused.text.contains("full"))
    #expect(await plane.at("GET", "/rules").list("rules").compactMap { $0["id"]?.text } == ["r-1"])
    try await plane.store.database.writeWithoutTransaction { db in
      try db.execute(sql: "PRAGMA max_page_count = 1000000")
    }
    #expect(await plane.at("PUT", "/dtab", ["dtab": table]).status == 200)
    #expect(try await plane.reopened().controller.state("default")?.rules.count == 3000)
  }

  @Test func backupOfARunningStoreIsWholeAndRestoresUnderANewEpoch() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    let copy = plane.folder.file("copy.db")
    try Backup.save(store: plane.store.path, to: copy)
    #expect(throws: StoreFault.self) { try Backup.save(store: plane.store.path, to: copy) }
    await plane.rule("/c", "/d")
    let epoch = plane.controller.epoch
    let random: (Int) -> [UInt8] = { Array(repeating: 7, count: $0) }
    #expect(throws: StoreFault.self, "a running controller holds the lock") {
      try Backup.restore(copy, to: plane.store.path, random: random)
    }
    await plane.controller.close()
    try plane.store.close()
    try Backup.restore(copy, to: plane.store.path, random: random)
    let again = try Plane(folder: plane.folder, clock: plane.clock)
    #expect(await again.revision() == 2)
    #expect(again.controller.epoch != epoch && again.controller.epoch == Array(repeating: 7, count: 16))
  }

  @Test func whatIsNoStoreIsNotRestored() async throws {
    let plane = try Plane()
    await plane.controller.close()
    try plane.store.close()
    let junk = plane.folder.file("junk")
    try Data("not a database at all, but long enough to look like one".utf8).write(to: URL(fileURLWithPath: junk))
    #expect(throws: (any Error).self) {
      try Backup.restore(junk, to: plane.store.path) { Array(repeating: 1, count: $0) }
    }
    #expect(try Plane(folder: plane.folder, clock: plane.clock).controller.state("default")?.revision == 1)
  }

  @Test func lostHistoryStopsWritesUntilANewEpoch() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    let (own, held) = (plane.controller.epoch, try #require(plane.controller.snapshot("default")?.version))
    func holds(_ epoch: [UInt8], _ revision: UInt64, by proxy: String) {
      let version = ConfigurationVersion(epoch: epoch, revision: revision, hash: held.hash)
      plane.controller.proxyReported(namespace: "default", holds: version, proxy: proxy)
    }
    holds([1], 99, by: "p0")
    holds(own, 1, by: "p0")
    holds(own, 2, by: "p0")
    #expect(await plane.rule("/c", "/d").status == 201)
    holds(own, 99, by: "p1")
    let refused = await plane.rule("/e", "/f")
    #expect(refused.status == 503 && refused.text.contains("epoch new"))
    #expect(await plane.at("PUT", "/services/s/endpoints/10.0.0.1:80", [:]).status == 201, "endpoints are facts")
    #expect(await plane.call("GET", "/readyz?verbose").text.contains("p1"))
    #expect(await plane.call("GET", "/readyz").status == 503)
    #expect(await plane.call("GET", "/metrics").text.contains("heddle_store_history_lost 1"))
    await plane.controller.close()
    try plane.store.close()
    _ = try Backup.renewEpoch(plane.store.path) { Array(repeating: 9, count: $0) }
    let again = try Plane(folder: plane.folder, clock: plane.clock)
    #expect(again.controller.epoch == Array(repeating: 9, count: 16))
    #expect(await again.rule("/e", "/f").status == 201)
  }

  /// A copy was put back by hand, and written up to the revision that proxies hold before they come back.
  @Test func anotherHistoryUnderTheSameNumberIsNoticed() async throws {
    var plane = try Plane()
    await plane.rule("/a", "/b")
    await plane.controller.close()
    try plane.store.close()
    let old = try Data(contentsOf: URL(fileURLWithPath: plane.store.path))
    plane = try Plane(folder: plane.folder, clock: plane.clock)
    await plane.rule("/c", "/d")
    let held = try #require(plane.controller.snapshot("default")?.version)
    await plane.controller.close()
    try plane.store.close()
    try old.write(to: URL(fileURLWithPath: plane.store.path))
    plane = try Plane(folder: plane.folder, clock: plane.clock)
    await plane.rule("/e", "/f")
    let here = try #require(plane.controller.snapshot("default")?.version)
    #expect(here.revision == held.revision && here.epoch == held.epoch && here.hash != held.hash)
    #expect(!plane.controller.proxyReported(namespace: "default", holds: here, proxy: "p1"))
    #expect(plane.controller.lostHistory == nil)
    #expect(plane.controller.proxyReported(namespace: "default", holds: held, proxy: "p2"))
    let refused = await plane.rule("/g", "/h")
    #expect(refused.status == 503 && refused.text.contains("p2") && refused.text.contains("other rules under that number"))
    #expect(await plane.call("GET", "/readyz").status == 503)
  }

  /// A later program may encode the same rules to other bytes: what proxies were told under this number is no other history.
  @Test func anEarlierProgramsHashIsNoLostHistory() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    let earlier = SetHash(of: [1])
    try await plane.store.database.write { db in
      try db.execute(sql: "UPDATE namespaces SET hash = ?", arguments: [Data(earlier.bytes)])
    }
    let again = try await plane.reopened()
    _ = await again.at("PUT", "/services/s/endpoints/10.0.0.1:80", [:])  // moves no revision
    let later = try await again.reopened()
    let here = try #require(later.controller.snapshot("default")?.version)
    func isLost(_ hash: SetHash) -> Bool {
      let version = ConfigurationVersion(epoch: here.epoch, revision: here.revision, hash: hash)
      return later.controller.proxyReported(namespace: "default", holds: version, proxy: "p")
    }
    #expect(!isLost(earlier) && !isLost(here.hash))
    #expect(later.controller.lostHistory == nil)
    #expect(isLost(SetHash(of: [2])))
    try await later.store.database.write { db in try db.execute(sql: "UPDATE namespaces SET hash = NULL") }
    let unknown = try await later.reopened()
    #expect(
      !unknown.controller.proxyReported(
        namespace: "default", holds: ConfigurationVersion(epoch: here.epoch, revision: here.revision, hash: SetHash(of: [2])), proxy: "p"))
  }

  @Test func knownProxiesSurviveForADay() async throws {
    let plane = try Plane()
    let now = plane.clock.clocks.wall()
    plane.controller.keep([
      KnownProxy(id: "p1", namespace: "default", document: [1, 2], seenAt: now),
      KnownProxy(id: "p2", namespace: "default", document: [], seenAt: now),
    ])
    plane.controller.forget(["p2"])
    let again = try await plane.reopened()
    #expect(
      try again.controller.knownProxies() == [
        KnownProxy(id: "p1", namespace: "default", document: [1, 2], seenAt: now)
      ])
    again.clock.advance(.seconds(90_000))
    await again.controller.prune()
    #expect(try again.controller.knownProxies().isEmpty)
  }
}
