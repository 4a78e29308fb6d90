import JSONFormat
import Testing

@testable import ControlPlane

struct AuthorizationTests {
  private static let full: JSON = [
    "target": "users", "mode": "dry_run",
    "rules": [
      [
        "from": ["web", "ns/other/sa/web", "spiffe://heddle.local/ns/x/sa/y"], "methods": ["GET", "HEAD"],
        "paths": ["/api"],
      ],
      ["from": ["*"]],
    ],
  ]

  @Test func whatWasWrittenIsShownAndCanBeWrittenAgain() async throws {
    let plane = try Plane()
    await plane.rule("/svc", "/#/registry")
    let made = await plane.at("PUT", "/authorizations/users", Self.full)
    #expect(made.status == 201, "\(made.text)")
    #expect(made.response.headers["location"] == "/v1/namespaces/default/authorizations/users")
    let shown = await plane.at("GET", "/authorizations/users")
    #expect(shown.json["mode"] == "dry_run" && shown.json["rules"] == Self.full["rules"])
    #expect(await plane.at("PUT", "/authorizations/users", shown.json).json["revision"] == shown.json["revision"])
    #expect(await plane.at("GET", "/authorizations").list("authorizations").map { $0["name"] } == ["users"])
    let changed = await plane.at("PUT", "/authorizations/users", ["target": "*", "rules": []])
    #expect(changed.status == 200 && changed.json["mode"] == "enforce" && changed.json["revision"] == 4)
    let again = try await plane.reopened()
    #expect(await again.at("GET", "/authorizations/users").json["target"] == "*")
    #expect(again.controller.snapshot("default")?.hash == plane.controller.snapshot("default")?.hash)
  }

  @Test(
    arguments: [
      ([:], "/target"), (["target": "users"], "/rules"), (["target": "a/b", "rules": []], "/target"),
      (["target": "users", "rules": [], "mode": "log"], "/mode"),
      (["target": "users", "rules": [], "mode": 1], "/mode"),
      (["target": "users", "rules": [[:]]], "/rules/0/from"),
      (["target": "users", "rules": [["from": []]]], "/rules/0/from"),
      (["target": "users", "rules": [["from": ["web", "a b"]]]], "/rules/0/from/1"),
      (["target": "users", "rules": [["from": ["web", "web"]]]], "/rules/0/from"),
      (["target": "users", "rules": [["from": [5]]]], "/rules/0/from/0"),
      (["target": "users", "rules": [["from": ["web"], "methods": ["get"]]]], "/rules/0/methods/0"),
      (["target": "users", "rules": [["from": ["web"], "paths": ["/a/../b"]]]], "/rules/0/paths/0"),
      (["target": "users", "rules": [["from": ["web"], "path": ["/a"]]]], "/rules/0/path"),
      (["target": "users", "rules": [], "dry_run": true], "/dry_run"), (["target": "users", "rules": 5], "/rules"),
    ] as [(JSON, String)])
  func badOnesAreRefusedWithTheField(_ body: JSON, _ pointer: String) async throws {
    let plane = try Plane()
    let answer = await plane.at("PUT", "/authorizations/a", body)
    #expect(answer.status == 422, "\(answer.text)")
    #expect(answer.pointers.contains(pointer), "\(answer.text)")
    #expect(await plane.at("GET", "/authorizations/a").status == 404)
    let change = await plane.at(
      "POST", "/changes", ["changes": [["op": "put", "kind": "authorization", "name": "a", "value": body]]])
    #expect(change.pointers.contains("/changes/0/value" + pointer), "\(change.text)")
  }

