import HTTP
import MeshProtocol
import TestSupport
import Testing
import Traffic

@Suite struct RouteTableTests {
  @Test func hostsByTheirLength() {
    let routes = table([
      ("any", forward()), ("com", forward(hosts: ["*.com"])), ("wild", forward(hosts: ["*.shop.com"])),
      ("exact", forward(hosts: ["a.shop.com"])),
    ])
    #expect(route(routes, "a.shop.com") == "exact")
    #expect(route(routes, "A.Shop.Com.:8080") == "exact")
    #expect(route(routes, "b.shop.com") == "wild")
    #expect(route(routes, "x.b.shop.com") == "wild")
    #expect(route(routes, "shop.com") == "com")
    #expect(route(routes, "com") == "any")
    #expect(route(routes, "users") == "any")
  }

  /// A host's own routes come first, but one of a wildcard may still be the first that matches.
  @Test func lessSpecificHostsStillCount() {
    let routes = table([
      ("exact", forward(hosts: ["a.com"], HTTPMatch(path: .prefix("/x")))), ("wild", forward(hosts: ["*.com"])),
    ])
    #expect(route(routes, "a.com", "/x") == "exact")
    #expect(route(routes, "a.com", "/y") == "wild")
    #expect(route(routes, "a.org", "/y") == "none")
  }

  @Test func pathsByKindAndLength() {
    let routes = table([
      ("root", forward(HTTPMatch(path: .prefix("/")))), ("a", forward(HTTPMatch(path: .prefix("/a")))),
      ("ab", forward(HTTPMatch(path: .prefix("/a/b/")))), ("exact", forward(HTTPMatch(path: .exact("/a/b")))),
      ("regex", forward(HTTPMatch(path: .regex("/a/[0-9]+")))), ("longer", forward(HTTPMatch(path: .regex("/a/[0-9]+(x)?")))),
    ])
    #expect(route(routes, "h", "/") == "root")
    #expect(route(routes, "h", "/ab") == "root")
    #expect(route(routes, "h", "/a") == "a")
    #expect(route(routes, "h", "/a/") == "a")
    #expect(route(routes, "h", "/a/c?/a/b") == "a")
    #expect(route(routes, "h", "/a/b") == "exact")
    #expect(route(routes, "h", "/a/b?q") == "exact")
    #expect(route(routes, "h", "/a/b/") == "ab")
    #expect(route(routes, "h", "/a/b/c") == "ab")
    #expect(route(routes, "h", "/a/17") == "longer")
    #expect(route(routes, "h", "//a//b") == "exact")
    #expect(route(routes, "h", "/%61/c") == "a")
    #expect(route(routes, "h", "http://h/a/b") == "exact")
    #expect(route(routes, "h", "http://h") == "root")
    #expect(route(routes, "h", "http://h?x") == "root")
  }

  @Test func methodsHeadersAndParametersInTheirOrder() {
    let path = PathMatch.prefix("/p")
    let canary = FieldMatch(name: "x-canary", value: .exact("yes"))
    let routes = table([
      ("plain", forward(HTTPMatch(path: path))), ("post", forward(HTTPMatch(path: path, method: "POST"))),
      ("header", forward(HTTPMatch(path: path, headers: [canary]))),
      ("headers", forward(HTTPMatch(path: path, headers: [canary, FieldMatch(name: "x-b", value: .present)]))),
      ("query", forward(HTTPMatch(path: path, query: [FieldMatch(name: "v", value: .regex("[0-9]+"))]))),
    ])
    #expect(route(routes, "GET", "h", "/p") == "plain")
    #expect(route(routes, "POST", "h", "/p", ["X-Canary: yes"]) == "post")
    #expect(route(routes, "GET", "h", "/p", ["X-Canary: yes"]) == "header")
    #expect(route(routes, "GET", "h", "/p", ["x-canary: no"]) == "plain")
    #expect(route(routes, "GET", "h", "/p", ["x-canary: no", "x-canary: yes"]) == "header")
    #expect(route(routes, "GET", "h", "/p", ["X-CANARY: yes", "X-B:"]) == "headers")
    #expect(route(routes, "GET", "h", "/p?v=12") == "query")
    #expect(route(routes, "GET", "h", "/p?v=12", ["x-canary: yes"]) == "header")
    #expect(route(routes, "GET", "h", "/p?a=1&%76=%312&v=x") == "query")
    for target in ["/p?v=x", "/p?v=x&v=1", "/p?w=1", "/p?v", "/p?", "/p?vv=1", "/p?=1&&"] {
      #expect(route(routes, "GET", "h", target) == "plain", "\(target)")
    }
    #expect(route(routes, "get", "h", "/p") == "plain")
  }

