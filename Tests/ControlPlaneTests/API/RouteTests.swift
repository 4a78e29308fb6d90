import JSONFormat
import Testing

@testable import ControlPlane

struct RouteTests {
  private static let full: JSON = [
    "hosts": ["shop.example.com", "*.example.com"],
    "matches": [
      [
        "path": ["prefix": "/api"], "method": "GET", "headers": [["name": "X-Canary", "exact": "yes"]],
        "query": [["name": "v", "regex": "[0-9]+"]],
      ],
      ["path": ["prefix": "/v2"], "headers": [["name": "x-b", "present": true]]],
    ],
    "to": "/svc/shop", "rewrite": ["host": "inner:8080", "prefix": "/"],
    "request_headers": ["set": ["X-From": "mesh"], "add": ["x-more": "1"], "remove": ["Cookie"]],
    "response_headers": ["remove": ["server"]],
  ]

  @Test func whatWasWrittenIsShownAndCanBeWrittenAgain() async throws {
    let plane = try Plane()
    await plane.rule("/svc", "/#/registry")
    let made = await plane.at("PUT", "/routes/shop", Self.full)
    #expect(made.status == 201, "\(made.text)")
    #expect(made.response.headers["location"] == "/v1/namespaces/default/routes/shop")
    let shown = await plane.at("GET", "/routes/shop")
    #expect(shown.json["created_in"] == 3)
    #expect(shown.json["matches"]?.items?.first?["headers"]?.items?.first?["name"] == "x-canary")
    #expect(shown.json["request_headers"]?["set"]?["x-from"] == "mesh")
    #expect(await plane.at("PUT", "/routes/shop", shown.json).json["revision"] == shown.json["revision"])
    #expect(await plane.at("GET", "/routes").list("routes").count == 1)
    // Another revision of it is as old as the first.
    let changed = await plane.at("PUT", "/routes/shop", ["to": "/svc/other"])
    #expect(changed.status == 200 && changed.json["created_in"] == 3)
    #expect(await plane.at("GET", "/routes/shop").json["changed_in"] == 4)
    #expect(try await plane.reopened().at("GET", "/routes/shop").json["to"] == "/svc/other")
  }

  @Test func otherActions() async throws {
    let plane = try Plane()
    let away = await plane.at("PUT", "/routes/away", ["redirect": ["scheme": "https", "port": 8443, "path": "/new"]])
    #expect(away.status == 201 && away.json["redirect"]?["status"] == 302)
    let notice = await plane.at("PUT", "/routes/notice", ["respond": ["status": 503, "body": "later\n"]])
    #expect(notice.status == 201 && notice.json["respond"]?["body"] == "later\n")
    #expect(try await plane.reopened().at("GET", "/routes").list("routes").count == 2)
  }

  @Test(
    arguments: [
      (["to": "svc"], "/to"), (["to": "/svc/a", "redirect": ["scheme": "https"]], ""), ([:], ""),
      (["to": "/svc/a", "matches": [["path": ["prefix": "x"]]]], "/matches/0/path/prefix"),
      (["to": "/svc/a", "matches": [["path": ["prefix": "/a", "exact": "/a"]]]], "/matches/0/path"),
      (["to": "/svc/a", "matches": [["path": ["regex": "(a"]]]], "/matches/0/path/regex"),
      (["to": "/svc/a", "matches": [["headers": [["name": "x", "regex": ".*a.{20}"]]]]], "/matches/0/headers/0/regex"),
      (["to": "/svc/a", "matches": [["headers": [["name": "x"]]]]], "/matches/0/headers/0"),
      (["to": "/svc/a", "hosts": ["a..b"]], "/hosts/0"), (["to": "/svc/a", "host": "a"], "/host"),
      (["to": "/svc/a", "rewrite": ["prefix": "/b"], "matches": [["path": ["exact": "/a"]]]], "/rewrite/prefix"),
      (["to": "/svc/a", "request_headers": ["set": ["host": "x"]]], "/request_headers/set/host"),
      (["to": "/svc/a", "response_headers": ["add": ["x": "a\nb"]]], "/response_headers/add/x"),
      (["redirect": ["status": 200]], "/redirect/status"), (["redirect": [:]], "/redirect"),
      (["respond": ["status": 99]], "/respond/status"), (["respond": ["status": 204, "body": "x"]], "/respond/body"),
      (["to": 5], "/to"), (["to": "/svc/a", "matches": 5], "/matches"),
    ] as [(JSON, String)])
  func badRoutesAreRefusedWithTheField(_ body: JSON, _ pointer: String) async throws {
    let plane = try Plane()
    let answer = await plane.at("PUT", "/routes/r", body)
    #expect(answer.status == 422, "\(answer.text)")
    #expect(answer.pointers.contains(pointer), "\(answer.text)")
    #expect(await plane.at("GET", "/routes/r").status == 404)
    // The same within a change set.
    let change = await plane.at(
      "POST", "/changes", ["changes": [["op": "put", "kind": "route", "name": "r", "value": body]]])
    #expect(change.pointers.contains("/changes/0/value" + pointer), "\(change.text)")
  }

