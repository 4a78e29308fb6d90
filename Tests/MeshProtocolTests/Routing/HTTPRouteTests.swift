import MeshProtocol
import Testing

private let target = HTTPRoute.Action.forward(try! Path(parsing: "/svc/x"), Rewrite())

private func faults(_ route: HTTPRoute) -> [String] { route.faults.map { $0.field.joined(separator: ".") } }

@Suite struct HTTPRouteTests {
  @Test func aPlainRouteIsFine() {
    #expect(HTTPRoute(action: target).faults.isEmpty)
    #expect(
      HTTPRoute(
        hosts: [HostPattern("Shop.Example.COM"), HostPattern("*.example.com")],
        matches: [HTTPMatch(path: .prefix("/a b/é"), method: "GET", headers: [FieldMatch(name: "x", value: .present)])],
        action: target
      ).faults.isEmpty)
    #expect(HostPattern("*.Example.com") == .wildcard("example.com"))
  }

  @Test(arguments: ["", "*", "a..b", "*.", "a:80", "*.*.b", ".a", "a.", "a b", "é.com", "a/b"])
  func hosts(_ host: String) { #expect(faults(HTTPRoute(hosts: [HostPattern(host)], action: target)) == ["hosts.0"]) }

  @Test(arguments: ["", "a", "/a?b", "/a#b", "/a//b", "/a\\b", "/%61", "/..", "/a/./b", "/..;x", "/\u{7f}", "/" + String(repeating: "a", count: 1024)])
  func matchedPaths(_ path: String) {
    #expect(faults(HTTPRoute(matches: [HTTPMatch(path: .exact(path))], action: target)) == ["matches.0.path.exact"])
    #expect(faults(HTTPRoute(matches: [HTTPMatch(path: .prefix(path))], action: target)) == ["matches.0.path.prefix"])
  }

  @Test func conditions() {
    let bad = HTTPMatch(
      method: "get", headers: [FieldMatch(name: "a b", value: .exact(" x")), FieldMatch(name: "host", value: .present)],
      query: [FieldMatch(name: "", value: .present)])
    #expect(
      faults(HTTPRoute(matches: [bad], action: target)) == [
        "matches.0.method", "matches.0.headers.0.name", "matches.0.headers.0.exact", "matches.0.headers.1.name",
        "matches.0.query.0.name",
      ])
    let twice = HTTPMatch(headers: [FieldMatch(name: "a", value: .present), FieldMatch(name: "a", value: .exact("b"))])
    #expect(faults(HTTPRoute(matches: [twice], action: target)) == ["matches.0.headers"])
  }

  @Test func limits() {
    let many = HTTPRoute(
      hosts: (0...RouteLimits.hosts).map { HostPattern("h\($0)") },
      matches: Array(repeating: HTTPMatch(), count: RouteLimits.matches + 1), action: target)
    #expect(faults(many) == ["hosts", "matches"])
    let patterns = (0..<3).map { i in
      HTTPMatch(query: (0..<16).map { FieldMatch(name: "\(i).\($0)", value: .regex("a")) })
    }
    #expect(faults(HTTPRoute(matches: patterns, action: target)) == ["matches"])
  }

  @Test func rewrites() {
    let prefixes = [HTTPMatch(path: .prefix("/a")), HTTPMatch()]
    func route(_ rewrite: Rewrite, _ matches: [HTTPMatch]) -> HTTPRoute {
      HTTPRoute(matches: matches, action: .forward(try! Path(parsing: "/svc/x"), rewrite))
    }
    #expect(route(Rewrite(host: "a.b:80", path: .prefix("/c")), prefixes).faults.isEmpty)
    #expect(route(Rewrite(path: .prefix("")), prefixes).faults.isEmpty)
    #expect(faults(route(Rewrite(path: .prefix("/c")), [HTTPMatch(path: .exact("/a"))])) == ["rewrite.prefix"])
    #expect(faults(route(Rewrite(host: "a:b", path: .full("c")), [])) == ["rewrite.host", "rewrite.path"])
    #expect(faults(route(Rewrite(path: .full("/a b")), [])) == ["rewrite.path"])
    #expect(faults(HTTPRoute(action: .forward(.root, Rewrite()))) == ["to"])
  }

  @Test func redirects() {
    #expect(HTTPRoute(action: .redirect(Redirect(scheme: "https"))).faults.isEmpty)
    #expect(faults(HTTPRoute(action: .redirect(Redirect()))) == ["redirect"])
    #expect(
      faults(HTTPRoute(action: .redirect(Redirect(scheme: "ftp", host: "a b", port: 0, path: .full("x"), status: 200)))) == [
        "redirect.scheme", "redirect.host", "redirect.port", "redirect.path", "redirect.status",
      ])
    let edits = HeaderEdits(set: [HeaderLine(name: "x", value: "y")])
    #expect(faults(HTTPRoute(action: .redirect(Redirect(scheme: "https")), requestHeaders: edits)) == ["request_headers"])
  }

  @Test func directResponses() {
    #expect(HTTPRoute(action: .respond(DirectResponse(status: 204))).faults.isEmpty)
    #expect(faults(HTTPRoute(action: .respond(DirectResponse(status: 204, body: "x")))) == ["respond.body"])
    #expect(
      faults(
        HTTPRoute(
          action: .respond(DirectResponse(status: 100, body: String(repeating: "x", count: 4097), contentType: "a\nb"))))
        == ["respond.status", "respond.body", "respond.content_type"])
  }

  @Test func edits() {
    for name in ["host", "content-length", "transfer-encoding", "connection", "l5d-dtab", "heddle-error", "via", "a b", ""] {
      let edits = HeaderEdits(add: [HeaderLine(name: name, value: "x")], remove: [name])
      #expect(
        faults(HTTPRoute(action: target, requestHeaders: edits)) == ["request_headers.add.\(name)", "request_headers.remove.0"])
    }
    let split = HeaderEdits(set: [HeaderLine(name: "x", value: "a\r\nb: c")])
    #expect(faults(HTTPRoute(action: target, responseHeaders: split)) == ["response_headers.set.x"])
  }
}
