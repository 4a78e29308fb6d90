import JSONFormat
import MeshProtocol
import Testing

@testable import ControlPlane

struct ServiceTests {
  @Test func endpointsMoveNoRevision() async throws {
    let plane = try Plane()
    let made = await plane.at(
      "PUT", "/services/users/endpoints/10.0.0.1:8080", ["weight": 2, "zone": "a", "metadata": ["k": "v"]])
    #expect(made.status == 201)
    #expect(await plane.at("PUT", "/services/users/endpoints/%5B::1%5D:80").status == 201)
    #expect(await plane.revision() == 1)
    let shown = await plane.at("GET", "/services/users")
    #expect(shown.list("endpoints").compactMap { $0["address"]?.text } == ["10.0.0.1:8080", "[::1]:80"])
    #expect(shown.list("endpoints")[0]["metadata"]?["k"] == "v")
    #expect(shown.tag == "\"1-2\"")
    #expect(plane.listener.changes.withLock { $0.isEmpty })
    #expect(plane.listener.endpoints.withLock { $0.map(\.1.version) } == [1, 2])
    let published = plane.controller.endpoints("default", "users")
    #expect(published.exists && published.endpoints.count == 2)
    var hash = SetHash.empty
    for endpoint in published.endpoints.values { hash.insert(SetHash(of: endpoint.bytes)) }
    #expect(published.setHash == hash)
  }

  @Test func sameEndpointAgainChangesNothing() async throws {
    let plane = try Plane()
    _ = await plane.at("PUT", "/services/users/endpoints/10.0.0.1:8080", [:])
    let again = await plane.at("PUT", "/services/users/endpoints/10.0.0.1:8080", [:])
    #expect(again.status == 200)
    #expect(again.json["endpoints_version"] == 1)
    #expect(plane.listener.endpoints.withLock { $0.count } == 1)
  }

  @Test func ownFieldsMoveTheRevision() async throws {
    let plane = try Plane()
    let made = await plane.at(
      "PUT", "/services/users", ["protocol": "http2", "ttl": "30s", "endpoints": [["address": "10.0.0.1:80"]]])
    #expect(made.status == 201)
    #expect(made.json["revision"] == 2)
    #expect(plane.controller.endpoints("default", "users").protocol == .http2)
    // Configuration that no proxy gets as a resource: an empty step.
    let change = try #require(plane.listener.changes.withLock { $0.last })
    #expect(change.upserts.isEmpty && change.after.hash == change.before.hash)
    let same = await plane.at(
      "PUT", "/services/users", ["protocol": "http2", "ttl": "30s", "endpoints": [["address": "10.0.0.2:80"]]])
    #expect(same.json["revision"] == 2)
    let version = plane.controller.endpoints("default", "users").version
    _ = await plane.at("PUT", "/services/users", ["protocol": "tcp"])
    let changed = plane.controller.endpoints("default", "users")
    #expect(changed.protocol == .tcp && changed.version > version)
    #expect(changed.endpoints.count == 1, "without endpoints in the body they stay")
  }

