import Testing

@testable import ControlPlane

struct DtabTests {
  private func put(_ plane: Plane, _ text: String, query: String = "") async -> Answer {
    await plane.raw(
      "PUT", "/v1/namespaces/default/dtab\(query)", Array(text.utf8),
      headers: [("content-type", "text/plain; charset=utf-8")])
  }

  private func text(_ plane: Plane, query: String = "") async -> String {
    await plane.raw("GET", "/v1/namespaces/default/dtab\(query)", headers: [("accept", "text/plain")]).text
  }

  private func ids(_ plane: Plane) async -> [String] {
    await plane.at("GET", "/rules").list("rules").compactMap { $0["id"]?.text }
  }

  @Test func textGoesInAndComesOut() async throws {
    let plane = try Plane()
    let answer = await put(plane, "# mine\n/svc => /#/registry ; /svc/users => 0.001 * /a & /b | ~ ;\n")
    #expect(answer.status == 200)
    #expect(await text(plane) == "/svc => /#/registry ;\n/svc/users => 0.001*/a & /b | ~ ;\n")
    let json = await plane.at("GET", "/dtab")
    #expect(json.list("dtab").compactMap { $0["prefix"]?.text } == ["/svc", "/svc/users"])
  }

  @Test func splitsAreCommentsThatCanBeWrittenBack() async throws {
    let plane = try Plane()
    _ = await put(plane, "/svc => /#/registry")
    await plane.split("users", "/svc/users", [("v1", 90), ("v2", 10)])
    let shown = await text(plane)
    #expect(shown == "/svc => /#/registry ;\n# split users: /svc/users => 90*/#/registry/v1 & 10*/#/registry/v2 ;\n")
    let before = await plane.revision()
    #expect(await put(plane, shown).json["revision"]?.whole == before)
    #expect(
      await text(plane, query: "?effective=true")
        == "/svc => /#/registry ;\n/svc/users => 90*/#/registry/v1 & 10*/#/registry/v2 ;\n")
    let effective = await plane.at("GET", "/dtab?effective=true")
    #expect(effective.list("dtab").map { $0["split"] != nil } == [false, true])
  }

  @Test func entriesThatStayKeepTheirIds() async throws {
    let plane = try Plane()
    _ = await put(plane, "/a => /1 ; /b => /2 ; /c => /3 ; /a => /1")
    #expect(await ids(plane) == ["r-1", "r-2", "r-3", "r-4"])
    // c moves to the front, b changes its destination, one a goes, d is new.
    _ = await put(plane, "/c => /3 ; /a => /1 ; /b => /9 ; /d => /4")
    #expect(await ids(plane) == ["r-3", "r-1", "r-2", "r-5"])
    let change = try #require(plane.listener.changes.withLock { $0.last })
    #expect(change.removes.map(\.name) == ["r-4"])
    // Three moves would also do; one is the fewest, beside the changed and the new entry.
    #expect(Set(change.upserts.map(\.key.name)) == ["r-3", "r-2", "r-5"])
  }

  @Test func commentsStayWithEntriesThatStay() async throws {
    let plane = try Plane()
    _ = await plane.at("POST", "/rules", ["prefix": "/a", "destination": "/x", "comment": "why"])
    _ = await put(plane, "/z => /y ; /a => /x")
    #expect(await plane.at("GET", "/rules/r-1").json["comment"] == "why")
  }

  @Test func jsonTablesAreTakenToo() async throws {
    let plane = try Plane()
    #expect(await plane.at("PUT", "/dtab", ["dtab": "/a => /b ; /c => /d"]).status == 200)
    let list = await plane.at(
      "PUT", "/dtab",
      ["dtab": [["prefix": "/c", "destination": "/d", "comment": "kept"], ["prefix": "/*/x", "destination": "/e"]]])
    #expect(list.status == 200)
    #expect(await ids(plane) == ["r-2", "r-3"])
    let bad = await plane.at("PUT", "/dtab", ["dtab": [["prefix": "/c", "destination": "/d/"], ["prefx": "/a"]]])
    #expect(bad.pointers == ["/dtab/0/destination", "/dtab/1/prefix", "/dtab/1/destination", "/dtab/1/prefx"])
  }

  @Test func faultInTheTextNamesTheByte() async throws {
    let plane = try Plane()
    let bad = await put(plane, "/a => /b ;; /c => /d")
    #expect(bad.status == 422)
    #expect(bad.list("errors")[0]["offset"] == 10)
    #expect(await plane.revision() == 1)
    let type = await plane.raw(
      "PUT", "/v1/namespaces/default/dtab", Array("/a => /b".utf8), headers: [("content-type", "text/html")])
    #expect(type.status == 415)
    let bytes = await plane.raw("PUT", "/v1/namespaces/default/dtab", [0xFF], headers: [("content-type", "text/plain")])
    #expect(bytes.status == 400)
  }

  @Test func randomTablesKeepOrderAndIds() async throws {
    let plane = try Plane()
    var random = SeededRandomTable(seed: 21)
    for _ in 0..<30 {
      let table = random.table()
      #expect(await put(plane, table.joined(separator: ";")).status == 200)
      #expect(await text(plane) == table.map { $0 + " ;\n" }.joined())
    }
  }
}

/// Tables over few prefixes, so that entries stay, move, change and repeat.
struct SeededRandomTable {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  private mutating func below(_ bound: UInt64) -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state >> 33) % bound
  }

  mutating func table() -> [String] { (0..<below(20)).map { _ in "/p\(below(8)) => /d\(below(3))" } }
}