  @Test func changesHistoryRollbackAndDryRun() async throws {
    let plane = try Plane()
    let tried = await plane.at("PUT", "/routes/a?dry_run=true", ["to": "/svc/a"])
    #expect(tried.list("diff").first?["kind"] == "route" && tried.list("diff").first?["op"] == "add")
    #expect(await plane.at("GET", "/routes").list("routes").isEmpty)
    let put: JSON = [
      "changes": [
        ["op": "put", "kind": "route", "name": "a", "value": ["to": "/svc/a"]],
        ["op": "put", "kind": "rule", "value": ["prefix": "/svc", "destination": "/#/registry"]],
      ]
    ]
    #expect(await plane.at("POST", "/changes", put).status == 200)
    #expect(await plane.at("DELETE", "/routes/a").json["revision"] == 3)
    #expect(await plane.at("GET", "/revisions").list("revisions")[0]["summary"] == "remove route a")
    let list = await plane.at("GET", "/routes?limit=1")
    #expect(list.list("routes").isEmpty)
    #expect(await plane.at("POST", "/revisions/2:rollback").json["revision"] == 4)
    #expect(await plane.at("GET", "/routes/a").json["created_in"] == 2)
    #expect(await plane.at("PUT", "/routes/a", ["to": "/svc/a"], headers: [("if-match", "\"2\"")]).status == 412)
    #expect(await plane.at("DELETE", "/routes/nobody").status == 404)
    #expect(plane.listener.changes.withLock { $0.last?.after.resources.count } == 2)
  }

  @Test func warnings() async throws {
    let plane = try Plane()
    #expect(await plane.at("PUT", "/routes/a", ["to": "/svc/a"]).codes == ["unknown_target"])
    await plane.rule("/svc", "/#/registry")
    #expect(await plane.at("PUT", "/routes/a", ["to": "/svc/b"]).codes == [])
    #expect(await plane.at("PUT", "/routes/a", ["to": "/#/registry/b"]).codes == ["unknown_service"])
    // The same match, spelt otherwise, on a host of its own: only the older route is reached.
    let match: JSON = [
      "to": "/svc/a", "hosts": ["h"], "matches": [["path": ["prefix": "/x"], "headers": [["name": "a", "exact": "1"], ["name": "b", "exact": "2"]]]],
    ]
    let again: JSON = [
      "to": "/svc/a", "hosts": ["H"],
      "matches": [["path": ["prefix": "/x/"], "headers": [["name": "B", "exact": "2"], ["name": "a", "exact": "1"]]]],
    ]
    #expect(await plane.at("PUT", "/routes/z", match).codes == [])
    #expect(await plane.at("PUT", "/routes/m", again).codes == ["shadowed_route"])
    #expect(await plane.at("PUT", "/routes/z", match).codes == [])
    _ = await plane.at("DELETE", "/routes/z")
    #expect(await plane.at("PUT", "/routes/m", again).codes == [])
  }

  /// contract.md 3.1: a revision that a connected proxy would refuse is not made.
  @Test func proxiesThatCannotRunRoutesAreNamed() async throws {
    let plane = try Plane()
    plane.mesh.known.withLock { $0 = [proxy("new", ["rules", "splits", "routes"]), proxy("old", ["rules", "splits"])] }
    let refused = await plane.at("PUT", "/routes/a", ["to": "/svc/a"])
    #expect(refused.status == 422)
    #expect(refused.json["detail"]?.text?.contains("old cannot run routes") == true, "\(refused.text)")
    #expect(await plane.at("PUT", "/routes/a?dry_run=true", ["to": "/svc/a"]).status == 422)
    let change: JSON = ["changes": [["op": "put", "kind": "route", "name": "a", "value": ["to": "/svc/a"]]]]
    #expect(await plane.at("POST", "/changes", change).pointers == ["/changes/0/value"])
    #expect(await plane.rule("/svc", "/#/registry").status == 201)
    #expect(await plane.at("PUT", "/routes/a?force=true", ["to": "/svc/a"]).status == 201)
    // To take a route away is always allowed: it is what makes the old proxy well again.
    #expect(await plane.at("DELETE", "/routes/a").status == 200)
    plane.mesh.known.withLock { _ = $0.removeLast() }
    #expect(await plane.at("PUT", "/routes/a", ["to": "/svc/a"]).status == 201)
  }

  private func proxy(_ id: String, _ capabilities: [String]) -> ProxyStatus {
    ProxyStatus(
      id: id, node: id, namespace: "default", address: "", labels: [:], zone: "", version: "1", capabilities: capabilities,
      connectedSince: nil, lastSeen: WallTime(milliseconds: 0), revisionHeld: 0, revisionAcknowledged: 0, lastError: nil,
      state: .synced, warnings: [])
  }
}
