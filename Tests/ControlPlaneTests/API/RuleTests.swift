import Testing

@testable import ControlPlane

struct RuleTests {
  @Test func rulesAreAppendedAndInsertedInOrder() async throws {
    let plane = try Plane()
    let first = await plane.rule("/svc", "/#/registry")
    #expect(first.status == 201)
    #expect(first.json["id"] == "r-1")
    #expect(first.response.headers["location"] == "/v1/namespaces/default/rules/r-1")
    #expect(first.json["revision"] == 2)
    #expect(first.tag == "\"2\"")
    await plane.rule("/svc/users", "/#/registry/users-v1")
    let inserted = await plane.at(
      "POST", "/rules", ["prefix": "/host", "destination": "/svc | ~", "comment": "hosts", "before": "r-2"])
    #expect(inserted.status == 201)
    let list = await plane.at("GET", "/rules")
    #expect(list.list("rules").compactMap { $0["id"]?.text } == ["r-1", "r-3", "r-2"])
    #expect(list.list("rules")[1]["comment"] == "hosts")
    #expect(list.json["revision"] == 4)
    #expect(await plane.at("GET", "/rules/r-3").json["destination"] == "/svc | ~")
  }

  @Test func insertingMovesNoOtherRule() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    await plane.rule("/c", "/d")
    _ = await plane.at("POST", "/rules", ["prefix": "/x", "destination": "/y", "before": "r-2"])
    let change = try #require(plane.listener.changes.withLock { $0.last })
    #expect(change.upserts.map(\.key.name) == ["r-3"])
    #expect(change.removes.isEmpty)
  }

  @Test func putChangesAndMovesARule() async throws {
    let plane = try Plane()
    for name in ["a", "b", "c"] { await plane.rule("/\(name)", "/x") }
    let changed = await plane.at("PUT", "/rules/r-1", ["prefix": "/a", "destination": "/y", "before": "r-3"])
    #expect(changed.status == 200)
    #expect(changed.json["changed_in"] == 5)
    #expect(await plane.at("GET", "/rules").list("rules").compactMap { $0["id"]?.text } == ["r-2", "r-1", "r-3"])
    #expect(await plane.at("PUT", "/rules/r-9", ["prefix": "/a", "destination": "/y"]).status == 404)
    #expect(
      await plane.at("PUT", "/rules/r-1", ["prefix": "/a", "destination": "/y", "before": "r-1"]).pointers == [
        "/before"
      ])
  }

  @Test func writingTheSameMovesNoRevision() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/x")
    let again = await plane.at("PUT", "/rules/r-1", ["prefix": "/a", "destination": "/x"])
    #expect(again.status == 200)
    #expect(again.json["revision"] == 2)
    #expect(plane.listener.changes.withLock { $0.count } == 1)
  }

  @Test func idsAreNeverReused() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/x")
    #expect(await plane.at("DELETE", "/rules/r-1").status == 200)
    #expect(await plane.at("DELETE", "/rules/r-1").status == 404)
    #expect(await plane.at("GET", "/rules/r-1").status == 404)
    #expect(await plane.rule("/a", "/x").json["id"] == "r-2")
    let again = try await plane.reopened()
    _ = await again.at("DELETE", "/rules/r-2")
    #expect(await again.rule("/a", "/x").json["id"] == "r-3")
  }

  @Test func faultsNameFieldAndPlace() async throws {
    let plane = try Plane()
    let bad = await plane.at("POST", "/rules", ["prefix": "svc", "destination": "/a | /b/", "coment": "x"])
    #expect(bad.status == 422)
    #expect(bad.response.headers["content-type"] == "application/problem+json")
    #expect(bad.pointers == ["/prefix", "/destination", "/coment"])
    #expect(bad.list("errors")[0]["offset"] == 0)
    #expect(bad.list("errors")[1]["offset"] == 8)
    #expect(await plane.revision() == 1)
    #expect(await plane.at("POST", "/rules", ["prefix": "/a"]).pointers == ["/destination"])
    #expect(
      await plane.at("POST", "/rules", ["prefix": 1, "destination": nil]).pointers == ["/prefix", "/destination"])
    #expect(
      await plane.at("POST", "/rules", ["prefix": "/a", "destination": "/b", "before": "r-7"]).pointers == ["/before"])
  }

  @Test func visibleLoopsAreRefused() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    let loop = await plane.rule("/b", "/a")
    #expect(loop.status == 422)
    #expect(loop.pointers == ["/destination"])
    #expect(await plane.revision() == 2)
  }

  @Test func ruleUnderASplitIsWarnedOf() async throws {
    let plane = try Plane()
    await plane.split("users", "/svc/users", [("v1", 1)])
    #expect(await plane.rule("/svc/users", "/#/registry/x").codes.contains("shadowed_by_split"))
    #expect(await plane.rule("/svc/users/deep", "/#/registry/x").codes.contains("shadowed_by_split"))
    #expect(await !plane.rule("/svc", "/#/registry").codes.contains("shadowed_by_split"))
  }

  @Test func listsInPagesPinTheirRevision() async throws {
    let plane = try Plane()
    for i in 0..<5 { await plane.rule("/p\(i)", "/x") }
    let first = await plane.at("GET", "/rules?limit=2")
    let token = try #require(first.json["continue"]?.text)
    _ = await plane.at("DELETE", "/rules/r-3")
    await plane.rule("/later", "/x")
    let second = await plane.at("GET", "/rules?limit=2&continue=\(token)")
    #expect(second.list("rules").compactMap { $0["id"]?.text } == ["r-3", "r-4"])
    #expect(second.json["revision"] == 6)
    let third = await plane.at("GET", "/rules?limit=2&continue=\(try #require(second.json["continue"]?.text))")
    #expect(third.list("rules").compactMap { $0["id"]?.text } == ["r-5"])
    #expect(third.json["continue"] == nil)
    #expect(await plane.at("GET", "/rules?continue=nonsense").status == 400)
    #expect(await plane.at("GET", "/rules?limit=0").status == 400)
  }
}