  @Test func putReplacesTheStaticEndpointsAndLeavesTheLeased() async throws {
    let plane = try Plane()
    _ = await plane.at(
      "PUT", "/services/users", ["endpoints": [["address": "10.0.0.1:80"], ["address": "10.0.0.2:80"]]])
    _ = await plane.at("PUT", "/services/users/endpoints/10.0.0.9:80", ["ttl": "10s"])
    _ = await plane.at(
      "PUT", "/services/users", ["endpoints": [["address": "10.0.0.2:80"], ["address": "10.0.0.3:80", "weight": 0]]])
    let shown = await plane.at("GET", "/services/users")
    #expect(
      shown.list("endpoints").compactMap { $0["address"]?.text } == ["10.0.0.2:80", "10.0.0.3:80", "10.0.0.9:80"])
    #expect(shown.list("endpoints").compactMap { $0["state"]?.text } == ["static", "static", "leased"])
    // What was read, leased endpoints and all, can be written back.
    #expect(await plane.at("PUT", "/services/users", shown.json).status == 200)
    #expect(await plane.at("GET", "/services/users").list("endpoints").count == 3)
  }

  @Test func deletingAndRemakingNeverTurnsTheVersionBack() async throws {
    let plane = try Plane()
    _ = await plane.at("PUT", "/services/users/endpoints/10.0.0.1:80", [:])
    _ = await plane.at("DELETE", "/services/users/endpoints/10.0.0.1:80")
    #expect(plane.controller.endpoints("default", "users").exists)
    #expect(await plane.at("DELETE", "/services/users").status == 200)
    let gone = plane.controller.endpoints("default", "users")
    #expect(!gone.exists && gone.version == 3)
    #expect(await plane.at("GET", "/services/users").status == 404)
    let again = try await plane.reopened()
    _ = await again.at("PUT", "/services/users/endpoints/10.0.0.1:80", [:])
    #expect(again.controller.endpoints("default", "users").version == 4)
  }

  @Test func endpointsSurviveAndHashTheSame() async throws {
    let plane = try Plane()
    _ = await plane.at(
      "PUT", "/services/users",
      ["endpoints": [["address": "10.0.0.1:80", "weight": 0.25, "zone": "z"], ["address": "[::1]:80"]]])
    let before = plane.controller.endpoints("default", "users")
    let after = try await plane.reopened().controller.endpoints("default", "users")
    #expect(after.version == before.version && after.setHash == before.setHash && after.endpoints.count == 2)
  }

  @Test func impossibleEndpointsNameTheField() async throws {
    let plane = try Plane()
    for address in ["10.0.0.1", "10.0.0.1:0", "0.0.0.0:80", "users:80", "10.0.0.1:99999", "%00:1"] {
      #expect(await plane.at("PUT", "/services/users/endpoints/\(address)", [:]).status == 400, "\(address)")
    }
    let bodies: [(JSON, [String])] = [
      (["weight": -1], ["/weight"]), (["weight": "1"], ["/weight"]), (["ttl": "soon"], ["/ttl"]),
      (["ttl": "10ms"], ["/ttl"]),
      (["zone": 1], ["/zone"]), (["metadata": ["a": 1]], ["/metadata/a"]), (["wieght": 1], ["/wieght"]),
      (["weight": 1e300], ["/weight"]),
    ]
    for (body, pointers) in bodies {
      let answer = await plane.at("PUT", "/services/users/endpoints/10.0.0.1:80", body)
      #expect(answer.status == 422 && answer.pointers == pointers, "\(body.printedText)")
    }
    let list = await plane.at(
      "PUT", "/services/users",
      ["endpoints": [["address": "10.0.0.1:80"], ["address": "10.0.0.1:80"], ["adress": "x"]]])
    #expect(list.pointers == ["/endpoints/1/address", "/endpoints/2/address", "/endpoints/2/adress"])
    #expect(await plane.at("GET", "/services").list("services").isEmpty)
    #expect(await plane.at("DELETE", "/services/users/endpoints/10.0.0.1:80").status == 404)
  }

  @Test func etagChangesWithEndpoints() async throws {
    let plane = try Plane()
    _ = await plane.at("PUT", "/services/users/endpoints/10.0.0.1:80", [:])
    let first = await plane.at("GET", "/services/users")
    let tag = try #require(first.tag)
    #expect(await plane.at("GET", "/services/users", headers: [("if-none-match", tag)]).status == 304)
    _ = await plane.at("PUT", "/services/users/endpoints/10.0.0.2:80", [:])
    #expect(await plane.at("GET", "/services/users", headers: [("if-none-match", tag)]).status == 200)
    #expect(await plane.at("PUT", "/services/users", ["protocol": "tcp"], headers: [("if-match", tag)]).status == 200)
    #expect(await plane.at("PUT", "/services/users", ["protocol": "http1"], headers: [("if-match", tag)]).status == 412)
  }
}