  @Test func amongEqualsTheOlderThenTheName() {
    let routes = table([
      ("b", forward(created: 5)), ("a", forward(created: 7)), ("c", forward(created: 5)),
    ])
    #expect(route(routes, "h") == "b")
  }

  @Test func methodsStandBeforeHeaders() {
    let routes = table([
      ("header", forward(HTTPMatch(headers: [FieldMatch(name: "a", value: .present)]), created: 1)),
      ("method", forward(HTTPMatch(method: "GET"), created: 2)),
    ])
    #expect(route(routes, "GET", "h", "/", ["a: 1"]) == "method")
  }

  @Test func ambiguousPathsAreRefusedWherePathsAreMatched() {
    let byPath = table([("admin", forward(hosts: ["h"], HTTPMatch(path: .prefix("/admin")))), ("other", forward(hosts: ["o"]))])
    for target in ["/%2e%2e/admin", "/a/..;/admin", "/admin%2F..", "/admin%00", "/x/\\admin", "/admin#x", "/%zz", "/a/../b"] {
      #expect(route(byPath, "h", target) == "400", "\(target)")
      #expect(route(byPath, "o", target) == "other", "\(target)")
      #expect(route(byPath, "nobody", target) == "none", "\(target)")
    }
  }

  @Test func everyPathIncludesTheServerItself() {
    let routes = table([("all", forward()), ("paths", forward(HTTPMatch(path: .prefix("/x"))))])
    #expect(route(routes, "OPTIONS", "h", "*") == "all")
    #expect(route(table([("re", forward(HTTPMatch(path: .regex(".*"))))]), "OPTIONS", "h", "*") == "none")
  }

  @Test func changesLeaveCopiesAlone() {
    var routes = table([("a", forward(hosts: ["h", "*.x.y"])), ("b", forward(hosts: ["h"], created: 1))])
    let before = routes
    #expect(routes.apply(removes: ["a", "nobody"], upserts: [NamedRoute(name: "b", revision: 2, route: forward(hosts: ["k"]))]).isEmpty)
    #expect(route(before, "h") == "a")
    #expect(route(before, "z.x.y") == "a")
    #expect(route(routes, "h") == "none")
    #expect(route(routes, "z.x.y") == "none")
    #expect(route(routes, "k") == "b")
    #expect(routes.version > before.version)
    #expect(routes.routes.map(\.name) == ["b"])
  }

  @Test func aTableRefusesWhole() {
    var routes = table([("a", forward())])
    let version = routes.version
    let refused = routes.apply(
      removes: ["a"],
      upserts: [
        NamedRoute(name: "good", revision: 1, route: forward()),
        NamedRoute(name: "bad", revision: 1, route: forward(HTTPMatch(path: .regex("(")))),
        NamedRoute(name: "worse", revision: 1, route: forward(HTTPMatch(path: .prefix("x")))),
      ])
    #expect(refused.map(\.name) == ["bad", "worse"])
    #expect(refused.first?.faults.first?.field == ["matches", "0", "path", "regex"])
    #expect(routes.version == version && route(routes, "h") == "a")
  }

  /// Compared with a plain reading of the rules of precedence over all routes.
  @Test(arguments: [21, 22, 23] as [UInt64])
  func agreesWithAPlainReading(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var tally = 0
    for _ in 0..<60 {
      let routes = (0..<(1 + random.below(12))).map { ("r\($0)", RandomRoutes.route(&random)) }
      let compiled = table(routes)
      for _ in 0..<20 {
        let request = RandomRoutes.request(&random)
        let expected = PlainReading.first(of: routes, request)
        if expected != "none" { tally += 1 }
        let found = route(compiled, request.method, request.host, request.path, request.headers.map { "\($0): 1" })
        #expect(found == expected, "seed \(seed): \(request) in \(routes)")
      }
    }
    #expect(tally > 100)
  }

