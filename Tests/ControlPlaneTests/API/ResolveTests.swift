import JSONFormat
import Testing

@testable import ControlPlane

struct ResolveTests {
  private func leaves(_ node: JSON) -> [JSON] {
    if node["kind"] == "leaf" { return [node] }
    let inner =
      (node["steps"]?.items ?? []).compactMap { $0["tree"] } + (node["alternatives"]?.items ?? [])
      + (node["branches"]?.items ?? []).compactMap { $0["tree"] }
    return inner.flatMap(leaves)
  }

  @Test func eachStepNamesWhatMadeIt() async throws {
    let plane = try Plane()
    await plane.rule("/svc", "/#/registry")
    await plane.split("users", "/svc/users", [("users-v1", 90), ("users-v2", 10)])
    _ = await plane.at("PUT", "/services/users-v1/endpoints/10.0.0.1:80", [:])
    let answer = await plane.at("GET", "/resolve?name=/svc/users/42")
    #expect(answer.status == 200)
    #expect(answer.json["revision"] == 3 && answer.json["result"] == "bound")
    let steps = try #require(answer.json["tree"]?["steps"]?.items)
    #expect(steps.map { $0["by"] } == ["split", "rule"])
    #expect(steps[0]["split"] == "users" && steps[0]["revision"] == 3 && steps[0]["chosen"] == true)
    #expect(steps[1]["rule"] == "r-1" && steps[1]["revision"] == 2 && steps[1]["chosen"] == false)
    let union = try #require(steps[0]["tree"])
    // A tenth is less than half: the other branch takes it.
    #expect(union["missing_share"] == 0 && union["on_unbound"] == "guard")
    #expect(union["detail"]?.text?.contains("10 % not bound") == true)
    #expect(union["branches"]?.items?.compactMap { $0["share"]?.double } == [1, 0])
    #expect(union["branches"]?.items?.compactMap { $0["part"]?.double } == [1, 0])
    #expect(answer.json["bound"] == "/#/registry/users-v1 + /42")
    let leaf = try #require(leaves(union).first)
    #expect(leaf["name"] == "/#/registry/users-v1" && leaf["residual"] == "/42" && leaf["branch"] == "users-v1")
    #expect(leaf["endpoints"]?[0]?["address"] == "10.0.0.1:80")
  }

  @Test func requestRulesAndOldRevisions() async throws {
    let plane = try Plane()
    await plane.rule("/svc", "/#/registry")
    _ = await plane.at("PUT", "/services/b2/endpoints/10.0.0.2:80", [:])
    let local = await plane.at("GET", "/resolve?name=/svc/b&dtab=/svc/b%20%3D%3E%20/svc/b2")
    #expect(local.json["tree"]?["steps"]?[0]?["by"] == "request")
    #expect(local.json["result"] == "bound")
    _ = await plane.at("PUT", "/rules/r-1", ["prefix": "/svc", "destination": "/other"])
    #expect(await plane.at("GET", "/resolve?name=/svc/b2").json["result"] == "negative")
    let past = await plane.at("GET", "/resolve?name=/svc/b2&revision=2")
    #expect(past.json["result"] == "bound" && past.json["revision"] == 2)
    #expect(await plane.at("GET", "/resolve?name=/svc/b2&revision=9").status == 404)
  }

  @Test func namesThatLeadNowhereSayWhy() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/#/nobody/x | !")
    await plane.rule("/b", "/#/registry/missing | /$/inet/127.0.0.1/80")
    let failed = await plane.at("GET", "/resolve?name=/a")
    #expect(failed.json["result"] == "fail")
    #expect(leaves(failed.json["tree"] ?? .null).first?["detail"]?.text?.contains("nobody") == true)
    let bound = await plane.at("GET", "/resolve?name=/b")
    #expect(bound.json["result"] == "bound")
    #expect(leaves(bound.json["tree"] ?? .null).first?["detail"]?.text?.contains("missing") == true)
    #expect(await plane.at("GET", "/resolve?name=/zzz").json["result"] == "negative")
    #expect(await plane.at("GET", "/resolve").status == 400)
    let bad = await plane.at("GET", "/resolve?name=svc&dtab=/a")
    #expect(bad.status == 400 && bad.pointers == ["/name", "/dtab"])
  }

  @Test func lonelyCanaryDoesNotTakeEverything() async throws {
    let plane = try Plane()
    await plane.split("users", "/svc/users", [("v1", 99), ("v2", 1)])
    _ = await plane.at("PUT", "/services/v2/endpoints/10.0.0.1:80", [:])
    let answer = await plane.at("GET", "/resolve?name=/svc/users")
    #expect(answer.json["result"] == "bound" && answer.json["bound"] == "/#/registry/v2 & 99*$")
    let union = answer.json["tree"]?["steps"]?[0]?["tree"]
    #expect(union?["missing_share"]?.double == 0.99)
    #expect(union?["branches"]?[1]?["part"]?.double == 0.01)
  }

  @Test func otherNamespacesByName() async throws {
    let plane = try Plane()
    _ = await plane.call("PUT", "/v1/namespaces/prod")
    _ = await plane.call("PUT", "/v1/namespaces/prod/services/users/endpoints/10.0.0.1:80", [:])
    await plane.rule("/svc", "/#/registry.ns/prod")
    #expect(await plane.at("GET", "/resolve?name=/svc/users").json["result"] == "bound")
    #expect(await plane.at("GET", "/resolve?name=/svc/none").json["result"] == "negative")
  }
}
