import JSONFormat
import Testing

@testable import ControlPlane

struct SplitTests {
  @Test func splitShowsWeightsAsWrittenAndShares() async throws {
    let plane = try Plane()
    let made = await plane.split("users", "/svc/users", [("v1", 90), ("v2", 10)])
    #expect(made.status == 201)
    #expect(made.response.headers["location"] == "/v1/namespaces/default/splits/users")
    let shown = await plane.at("GET", "/splits/users")
    let backends = shown.json["backends"]?.items ?? []
    #expect(backends.compactMap { $0["weight"]?.whole } == [90, 10])
    #expect(backends.compactMap { $0["share"]?.double } == [0.9, 0.1])
    #expect(await plane.at("GET", "/splits").list("splits").count == 1)
    // What was read can be written, and is the same.
    #expect(await plane.at("PUT", "/splits/users", shown.json).json["revision"] == shown.json["revision"])
  }

  @Test func shiftByWeightsAndByPercent() async throws {
    let plane = try Plane()
    await plane.split("users", "/svc/users", [("v1", 90), ("v2", 10)])
    let even = await plane.at("PATCH", "/splits/users", ["weights": ["v1": 50, "v2": 50]])
    #expect(even.status == 200)
    #expect(even.codes.filter { $0 == "weights_sum_changed" }.isEmpty)
    #expect(await plane.at("PATCH", "/splits/users", ["weights": ["v2": 150]]).codes.contains("weights_sum_changed"))
    let exact = await plane.at("PATCH", "/splits/users", ["percent": ["v2": 0.5]])
    let shares = (exact.json["backends"]?.items ?? []).map { $0["share"]?.double }
    #expect(shares == [0.995, 0.005])
    #expect(await plane.at("PATCH", "/splits/nobody", ["weights": ["v2": 1]]).status == 404)
    #expect(await plane.at("PATCH", "/splits/users", ["weights": ["v3": 1]]).pointers == ["/weights/v3"])
  }

  @Test func weightToZeroIsUrgent() async throws {
    let plane = try Plane()
    await plane.split("users", "/svc/users", [("v1", 90), ("v2", 10)])
    _ = await plane.at("PATCH", "/splits/users", ["weights": ["v2": 20]])
    _ = await plane.at("PATCH", "/splits/users", ["weights": ["v2": 0]])
    #expect(plane.listener.changes.withLock { $0.map(\.urgent) } == [false, false, true])
  }

  @Test func allZeroNeedsToBeMeant() async throws {
    let plane = try Plane()
    let refused = await plane.split("users", "/svc/users", [("v1", 0), ("v2", 0)])
    #expect(refused.status == 422)
    #expect(refused.pointers == ["/backends"])
    await plane.split("users", "/svc/users", [("v1", 1), ("v2", 0)])
    #expect(await plane.at("PATCH", "/splits/users", ["weights": ["v1": 0]]).status == 422)
    #expect(await plane.at("PATCH", "/splits/users", ["weights": ["v1": 0], "allow_zero": true]).status == 200)
  }

  @Test func twoOnOnePrefixAreAConflict() async throws {
    let plane = try Plane()
    await plane.split("users", "/svc/users", [("v1", 1)])
    let second = await plane.split("others", "/svc/users", [("v2", 1)])
    #expect(second.status == 409)
    #expect(second.pointers == ["/prefix"])
    #expect(await plane.split("users", "/svc/others", [("v1", 1)]).status == 200)
    #expect(await plane.split("others", "/svc/users", [("v2", 1)]).status == 201)
  }

  @Test func impossibleSplitsNameTheField() async throws {
    let plane = try Plane()
    let backend: JSON = ["name": "v1", "destination": "/a", "weight": 1]
    let cases: [(JSON, [String])] = [
      (["prefix": "/a", "backends": []], ["/backends"]),
      (["prefix": "/a"], ["/backends"]),
      (["prefix": "/a", "backends": [backend, backend]], ["/backends/1/name"]),
      (["prefix": "/a", "backends": [["name": "v 1", "destination": "/a", "weight": 1]]], ["/backends/0/name"]),
      (
        ["prefix": "/a", "backends": [["name": "v1", "destination": "a", "weight": -1]]],
        ["/backends/0/destination", "/backends/0/weight"]
      ),
      (
        ["prefix": "/a", "backends": [["name": "v1", "destination": "/a", "weight": 1_000_001]]], ["/backends/0/weight"]
      ),
      (["prefix": "/a", "backends": [["name": "v1", "destination": "/a"]]], ["/backends/0/weight"]),
      (["prefix": "/a", "backends": [backend], "on_unbound": "maybe"], ["/on_unbound"]),
      (["prefix": "/a", "backends": [backend], "sticky": true], ["/sticky"]),
      (["prefix": "/a", "backends": ["v1": backend]], ["/backends"]),
    ]
    for (body, pointers) in cases {
      let answer = await plane.at("PUT", "/splits/x", body)
      #expect(answer.status == 422)
      #expect(Set(answer.pointers) == Set(pointers), "\(body.printedText)")
    }
    #expect(await plane.revision() == 1)
    #expect(await plane.at("PUT", "/splits/a%20b", ["prefix": "/a", "backends": [backend]]).status == 400)
  }

  @Test func deletedSplitIsGone() async throws {
    let plane = try Plane()
    await plane.split("users", "/svc/users", [("v1", 1)])
    #expect(await plane.at("DELETE", "/splits/users").status == 200)
    #expect(await plane.at("GET", "/splits/users").status == 404)
    let change = try #require(plane.listener.changes.withLock { $0.last })
    #expect(change.removes == [ResourceKey(kind: .split, name: "users")])
    #expect(change.after.hash == .empty)
  }
}