  @Test func changesHistoryRollbackAndDryRun() async throws {
    let plane = try Plane()
    let open: JSON = ["target": "users", "rules": [["from": ["anyone"]]]]
    let tried = await plane.at("PUT", "/authorizations/a?dry_run=true", open)
    #expect(tried.list("diff").first?["kind"] == "authorization" && tried.list("diff").first?["op"] == "add")
    #expect(await plane.at("GET", "/authorizations").list("authorizations").isEmpty)
    let put: JSON = [
      "changes": [
        ["op": "put", "kind": "authorization", "name": "a", "value": open],
        ["op": "put", "kind": "rule", "value": ["prefix": "/svc", "destination": "/#/registry"]],
      ]
    ]
    #expect(await plane.at("POST", "/changes", put).status == 200)
    #expect(await plane.at("DELETE", "/authorizations/a").json["revision"] == 3)
    #expect(await plane.at("GET", "/revisions").list("revisions")[0]["summary"] == "remove authorization a")
    #expect(await plane.at("POST", "/revisions/2:rollback").json["revision"] == 4)
    #expect(await plane.at("GET", "/authorizations/a").json["rules"] == open["rules"])
    #expect(await plane.at("PUT", "/authorizations/a", open, headers: [("if-match", "\"2\"")]).status == 412)
    #expect(await plane.at("DELETE", "/authorizations/nobody").status == 404)
    #expect(plane.listener.changes.withLock { $0.last?.after.resources.count } == 2)
    let page = await plane.at("GET", "/authorizations?limit=1")
    #expect(page.list("authorizations").count == 1 && page.json["continue"] == nil)
  }

  @Test func proxiesThatCannotRunThemAreNamed() async throws {
    let plane = try Plane()
    plane.mesh.known.withLock {
      $0 = [
        proxy("new", ["rules", "splits", "routes", "authorizations"]), proxy("old", ["rules", "splits", "routes"]),
      ]
    }
    let refused = await plane.at("PUT", "/authorizations/a", Self.full)
    #expect(refused.status == 422)
    #expect(refused.json["detail"]?.text?.contains("old cannot run authorizations") == true, "\(refused.text)")
    #expect(await plane.at("PUT", "/authorizations/a?force=true", Self.full).status == 201)
    #expect(await plane.at("DELETE", "/authorizations/a").status == 200)
    plane.mesh.known.withLock { _ = $0.removeLast() }
    #expect(await plane.at("PUT", "/authorizations/a", Self.full).status == 201)
  }

  @Test func aNamespaceHasSoMany() async throws {
    let plane = try Plane()
    let most = Edit.mostAuthorizations
    let puts = (0..<most).map { i -> JSON in
      ["op": "put", "kind": "authorization", "name": .string("a\(i)"), "value": ["target": "users", "rules": []]]
    }
    #expect(await plane.at("POST", "/changes", ["changes": .array(puts)]).status == 200)
    #expect(await plane.at("PUT", "/authorizations/more", ["target": "users", "rules": []]).status == 422)
    #expect(await plane.at("PUT", "/authorizations/a0", ["target": "*", "rules": []]).status == 200)
  }

