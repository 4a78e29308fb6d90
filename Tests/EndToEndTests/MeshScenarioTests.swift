import Foundation
import Testing

/// The main job with real programs and curl: rules posted, proxies swap, weights shift, metrics come back.
@Suite(.serialized) struct MeshScenarioTests {
  @Test func rulesSwapsWeightsAndMetrics() throws {
    let mesh = try Mesh()
    let (one, two) = (try mesh.startService("v1"), try mesh.startService("v2"))
    try mesh.register("users-v1", one.address)
    try mesh.register("users-v2", two.address)
    let proxy = try mesh.startProxy("edge")

    let posted = try curl(
      mesh.url("/namespaces/default/rules?wait=applied"), body: #"{"prefix": "/svc/users", "destination": "/#/registry/users-v1"}"#)
    #expect(posted.status == 200, "\(posted)")
    #expect(try curl("-H", "Host: users", "http://\(proxy.address)/").body.contains("v1"))
    #expect(try curl("--proxy", "http://\(proxy.address)", "http://users/").body.contains("v1"))

    let split = try curl(
      "-X", "PUT", mesh.url("/namespaces/default/splits/users?wait=applied"),
      body: #"""
        {"prefix": "/svc/users", "backends": [
          {"name": "v1", "destination": "/#/registry/users-v1", "weight": 100},
          {"name": "v2", "destination": "/#/registry/users-v2", "weight": 0}]}
        """#)
    #expect((200...201).contains(split.status), "\(split)")
    let shifted = try curl(
      "-X", "PATCH", mesh.url("/namespaces/default/splits/users?wait=applied"), body: #"{"percent": {"v2": 50}}"#)
    #expect(shifted.status == 200)
    #expect(shifted.json["complete"] as? Bool == true, "\(shifted)")

    var versions: [String: Int] = [:]
    for _ in 0..<40 {
      let body = try curl("-H", "Host: users", "http://\(proxy.address)/").body
      versions[body.contains("v2") ? "v2" : "v1", default: 0] += 1
    }
    // Evenly spread from a random start: one more or less.
    #expect(abs((versions["v1"] ?? 0) - 20) <= 2 && abs((versions["v2"] ?? 0) - 20) <= 2, "\(versions)")

    try eventually("the controller knows the shift") { () -> Bool? in
      let metrics = try curl(mesh.url("/namespaces/default/metrics?group_by=backend&window=1m")).body
      return metrics.contains("users-v1") && metrics.contains("users-v2") ? true : nil
    }
  }

  @Test func killedControllerLosesNothingThatWasAnswered() throws {  // items 99, 100
    let mesh = try Mesh()
    let service = try mesh.startService("v1")
    try mesh.register("web", service.address)
    let proxy = try mesh.startProxy("edge")
    #expect(try curl(mesh.url("/namespaces/default/rules?wait=applied"), body: #"{"prefix": "/svc", "destination": "/#/registry"}"#).status == 200)
    #expect(try curl("-H", "Host: web", "http://\(proxy.address)/").status == 200)

    mesh.killController()
    for _ in 0..<20 { #expect(try curl("-H", "Host: web", "http://\(proxy.address)/").status == 200) }

    // Through a restart of the proxy, from what it has on disk.
    proxy.program.kill()
    _ = try proxy.program.exitCode()
    let again = try mesh.startProxy("edge", listen: proxy.address)
    try eventually("the proxy serves from disk") { try curl("-H", "Host: web", "http://\(again.address)/").status == 200 ? true : nil }

    try mesh.restartController()
    let rules = try curl(mesh.url("/namespaces/default/rules"))
    #expect(rules.body.contains("/#/registry"))
    try eventually("the proxy is back") { () -> Bool? in
      try curl("http://\(mesh.rest)/v1/proxies").body.contains("synced") ? true : nil
    }
  }

  @Test func badRuleIsRefusedWithThePositionOfTheFault() throws {
    let mesh = try Mesh()
    let answer = try curl(mesh.url("/namespaces/default/rules"), body: #"{"prefix": "/svc/users", "destination": "/#/registry/a & & /b"}"#)
    #expect(answer.status == 422 || answer.status == 400)
    #expect(answer.head.lowercased().contains("application/problem+json"))
    #expect(answer.body.contains("/destination"))
    #expect(try curl(mesh.url("/namespaces/default/rules")).body.contains("users") == false)
  }
}
