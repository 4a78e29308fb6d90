import HTTP
import MeshProtocol
import Testing
import Traffic

@testable import DataPlane

/// Requests that match routes, with real sockets on loopback.
@Suite struct RouteTests {
  private func service(_ name: String) throws -> ScriptedServer {
    try ScriptedServer.answering("HTTP/1.1 200 OK\r\nServer: old\r\nX-A: 1\r\nContent-Length: \(name.utf8.count)\r\n\r\n\(name)")
  }

  private func forward(
    _ to: String, _ hosts: [String] = [], _ match: HTTPMatch = HTTPMatch(), rewrite: Rewrite = Rewrite(),
    request: HeaderEdits = HeaderEdits(), response: HeaderEdits = HeaderEdits()
  ) throws -> HTTPRoute {
    HTTPRoute(
      hosts: hosts.map { HostPattern($0) }, matches: [match], action: .forward(try Path(parsing: to), rewrite),
      requestHeaders: request, responseHeaders: response)
  }

  @Test func routesNameRequestsAndTheHostNamesTheOthers() throws {
    let (web, api) = (try service("web"), try service("api"))
    let proxy = try ProxyHarness(
      dtab: "/svc/web => /$/inet/127.0.0.1/\(web.port) ; /svc/api => /$/inet/127.0.0.1/\(api.port)",
      routes: [
        "api": try forward("/svc/api", ["web"], HTTPMatch(path: .prefix("/api"))),
        "wild": try forward("/svc/api", ["*.web"]),
      ])
    for _ in 0..<3 {
      #expect(try proxy.get("web", path: "/").body == "web")
      #expect(try proxy.get("web", path: "/api/x").body == "api")
      #expect(try proxy.get("WEB.:80", path: "/apix").body == "web")
      #expect(try proxy.get("a.web").body == "api")
      #expect(try proxy.get("api").body == "api")
    }
    // Both routes and the host lead to one binding.
    #expect(try proxy.describe(.bindings).components(after: "\"service\":\"/svc/api\"").count == 1)
    let facts = try proxy.collect(ticket: 1)
    #expect(Set(facts.requests.map(\.service)) == ["/svc/web", "/svc/api"])
  }