  @Test func warnings() async throws {
    let plane = try Plane()
    func codes(_ target: String, _ rules: JSON..., mode: JSON = "enforce") async -> [String] {
      let body: JSON = ["target": .string(target), "mode": mode, "rules": .array(rules)]
      return await plane.at("PUT", "/authorizations/a?dry_run=true", body).codes
    }
    #expect(await codes("users", ["from": ["web"]]) == ["unknown_target_identity", "unknown_caller"])
    plane.mesh.known.withLock {
      $0 = ["users", "web"].map { name in
        var proxy = proxy(name, ["authorizations"])
        proxy.identity = "spiffe://heddle.local/ns/default/sa/\(name)"
        return proxy
      }
    }
    #expect(await codes("users", ["from": ["web"]]) == [])
    #expect(
      await codes("*", ["from": ["web", "ns/other/sa/web"], "paths": ["/a"]], ["from": ["*"], "methods": ["GET"]]) == []
    )
    #expect(await codes("cart", ["from": ["web"]]) == ["unknown_target_identity"])
    #expect(await codes("users") == ["denies_all"])
    #expect(await codes("users", mode: "dry_run") == [])
    #expect(await codes("users", ["from": ["anyone", "web"]]) == ["superfluous_caller"])
    #expect(await codes("users", ["from": ["*", "ns/other/sa/web"]]) == ["superfluous_caller"])
    #expect(await codes("users", ["from": ["spiffe://far.away/ns/a/sa/b"]]) == ["unreachable_rule"])
    #expect(await codes("users", ["from": ["spiffe://far.away/ns/a/sa/b", "web"]]) == [])
    // Covered by another, whichever comes first; of two alike one only.
    #expect(
      await codes("users", ["from": ["web"], "paths": ["/a/b"]], ["from": ["*"], "paths": ["/a"]]) == ["redundant_rule"]
    )
    #expect(await codes("users", ["from": ["web"]], ["from": ["web"], "methods": ["GET"]]) == ["redundant_rule"])
    #expect(await codes("users", ["from": ["web"]], ["from": ["web"]]) == ["redundant_rule"])
    #expect(await codes("users", ["from": ["web"], "paths": ["/a"]], ["from": ["web"], "paths": ["/ab"]]) == [])
    #expect(await codes("users", ["from": ["web"], "methods": ["GET"]], ["from": ["web"], "paths": ["/"]]) == [])
  }

  @Test func checks() async throws {
    let plane = try Plane()
    _ = await plane.at(
      "PUT", "/authorizations/users",
      [
        "target": "users",
        "rules": [["from": ["web"], "methods": ["GET"], "paths": ["/api"]], ["from": ["ns/jobs/sa/nightly"]]],
      ])
    _ = await plane.at("PUT", "/authorizations/all", ["target": "*", "mode": "dry_run", "rules": [["from": ["*"]]]])
    func check(_ query: String) async -> String {
      let answer = await plane.at("GET", "/authorizations:check?" + query)
      func said(_ member: String) -> String {
        let outcome = answer.json[member] ?? .null
        return [outcome["result"]?.text, outcome["authorization"]?.text, outcome["rule"]?.whole.map(String.init)]
          .compactMap { $0 }.joined(separator: " ")
      }
      return answer.status == 200
        ? "\(answer.json["allowed"] == true) \(said("enforced")), \(said("dry_run"))" : "\(answer.status)"
    }
    #expect(await check("from=web&to=users&path=/api/x") == "true allowed users 0, allowed all 0")
    #expect(await check("from=web&to=users") == "false denied users, allowed all 0")
    #expect(await check("from=web&to=users&method=POST&path=/api") == "false denied users, allowed all 0")
    #expect(await check("from=ns/jobs/sa/nightly&to=users&bytes=true") == "true allowed users 1, allowed all 0")
    #expect(await check("from=web&to=users&bytes=true") == "false denied users, allowed all 0")
    #expect(await check("to=cart") == "true unrestricted, denied all")
    #expect(await check("from=anyone&to=cart") == "true unrestricted, denied all")
    #expect(await check("from=*&to=cart") == "true unrestricted, allowed all 0")
    let answer = await plane.at(
      "GET", "/authorizations:check?from=spiffe://heddle.local/ns/default/sa/web&to=users&path=/api")
    #expect(answer.json["allowed"] == true && answer.json["to"] == "spiffe://heddle.local/ns/default/sa/users")
    for bad in ["from=web", "to=a/b", "from=a%20b&to=users", "to=users&bytes=true&path=/", "to=users&dry_run=true"] {
      #expect(await check(bad) == "400", "\(bad)")
    }
    #expect(await plane.call("GET", "/v1/namespaces/none/authorizations:check?to=users").status == 404)
  }

  private func proxy(_ id: String, _ capabilities: [String]) -> ProxyStatus {
    ProxyStatus(
      id: id, node: id, namespace: "default", address: "", labels: [:], zone: "", version: "1",
      capabilities: capabilities,
      connectedSince: nil, lastSeen: WallTime(milliseconds: 0), revisionHeld: 0, revisionAcknowledged: 0,
      lastError: nil,
      state: .synced, warnings: [])
  }
}