  /// Tables that came about by changes are the same as those made at once.
  @Test func changesAddUp() {
    var random = SeededRandom(seed: 31)
    var changing = RouteTable()
    var now: [String: HTTPRoute] = [:]
    for step in 0..<200 {
      let name = "r\(random.below(10))"
      let removes = random.below(3) == 0 ? ["r\(random.below(10))"] : []
      let new = RandomRoutes.route(&random)
      for gone in removes { now[gone] = nil }
      now[name] = new
      #expect(changing.apply(removes: removes, upserts: [NamedRoute(name: name, revision: 1, route: new)]).isEmpty)
      let whole = table(now.map { ($0.key, $0.value) })
      let request = RandomRoutes.request(&random)
      let fields = request.headers.map { "\($0): 1" }
      #expect(
        route(changing, request.method, request.host, request.path, fields)
          == route(whole, request.method, request.host, request.path, fields), "step \(step)")
    }
    #expect(changing.idBound <= 12)
  }
}

struct PlainRequest {
  let method: String
  let host: String
  let path: String
  let headers: [String]
}

enum RandomRoutes {
  static func route(_ random: inout SeededRandom) -> HTTPRoute {
    let hosts = [[], ["a.b"], ["*.b"], ["*.a.b"], ["a.b", "c"], ["x.a.b"]][random.below(6)]
    var route = forward(hosts: hosts, created: UInt64(random.below(4)))
    route.matches = (0..<random.below(3)).map { _ in match(&random) }
    return route
  }

  private static func match(_ random: inout SeededRandom) -> HTTPMatch {
    let paths: [PathMatch?] = [nil, .exact("/x"), .exact("/x/y"), .prefix("/"), .prefix("/x"), .prefix("/x/y/"), .regex("/x/?.*")]
    let headers = [[], ["h"], ["h", "g"]][random.below(3)]
    return HTTPMatch(
      path: paths[random.below(paths.count)], method: [nil, nil, "GET", "POST"][random.below(4)],
      headers: headers.map { FieldMatch(name: $0, value: .present) })
  }

  static func request(_ random: inout SeededRandom) -> PlainRequest {
    PlainRequest(
      method: ["GET", "POST"][random.below(2)], host: ["a.b", "x.a.b", "c", "q.b", "z"][random.below(5)],
      path: ["/", "/x", "/x/", "/x/y", "/x/y/z", "/xy"][random.below(6)], headers: [[], ["h"], ["g", "h"]][random.below(3)])
  }
}

/// Gateway API's words, one after the other, over all routes.
enum PlainReading {
  static func first(of routes: [(String, HTTPRoute)], _ request: PlainRequest) -> String {
    var best: (rank: [Int], name: String)?
    for (name, route) in routes {
      for host in route.hosts.isEmpty ? [nil] : route.hosts.map({ $0 }) {
        guard let hostRank = rank(host, request.host) else { continue }
        for match in route.matches.isEmpty ? [HTTPMatch()] : route.matches {
          guard let pathRank = rank(match.path, request.path), match.method ?? request.method == request.method,
            match.headers.allSatisfy({ request.headers.contains($0.name) })
          else { continue }
          let rank =
            hostRank + pathRank + [match.method == nil ? 0 : 1, match.headers.count, -Int(route.created)]
          if best == nil || best!.rank.lexicographicallyPrecedes(rank) || (best!.rank == rank && name < best!.name) {
            best = (rank, name)
          }
        }
      }
    }
    return best?.name ?? "none"
  }

  private static func rank(_ host: HostPattern?, _ actual: String) -> [Int]? {
    switch host {
    case .exact(let name): name == actual ? [2, name.utf8.count] : nil
    case .wildcard(let suffix): actual.hasSuffix("." + suffix) ? [1, suffix.utf8.count] : nil
    case nil: [0, 0]
    }
  }

  private static func rank(_ path: PathMatch?, _ actual: String) -> [Int]? {
    switch path {
    case .exact(let text): return text == actual ? [2, 0] : nil
    case .regex(let text): return actual.hasPrefix("/x") ? [1, text.utf8.count] : nil
    case .prefix, nil:
      var text = ""
      if case .prefix(let prefix)? = path { text = prefix.hasSuffix("/") ? String(prefix.dropLast()) : prefix }
      return actual == text || actual.hasPrefix(text + "/") ? [0, text.utf8.count] : nil
    }
  }
}
