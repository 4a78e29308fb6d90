import Foundation
import Testing

/// HTTP routes with real programs and curl: posted, matched in their order, answered, rewritten, taken back.
@Suite(.serialized) struct RouteScenarioTests {
  private func put(_ mesh: Mesh, _ name: String, _ body: String, query: String = "?wait=applied") throws -> CurlAnswer {
    try curl("-X", "PUT", mesh.url("/namespaces/default/routes/\(name)\(query)"), body: body)
  }

  private func running() throws -> (mesh: Mesh, proxy: String) {
    let mesh = try Mesh()
    for name in ["shop", "api", "canary"] { try mesh.register(name, try mesh.startService(name).address) }
    let proxy = try mesh.startProxy("edge").address
    try mesh.route("/svc", "/#/registry")
    return (mesh, "http://\(proxy)")
  }

  @Test func routesArePostedAndMatchedInTheirOrder() throws {
    let (mesh, proxy) = try running()
    func get(_ host: String, _ path: String, _ more: String...) throws -> String {
      let arguments = ["-H", "Host: \(host)"] + more + ["\(proxy)\(path)"]
      let answer = try curl(all: arguments)
      // A service answers with its label and the path.
      return answer.status == 200 ? answer.body.split(separator: " ").first.map(String.init) ?? "" : "\(answer.status)"
    }
    #expect(try get("shop", "/api/x") == "shop")
    for (name, body) in [
      ("api", #"{"hosts": ["shop"], "matches": [{"path": {"prefix": "/api"}}], "to": "/svc/api"}"#),
      ("exact", #"{"hosts": ["shop"], "matches": [{"path": {"exact": "/api/shop"}}], "to": "/svc/shop"}"#),
      ("regex", #"{"hosts": ["shop"], "matches": [{"path": {"regex": "/api/v[0-9]+/.*"}}], "to": "/svc/canary"}"#),
      (
        "canary",
        #"{"hosts": ["shop"], "matches": [{"headers": [{"name": "X-Canary", "exact": "yes"}]}, {"query": [{"name": "canary", "present": true}]}], "to": "/svc/canary"}"#
      ),
      ("wild", #"{"hosts": ["*.example.com"], "to": "/svc/api"}"#),
    ] {
      let answer = try put(mesh, name, body)
      #expect(answer.status == 200 && answer.json["complete"] as? Bool == true, "\(answer)")
    }
    #expect(try get("shop", "/") == "shop")
    #expect(try get("shop", "/api") == "api")
    #expect(try get("shop", "/apis") == "shop")
    #expect(try get("shop", "/%61pi/x") == "api")
    #expect(try get("shop", "/api/shop") == "shop")
    #expect(try get("shop", "/api/v2/x") == "canary")
    #expect(try get("shop", "/", "-H", "x-canary: yes") == "canary")
    #expect(try get("shop", "/?canary") == "canary")
    #expect(try get("a.example.com", "/") == "api")
    #expect(try get("shop", "/x%2fapi") == "400")
    #expect(try curl("--proxy", proxy, "http://shop/api/").body.contains("api"))

    // Taken back in one call: the host names the request again.
    let gone = try curl("-X", "POST", mesh.url("/namespaces/default/revisions/2:rollback?wait=applied"))
    #expect(gone.status == 200, "\(gone)")
    #expect(try get("shop", "/api/x") == "shop")
  }

  @Test func redirectsAnswersRewritesAndHeaders() throws {
    let (mesh, proxy) = try running()
    for (name, body) in [
      ("secure", #"{"hosts": ["secure"], "redirect": {"scheme": "https", "host": "shop.example.com", "status": 308}}"#),
      ("health", #"{"matches": [{"path": {"exact": "/healthz"}}], "respond": {"status": 200, "body": "fine\n"}}"#),
      (
        "strip",
        #"{"hosts": ["front"], "matches": [{"path": {"prefix": "/shop"}}], "to": "/svc/shop", "rewrite": {"prefix": "/", "host": "inner"}, "request_headers": {"set": {"x-from": "front"}, "remove": ["cookie"]}, "response_headers": {"set": {"x-served": "mesh"}}}"#
      ),
    ] {
      #expect(try put(mesh, name, body).status == 200)
    }
    let away = try curl("-H", "Host: secure:80", "\(proxy)/a?b=c")
    #expect(away.status == 308)
    #expect(away.head.lowercased().contains("location: https://shop.example.com/a?b=c"))
    let health = try curl("-H", "Host: anything", "\(proxy)/healthz")
    #expect(health.status == 200 && health.body == "fine\n")
    let head = try curl("-I", "-H", "Host: anything", "\(proxy)/healthz")
    #expect(head.status == 200 && !head.body.contains("fine") && head.head.lowercased().contains("content-length: 5"))
    let stripped = try curl("-H", "Host: front", "-H", "Cookie: a=b", "\(proxy)/shop/cart?x=1")
    #expect(stripped.status == 200 && stripped.body.contains("shop"), "\(stripped)")
    #expect(stripped.head.lowercased().contains("x-served: mesh"))
  }

  @Test func badRoutesAreRefusedWithTheirPlace() throws {
    let mesh = try Mesh()
    let answer = try put(
      mesh, "bad", #"{"matches": [{"path": {"regex": "(a+"}}], "to": "/svc/x"}"#, query: "")
    #expect(answer.status == 422)
    #expect(answer.head.lowercased().contains("application/problem+json"))
    #expect(answer.body.contains("/matches/0/path/regex"), "\(answer.body)")
    #expect(try curl(mesh.url("/namespaces/default/routes/bad")).status == 404)
  }

  /// A proxy that knows no routes is named and nothing is stored; forced, it keeps what it has.
  @Test(.enabled(if: python != nil, "HEDDLE_PYTHON names an interpreter with grpcio"))
  func aProxyWithoutTheCapabilityIsNamed() throws {
    let mesh = try Mesh()
    _ = try mesh.startProxy("edge")
    let old = try meshClient(mesh, "--instance", "old-1", "--revisions", "9")
    try eventually("the old proxy is known") { try mesh.proxyStatus("python") }
    let refused = try put(mesh, "r", #"{"to": "/svc/x"}"#, query: "")
    #expect(refused.status == 422 && refused.body.contains("old-1 cannot run routes"), "\(refused)")
    #expect(try curl(mesh.url("/namespaces/default/routes/r")).status == 404)
    #expect(try put(mesh, "r", #"{"to": "/svc/x"}"#, query: "?force=true").status == 201)
    #expect(try curl("-X", "DELETE", mesh.url("/namespaces/default/routes/r")).status == 200)
    old.kill()
    try eventually("the old proxy is away") { () -> Bool? in
      try put(mesh, "r", #"{"to": "/svc/x"}"#, query: "").status == 201 ? true : nil
    }
  }

  @Test func theCommandLineWritesRoutes() throws {
    let (mesh, proxy) = try running()
    let set = try mesh.heddle("routes", "set", "api", "--host", "shop", "--path-prefix", "/api", "--to", "/svc/api", "--strip", "--wait")
    #expect(set.code == 0, "\(set)")
    #expect(try curl("-H", "Host: shop", "\(proxy)/api/x").body.contains("api"))
    let list = try mesh.heddle("routes", "-o", "table")
    #expect(list.output.contains("/api…") && list.output.contains("/svc/api"), "\(list)")
    let file = mesh.folder.path + "/routes.yaml"
    try """
    kind: route
    name: api
    op: delete
    ---
    kind: route
    name: away
    hosts: [shop]
    redirect: {scheme: https}
    """.write(toFile: file, atomically: true, encoding: .utf8)
    #expect(try mesh.heddle("diff", "-f", file, "-o", "table").output.contains("route away"))
    #expect(try mesh.heddle("apply", "-f", file, "--wait").code == 0)
    #expect(try curl("-H", "Host: shop", "\(proxy)/api/x").status == 302)
    #expect(try mesh.heddle("routes", "remove", "away").code == 0)
    #expect(try mesh.heddle("routes", "set", "bad", "--path-regex", "(", "--to", "/svc/x").code == 1)
  }
}