  @Test func ambiguousPathsAreTheCallersFault() throws {
    let web = try service("web")
    let proxy = try ProxyHarness(
      dtab: "/svc => /$/inet/127.0.0.1/\(web.port)",
      routes: [
        "admin": HTTPRoute(
          hosts: [.exact("web")], matches: [HTTPMatch(path: .prefix("/admin"))], action: .respond(DirectResponse(status: 403)))
      ])
    for path in ["/%61dmin", "//admin/x", "/admin"] { #expect(try proxy.get("web", path: path).status == 403, "\(path)") }
    for path in ["/%2e%2e/admin", "/x/..;/admin", "/x%2fadmin", "/x\\admin", "/admin%00", "/admin#x"] {
      let answer = try proxy.get("web", path: path)
      #expect(answer.status == 400 && answer.field("heddle-error") == "bad-request", "\(path)")
      #expect(try proxy.get("other", path: path).status == 200, "\(path)")
    }
    #expect(web.requests.first?.hasPrefix("GET /%2e%2e/admin HTTP/1.1") == true)
  }

  @Test func headersAreEditedBothWays() throws {
    let web = try service("web")
    let proxy = try ProxyHarness(
      dtab: "/svc/web => /$/inet/127.0.0.1/\(web.port)",
      routes: [
        "edit": try forward(
          "/svc/web", rewrite: Rewrite(host: "inner:81"),
          request: HeaderEdits(
            set: [HeaderLine(name: "x-set", value: "new")], add: [HeaderLine(name: "x-add", value: "2")], remove: ["cookie"]),
          response: HeaderEdits(
            set: [HeaderLine(name: "server", value: "mesh")], add: [HeaderLine(name: "x-a", value: "2")]))
      ])
    let answer = try proxy.get("web", fields: "X-Set: old\r\nx-SET: older\r\nX-Add: 1\r\nCookie: c\r\nX-Other: o\r\n")
    let request = try #require(web.requests.first).lowercased()
    #expect(request.components(after: "x-set:").map { $0.prefix(4) } == [" new"])
    #expect(request.components(after: "x-add:").map { $0.prefix(2) } == [" 1", " 2"])
    #expect(!request.contains("cookie:") && request.contains("x-other: o"))
    #expect(request.components(after: "\r\nhost:").map { $0.prefix(9) } == [" inner:81"])
    #expect(answer.body == "web")
    #expect(answer.head.lowercased().components(after: "server:").map { $0.prefix(5) } == [" mesh"])
    #expect(answer.head.lowercased().components(after: "x-a:").map { $0.prefix(2) } == [" 1", " 2"])
  }

  @Test(
    arguments: [
      (PathEdit.full("/new"), "/old/x?q=1", "/new?q=1"), (.prefix("/n"), "/old/x?q=1", "/n/x?q=1"),
      (.prefix("/n/"), "/old", "/n"), (.prefix("/n"), "/old/", "/n/"), (.prefix(""), "/old", "/"),
      (.prefix(""), "/old/x", "/x"), (.prefix("/"), "/old?q", "/?q"), (.prefix(""), "//old//x", "/x"),
      (.prefix("/n"), "/%6fld/%78", "/n/%78"), (.prefix("/n"), "http://web/old/y", "/n/y"),
    ] as [(PathEdit, String, String)])
  func pathsAreRewritten(_ edit: PathEdit, _ path: String, _ expected: String) throws {
    let web = try service("web")
    let proxy = try ProxyHarness(
      dtab: "/svc/web => /$/inet/127.0.0.1/\(web.port)",
      routes: ["r": try forward("/svc/web", [], HTTPMatch(path: .prefix("/old")), rewrite: Rewrite(path: edit))])
    #expect(try proxy.get("web", path: path).status == 200)
    #expect(web.requests.first?.hasPrefix("GET \(expected) HTTP/1.1\r\n") == true, "\(web.requests)")
  }

  @Test func redirects() throws {
    func route(_ redirect: Redirect, _ path: PathMatch? = nil) -> HTTPRoute {
      HTTPRoute(matches: [HTTPMatch(path: path)], action: .redirect(redirect))
    }
    let cases: [(HTTPRoute, String, String, String)] = [
      (route(Redirect(scheme: "https", status: 301)), "web:80", "/a?b", "https://web/a?b"),
      (route(Redirect(port: 8443)), "web:80", "/", "http://web:8443/"),
      (route(Redirect(scheme: "https", port: 443)), "web", "/", "https://web/"),
      (route(Redirect(host: "other")), "web:8080", "/x", "http://other/x"),
      (route(Redirect(path: .full("/n"))), "web:8080", "/x?y", "http://web:8080/n?y"),
      (route(Redirect(host: "o", path: .prefix("/n")), .prefix("/x")), "web", "/x/y?z", "http://o/n/y?z"),
      (route(Redirect(port: 9)), "[::1]:80", "/", "http://[::1]:9/"),
    ]
    for (index, (route, host, path, expected)) in cases.enumerated() {
      let proxy = try ProxyHarness(dtab: "", routes: ["r": route])
      let answer = try proxy.get(host, path: path)
      #expect(answer.status == (index == 0 ? 301 : 302))
      #expect(answer.field("location") == expected)
      #expect(answer.field("content-length") == "0" && answer.field("heddle-error") == nil)
    }
  }

  @Test func directAnswersKeepTheConnection() throws {
    let proxy = try ProxyHarness(
      dtab: "",
      routes: [
        "ok": HTTPRoute(
          hosts: [.exact("ok")], action: .respond(DirectResponse(status: 200, body: "fine\n")),
          responseHeaders: HeaderEdits(set: [HeaderLine(name: "x-by", value: "route")])),
        "none": HTTPRoute(hosts: [.exact("none")], action: .respond(DirectResponse(status: 204))),
        "down": HTTPRoute(
          hosts: [.exact("down")], action: .respond(DirectResponse(status: 503, body: "{}", contentType: "application/json"))),
      ])
    let connection = try proxy.connect()
    try connection.send("POST / HTTP/1.1\r\nHost: ok\r\nContent-Length: 3\r\n\r\nabc")
    let fine = try connection.readAnswer()
    #expect(fine.status == 200 && fine.body == "fine\n" && fine.field("x-by") == "route")
    #expect(fine.field("content-type") == "text/plain; charset=utf-8")
    try connection.send("HEAD / HTTP/1.1\r\nHost: ok\r\n\r\nGET / HTTP/1.1\r\nHost: none\r\n\r\nGET / HTTP/1.1\r\nHost: down\r\n\r\n")
    let (text, _) = try connection.read { $0.hasSuffix("{}") }
    let answers = text.components(after: "HTTP/1.1 ")
    #expect(answers.map { $0.prefix(3) } == ["200", "204", "503"])
    #expect(answers.first?.hasSuffix("\r\n\r\n") == true && answers.first?.contains("content-length: 5\r\n") == true)
    #expect(answers.count == 3 && !answers[1].contains("content-length"))
    let facts = try proxy.collect(ticket: 1)
    #expect(Set(facts.requests.map(\.service)) == ["/$/route/ok", "/$/route/none", "/$/route/down"])
    #expect(facts.requests.filter { $0.responseClass == .failure }.map(\.service) == ["/$/route/down"])
  }

  /// A success of CONNECT says that a tunnel stands; a route that answers by itself has none.
  @Test func aDirectAnswerIsNoTunnel() throws {
    let proxy = try ProxyHarness(
      dtab: "",
      routes: [
        "ok": HTTPRoute(hosts: [.exact("ok")], action: .respond(DirectResponse(status: 200, body: "fine\n"))),
        "no": HTTPRoute(hosts: [.exact("no")], action: .respond(DirectResponse(status: 403))),
      ])
    let caller = try proxy.caller()
    for (authority, status) in [("ok", "501"), ("no", "403")] {
      let stream = caller.openTunnel(authority: authority)
      caller.waitForHead(stream)
      #expect(caller.status[stream] == status, "\(authority)")
    }
  }

  /// A request in flight finishes by the route it matched; the next goes by the new table.
  @Test func routesChangeUnderRequests() throws {
    let slow = try ScriptedServer { connection, server, _ in
      while try !server.readRequest(connection).isEmpty {
        try wait(until: { server.requests.count != 1 || server.isReleased })
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
      }
    }
    let dtab = "/svc/web => /$/inet/127.0.0.1/\(slow.port)"
    func table(_ value: String, _ old: RouteTable) throws -> RouteTable {
      ProxyHarness.routes(
        ["r": try forward("/svc/web", response: HeaderEdits(set: [HeaderLine(name: "x-table", value: value)]))], changing: old)
    }
    let first = try table("1", RouteTable())
    let proxy = try ProxyHarness(dtab: dtab)
    try proxy.run(dtab, first, generation: 2)
    let connection = try proxy.connect()
    try connection.send("GET /1 HTTP/1.1\r\nHost: web\r\n\r\n")
    try wait(until: { slow.requests.count == 1 })
    let second = try table("2", first)
    try proxy.run(dtab, second, generation: 3, changed: [])
    slow.release()
    #expect(try connection.readAnswer().field("x-table") == "1")
    #expect(try proxy.get("web").field("x-table") == "2")
    try proxy.run(dtab, ProxyHarness.routes([:], changing: second), generation: 4, changed: [])
    #expect(try proxy.get("web").field("x-table") == nil)
  }

  /// The request's own dentries apply to the name that the route gave.
  @Test func routesAndTheRequestsOwnDentries() throws {
    var binding = BindingPolicy()
    binding.overrides.systemNames = [try Prefix(parsing: "/$/inet")]
    let (one, two) = (try service("one"), try service("two"))
    let proxy = try ProxyHarness(
      dtab: "/svc/a => /$/inet/127.0.0.1/\(one.port) ; /staging => /$/inet/127.0.0.1/\(two.port)",
      routes: ["r": try forward("/svc/a", ["web"])], binding: binding)
    #expect(try proxy.get("web").body == "one")
    #expect(try proxy.get("web", fields: "l5d-dtab: /svc/a => /staging\r\n").body == "two")
  }

  @Test func identifiersInTheirOrder() throws {
    let web = try service("web")
    var policy = ListenerPolicy()
    policy.identifiers = [
      Identifier(.routes), Identifier(.header("x-service")), Identifier(.path(segments: 1, consumes: true)),
    ]
    let proxy = try ProxyHarness(
      dtab: "/svc/a => /$/inet/127.0.0.1/\(web.port) ; /svc/b => /svc/a ; /svc/c => /svc/a",
      routes: ["r": try forward("/svc/c", ["routed"])], policy: policy)
    func named(_ host: String, _ path: String, _ fields: String = "") throws -> [String] {
      let answer = try proxy.get(host, path: path, fields: fields)
      guard answer.status == 200, let request = web.requests.last else { return ["\(answer.status)"] }
      return [RawAnswer.field("l5d-dst-service", in: request) ?? "", String(request.split(separator: " ")[1])]
    }
    for _ in 0..<2 {
      #expect(try named("routed", "/a/x", "x-service: b\r\n") == ["/svc/c", "/a/x"])
      #expect(try named("web", "/a/x", "X-Service: b\r\n") == ["/svc/b", "/a/x"])
      #expect(try named("web", "/a/x?q") == ["/svc/a", "/x?q"])
      #expect(try named("web", "/b") == ["/svc/b", "/"])
      #expect(try named("web", "/") == ["400"])
      #expect(try named("web", "/%2e%2e/a") == ["400"])
    }
    let nothing = try proxy.get("web", path: "/")
    #expect(nothing.field("heddle-error") == "unidentified")
    #expect(nothing.body.contains("x-service"))
  }

  /// Many spellings and hosts: the table of hosts is bounded, and what it forgets comes back.
  @Test func hostsBeyondTheLimitAreForgotten() {
    var hosts = HostTable(seed: 1)
    for i in 0..<(HostTable.limit + 10) {
      let name = Array("h\(i)".utf8)
      _ = hosts.insert(name.span, HostSlot(version: 1, chain: nil))
    }
    #expect(hosts.count == 10)
    let (forgotten, kept) = (Array("h1".utf8), Array("h\(HostTable.limit + 1)".utf8))
    #expect(hosts.find(forgotten.span) == nil)
    #expect(hosts.find(kept.span) != nil)
  }
}
