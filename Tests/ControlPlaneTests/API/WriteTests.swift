import JSONFormat
import MeshProtocol
import Testing

@testable import ControlPlane

struct WriteTests {
  // bad-inputs 107
  @Test func staleConditionIsRefusedAndNothingIsLost() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/x")
    let tag = try #require(await plane.at("GET", "/rules/r-1").tag)
    let first = await plane.at(
      "PUT", "/rules/r-1", ["prefix": "/a", "destination": "/y"], headers: [("if-match", tag)])
    #expect(first.status == 200)
    let second = await plane.at(
      "PUT", "/rules/r-1", ["prefix": "/a", "destination": "/z"], headers: [("if-match", tag)])
    #expect(second.status == 412)
    #expect(second.json["revision"] == 3)
    #expect(second.tag == "\"3\"")
    #expect(await plane.at("GET", "/rules/r-1").json["destination"] == "/y")
    #expect(
      await plane.at("PUT", "/rules/r-1", ["prefix": "/a", "destination": "/z"], headers: [("if-match", "3")]).status
        == 400)
    #expect(
      await plane.at(
        "PUT", "/rules/r-1", ["prefix": "/a", "destination": "/z"], headers: [("if-match", "\"9\", \"3\"")]
      ).status == 200)
  }

  @Test func unchangedIsNotSentAgain() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/x")
    for path in ["", "/rules", "/rules/r-1", "/splits", "/dtab", "/services"] {
      let tag = try #require(await plane.at("GET", path).tag)
      let again = await plane.at("GET", path, headers: [("if-none-match", "\"0\", W/\(tag)")])
      #expect(again.status == 304 && again.tag == tag && again.text.isEmpty, "\(path)")
      #expect(await plane.at("GET", path, headers: [("if-none-match", "\"0\"")]).status == 200)
    }
  }

  @Test func namespacesAreMadeOnPurpose() async throws {
    let plane = try Plane()
    let rule: JSON = ["prefix": "/a", "destination": "/b"]
    #expect(await plane.call("POST", "/v1/namespaces/prod/rules", rule).status == 404)
    #expect(
      await plane.call("POST", "/v1/namespaces/prod/rules?create=true", rule, headers: [("if-match", "\"0\"")]).status
        == 201)
    #expect(
      await plane.call("POST", "/v1/namespaces/prod/rules?create=true", rule, headers: [("if-match", "\"0\"")]).status
        == 412)
    #expect(await plane.call("PUT", "/v1/namespaces/test").status == 201)
    #expect(await plane.call("PUT", "/v1/namespaces/test").status == 200)
    #expect(await plane.call("PUT", "/v1/namespaces/test", headers: [("if-none-match", "*")]).status == 412)
    let names = await plane.call("GET", "/v1/namespaces").list("namespaces").compactMap { $0["name"]?.text }
    #expect(names == ["default", "prod", "test"])
    #expect(await plane.call("PUT", "/v1/namespaces/a%2Fb").status == 400)
    #expect(await plane.call("GET", "/v1/namespaces/absent").status == 404)
  }

  @Test func remadeNamespaceCountsOn() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    #expect(await plane.at("DELETE", "").status == 200)
    #expect(await plane.at("GET", "").status == 404)
    let change = try #require(plane.listener.changes.withLock { $0.last })
    #expect(!change.after.exists && change.after.revision == 3)
    let again = try await plane.reopened()
    #expect(await again.at("GET", "").status == 404)
    #expect(await again.at("PUT", "").json["revision"] == 4)
    #expect(await again.rule("/a", "/b").json["id"] == "r-2")
  }

  @Test func connectedProxiesAreProtected() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    plane.mesh.connected.withLock { $0["default"] = 3 }
    #expect(await plane.at("DELETE", "/rules/r-1").status == 409)
    #expect(await plane.at("DELETE", "").status == 409)
    #expect(await plane.at("PUT", "/dtab", ["dtab": ""]).status == 409)
    #expect(
      await plane.at("POST", "/changes", ["changes": [["op": "delete", "kind": "rule", "name": "r-1"]]]).status == 409)
    #expect(await plane.revision() == 2)
    #expect(await plane.at("DELETE", "/rules/r-1?force=true").status == 200)
    // Already without rules: adding a service's fields takes nothing from the proxies.
    #expect(await plane.at("PUT", "/services/s", ["protocol": "tcp"]).status == 201)
  }

  @Test func dryRunShowsAndStoresNothing() async throws {
    let plane = try Plane()
    await plane.split("users", "/svc/users", [("v1", 1)])
    let tried = await plane.at("POST", "/rules?dry_run=true", ["prefix": "/svc/users", "destination": "/#/registry/x"])
    #expect(tried.status == 200)
    #expect(tried.json["revision"] == 2)
    #expect(tried.list("diff").first?["op"] == "add")
    #expect(tried.list("diff").first?["after"]?["destination"] == "/#/registry/x")
    #expect(Set(tried.codes) == ["shadowed_by_split", "unknown_service"])
    #expect(await plane.revision() == 2)
    #expect(await plane.rule("/z", "/x").json["id"] == "r-1")
    let shift = await plane.at("PATCH", "/splits/users?dry_run=true", ["weights": ["v1": 5]])
    #expect(shift.list("diff").first?["before"]?["backends"]?[0]?["weight"] == 1)
    #expect(await plane.at("PATCH", "/splits/users?dry_run=true", ["weights": ["v9": 5]]).status == 422)
    let service = await plane.at("PUT", "/services/s?dry_run=true", ["endpoints": [["address": "10.0.0.1:80"]]])
    #expect(service.list("diff").first?["kind"] == "endpoint")
    #expect(await plane.at("GET", "/services/s").status == 404)
  }

  @Test func misspeltParametersDoNotBecomeWrites() async throws {
    let plane = try Plane()
    for query in [
      "dryrun=true", "dry_run=yes", "dry_run=true&dry_run=true", "wait=some", "timeout=2h&wait=applied", "%zz=1",
    ] {
      #expect(
        await plane.at("POST", "/rules?\(query)", ["prefix": "/a", "destination": "/b"]).status == 400, "\(query)")
    }
    #expect(await plane.revision() == 1)
  }

  @Test func waitAsksTheProxies() async throws {
    let plane = try Plane()
    plane.mesh.result.withLock {
      $0 = BarrierResult(
        revision: 2, complete: false, applied: 2, pending: ["p1"], rejected: [.init(id: "p2", error: "no")],
        disconnected: ["p3"])
    }
    let answer = await plane.at(
      "POST", "/rules?wait=applied&timeout=250ms&min_applied=3", ["prefix": "/a", "destination": "/b"])
    #expect(answer.status == 200)
    #expect(plane.mesh.barriers.withLock { $0 } == ["default 2 250ms 3"])
    #expect(answer.json["complete"] == false && answer.json["applied"] == 2 && answer.json["pending"] == ["p1"])
    #expect(answer.json["rejected"] == [["id": "p2", "error": "no"]] && answer.json["disconnected"] == ["p3"])
    #expect(answer.tag == "\"2\"")
  }

  // bad-inputs 108
  @Test func repetitionUnderAKeyIsOneChange() async throws {
    let plane = try Plane()
    let body: JSON = ["prefix": "/a", "destination": "/b"]
    let first = await plane.at("POST", "/rules", body, headers: [("idempotency-key", "k1")])
    let again = try await plane.reopened()
    let second = await again.at("POST", "/rules", body, headers: [("idempotency-key", "k1")])
    #expect(second.status == first.status && second.json == first.json && second.tag == first.tag)
    #expect(second.response.headers["location"] == first.response.headers["location"])
    #expect(second.response.headers["idempotency-replayed"] == "true")
    #expect(await again.revision() == 2)
    let other = await again.at(
      "POST", "/rules", ["prefix": "/a", "destination": "/c"], headers: [("idempotency-key", "k1")])
    #expect(other.status == 422)
    // After 24 h the key is free.
    again.clock.advance(.seconds(86_401))
    #expect(await again.at("POST", "/rules", body, headers: [("idempotency-key", "k1")]).json["id"] == "r-2")
  }

  @Test func refusalsAreNotRemembered() async throws {
    let plane = try Plane()
    let change: JSON = ["prefix": "/a", "destination": "/c"]
    #expect(await plane.at("PUT", "/rules/r-1", change, headers: [("idempotency-key", "k")]).status == 404)
    await plane.rule("/a", "/b")
    #expect(await plane.at("PUT", "/rules/r-1", change, headers: [("idempotency-key", "k")]).status == 200)
  }

  @Test func concurrentRepetitionsAreOneChange() async throws {
    let plane = try Plane()
    let ids = await withTaskGroup(of: JSON?.self) { group in
      for _ in 0..<20 {
        group.addTask {
          await plane.at("POST", "/rules", ["prefix": "/a", "destination": "/b"], headers: [("idempotency-key", "k")])
            .json["id"]
        }
      }
      return await group.reduce(into: Set<JSON?>()) { $0.insert($1) }
    }
    #expect(ids == ["r-1"])
    #expect(await plane.revision() == 2)
  }

  @Test func concurrentWritesAllStandAndArePublishedInOrder() async throws {
    let plane = try Plane()
    await withTaskGroup(of: Void.self) { group in
      for i in 0..<200 { group.addTask { _ = await plane.rule("/p\(i)", "/x") } }
    }
    #expect(await plane.revision() == 201)
    let steps = plane.listener.changes.withLock { $0 }
    #expect(steps.map(\.after.revision) == Array(2...201))
    #expect(steps.allSatisfy { $0.before.revision + 1 == $0.after.revision })
    var hash = SetHash.empty
    for step in steps {
      for resource in step.upserts { hash.insert(resource.hash) }
      #expect(step.after.hash == hash)
    }
    #expect(await plane.at("GET", "/rules").list("rules").count == 200)
  }

  @Test func reasonAndCallerStandInTheHistory() async throws {
    let plane = try Plane()
    _ = await plane.at(
      "POST", "/rules", ["prefix": "/a", "destination": "/b"], headers: [("heddle-reason", "release 31")])
    let revision = await plane.at("GET", "/revisions/2")
    #expect(revision.json["why"] == "release 31")
    #expect(revision.json["who"] == "anonymous@127.0.0.1")
    #expect(plane.listener.changes.withLock { $0.last?.why } == "release 31")
  }

  @Test func changesAreOneRevisionOrNothing() async throws {
    let plane = try Plane()
    await plane.rule("/old", "/x")
    let split: JSON = [
      "prefix": "/svc/users", "backends": [["name": "v1", "destination": "/#/registry/users-v1", "weight": 1]],
    ]
    let body: JSON = [
      "changes": [
        ["op": "put", "kind": "rule", "value": ["prefix": "/svc", "destination": "/#/registry"]],
        ["op": "put", "kind": "rule", "name": "r-1", "value": ["prefix": "/old", "destination": "/y"]],
        ["op": "put", "kind": "split", "name": "users", "value": split],
        [
          "op": "put", "kind": "service", "name": "users-v1",
          "value": ["protocol": "http1", "endpoints": [["address": "10.0.0.1:80"]]],
        ],
      ]
    ]
    let applied = await plane.at("POST", "/changes", body)
    #expect(applied.status == 200)
    #expect(applied.json["revision"] == 3)
    #expect(applied.codes == ["dead_end"])
    #expect(applied.list("changed").compactMap { $0["name"]?.text } == ["r-2", "r-1", "users", "users-v1"])
    let bad = await plane.at(
      "POST", "/changes",
      [
        "changes": [
          ["op": "delete", "kind": "split", "name": "users"],
          ["op": "put", "kind": "rule", "value": ["prefix": "/a", "destination": "/b/"]],
          ["op": "put", "kind": "nothing", "name": "x", "value": [:]],
          ["op": "move", "kind": "rule"],
        ]
      ])
    #expect(bad.status == 422)
    #expect(bad.pointers == ["/changes/1/value/destination", "/changes/2/kind", "/changes/3/op"])
    let late = await plane.at(
      "POST", "/changes",
      [
        "changes": [
          ["op": "delete", "kind": "split", "name": "users"], ["op": "delete", "kind": "split", "name": "users"],
        ]
      ])
    #expect(late.status == 422 && late.pointers == ["/changes/1"])
    #expect(await plane.revision() == 3)
    let table = await plane.at(
      "POST", "/changes",
      [
        "changes": [
          ["op": "put", "kind": "dtab", "name": "all", "value": ["dtab": "/old => /y"]],
          ["op": "delete", "kind": "service", "name": "users-v1"],
        ]
      ])
    #expect(table.status == 200)
    #expect(await plane.at("GET", "/rules").list("rules").compactMap { $0["id"]?.text } == ["r-1"])
  }
}
