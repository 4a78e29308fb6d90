import JSONFormat
import Testing

@testable import ControlPlane

struct HistoryTests {
  @Test func historyTellsWhatChanged() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/x")
    _ = await plane.at("PUT", "/rules/r-1", ["prefix": "/a", "destination": "/y"])
    let list = await plane.at("GET", "/revisions")
    #expect(list.list("revisions").compactMap { $0["revision"]?.whole } == [3, 2, 1])
    #expect(list.list("revisions")[0]["summary"] == "change rule r-1")
    #expect(list.list("revisions")[0]["at"]?.text?.hasSuffix("Z") == true)
    let diff = await plane.at("GET", "/revisions/3").list("diff")
    #expect(diff[0]["before"]?["destination"] == "/x" && diff[0]["after"]?["destination"] == "/y")
    #expect(await plane.at("GET", "/revisions/4").status == 404)
    #expect(await plane.at("GET", "/revisions/0").status == 400)
    #expect(await plane.at("GET", "/revisions/x").status == 400)
    let page = await plane.at("GET", "/revisions?limit=2")
    let next = await plane.at("GET", "/revisions?limit=2&continue=\(try #require(page.json["continue"]?.text))")
    #expect(next.list("revisions").compactMap { $0["revision"]?.whole } == [1])
  }

  @Test func rollbackIsANewRevisionWithTheOldConfiguration() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/x")
    await plane.split("users", "/svc/users", [("v1", 90), ("v2", 10)])
    _ = await plane.at("PUT", "/services/v1", ["protocol": "http2", "endpoints": [["address": "10.0.0.1:80"]]])
    let before = await plane.at("GET", "/dtab?effective=true").list("dtab").map {
      [$0["prefix"], $0["destination"], $0["id"] ?? $0["split"]]
    }
    _ = await plane.at("DELETE", "/rules/r-1")
    await plane.rule("/b", "/y")
    _ = await plane.at("PATCH", "/splits/users", ["weights": ["v1": 0]])
    _ = await plane.at("PUT", "/services/v1", ["protocol": "tcp", "endpoints": [["address": "10.0.0.2:80"]]])
    let back = await plane.at("POST", "/revisions/4:rollback", nil, headers: [("heddle-reason", "bad")])
    #expect(back.status == 200)
    #expect(back.json["revision"] == 9 && back.json["restored"] == 4)
    let after = await plane.at("GET", "/dtab?effective=true").list("dtab").map {
      [$0["prefix"], $0["destination"], $0["id"] ?? $0["split"]]
    }
    #expect(after == before)
    let service = await plane.at("GET", "/services/v1")
    #expect(service.json["protocol"] == "http2")
    #expect(
      service.list("endpoints").compactMap { $0["address"]?.text } == ["10.0.0.2:80"], "endpoints stand in no history")
    #expect(plane.listener.changes.withLock { $0.last?.urgent } == true)
    // Rolled back to what it is: nothing to do.
    #expect(await plane.at("POST", "/revisions/9:rollback").json["revision"] == 9)
    #expect(await plane.at("POST", "/revisions/10:rollback").status == 404)
    #expect(await plane.at("POST", "/revisions/2:rollback?dry_run=true").list("diff").isEmpty == false)
  }

  @Test func everyRevisionCanBeRebuilt() async throws {
    let plane = try Plane()
    var random = SeededRandomTable(seed: 4)
    var states: [(UInt64, [[JSON?]])] = []
    for i in 0..<40 {
      _ = await plane.raw(
        "PUT", "/v1/namespaces/default/dtab", Array(random.table().joined(separator: ";").utf8),
        headers: [("content-type", "text/plain")])
      if i % 3 == 0 { await plane.split("s\(i % 4)", "/svc/s\(i % 4)", [("v1", i + 1)]) }
      let shown = await plane.at("GET", "/dtab?effective=true")
      states.append(
        (
          UInt64(shown.json["revision"]?.whole ?? 0),
          shown.list("dtab").map { [$0["id"], $0["prefix"], $0["destination"], $0["changed_in"]] }
        ))
    }
    for (revision, expected) in states {
      let past = try plane.controller.state("default", at: revision)
      let shown = past.index.entries.map { entry -> [JSON?] in
        let id: JSON? = if case .rule(let id, _) = entry.origin { .string(id) } else { nil }
        return [
          id, .string("\(entry.dentry.prefix)"), .string("\(entry.dentry.destination)"), JSON(entry.origin.revision),
        ]
      }
      #expect(shown == expected, "revision \(revision)")
    }
    // What a restart loads is the same, hash and all.
    let hash = plane.controller.snapshot("default")?.hash
    #expect(try await plane.reopened().controller.snapshot("default")?.hash == hash)
  }

  @Test func oldHistoryGoesWhenBothLimitsArePassed() async throws {
    let plane = try Plane(history: HistoryLimits(revisions: 3, age: .seconds(100)))
    for i in 0..<6 { await plane.rule("/p\(i)", "/x") }
    await plane.controller.prune()
    #expect(await plane.at("GET", "/revisions/1").status == 200, "young history stays")
    plane.clock.advance(.seconds(200))
    await plane.rule("/new", "/x")
    await plane.controller.prune()
    #expect(await plane.at("GET", "/revisions/5").status == 410)
    #expect(await plane.at("GET", "/revisions/6").status == 200)
    #expect(await plane.at("POST", "/revisions/5:rollback").status == 410)
    #expect(await plane.at("GET", "/resolve?name=/p1&revision=5").status == 410)
    #expect(try plane.controller.state("default", at: 6).rules.count == 5)
  }

  @Test func historyIsBoundedInSize() async throws {
    let plane = try Plane(history: HistoryLimits(revisions: 1000, age: .seconds(1_000_000), bytes: 1000))
    for i in 0..<20 { await plane.rule("/p\(i)", "/x") }
    await plane.controller.prune()
    #expect(await plane.at("GET", "/revisions/2").status == 410)
    #expect(await plane.at("GET", "/revisions/21").status == 200)
    #expect(await plane.revision() == 21)
  }
}
