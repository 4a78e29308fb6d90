import Testing
import Traffic

@testable import DataPlane

/// Bad requests on the wire: each is answered and closed, and nothing of it reaches a service (bad-inputs 1–31). The parser's own
/// tests try every variant; these show that the proxy acts on them.
@Suite struct BadRequestTests {
  @Test(arguments: [
    ("1 both lengths", "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("2 two lengths", "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    ("3 two equal lengths", "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    ("4 signed length", "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: +5\r\n\r\nhello", 400),
    ("5 unknown coding", "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
    ("6 coding in 1.0", "POST / HTTP/1.0\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("4 length of 20 digits", "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 99999999999999999999\r\n\r\nhello", 400),
    ("5 chunked twice", "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    ("11 bare CR", "GET / HTTP/1.1\r\nHost: web\r\nX: a\rb\r\n\r\n", 400),
    ("12 bare LF", "GET / HTTP/1.1\nHost: web\n\n", 400),
    ("13 folded line", "GET / HTTP/1.1\r\nHost: web\r\nX: a\r\n b\r\n\r\n", 400),
    ("14 space before colon", "GET / HTTP/1.1\r\nHost : web\r\n\r\n", 400),
    ("15 empty name", "GET / HTTP/1.1\r\nHost: web\r\n: x\r\n\r\n", 400),
    ("16 NUL", "GET / HTTP/1.1\r\nHost: web\r\nX: a\0b\r\n\r\n", 400),
    ("17 name", "GET / HTTP/1.1\r\nHost: web\r\nX(y): a\r\n\r\n", 400),
    ("19 many fields", "GET / HTTP/1.1\r\nHost: web\r\n" + String(repeating: "A: b\r\n", count: 101) + "\r\n", 431),
    ("19 large head", "GET / HTTP/1.1\r\nHost: web\r\nX: " + String(repeating: "x", count: 62_000) + "\r\n\r\n", 431),
    ("20 long target", "GET /" + String(repeating: "a", count: 9000) + " HTTP/1.1\r\nHost: web\r\n\r\n", 414),
    ("21 no token", "G(T / HTTP/1.1\r\nHost: web\r\n\r\n", 400),
    ("21 long method", String(repeating: "A", count: 33) + " / HTTP/1.1\r\nHost: web\r\n\r\n", 501),
    ("22 empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ("22 no host", "GET / HTTP/1.1\r\n\r\n", 400),
    ("22 two hosts", "GET / HTTP/1.1\r\nHost: web\r\nHost: web\r\n\r\n", 400),
    ("24 userinfo", "GET / HTTP/1.1\r\nHost: a@web\r\n\r\n", 400),
    ("24 port", "GET / HTTP/1.1\r\nHost: web:65536\r\n\r\n", 400),
    ("25 CONNECT", "CONNECT web:443 HTTP/1.1\r\nHost: web:443\r\n\r\n", 405),
    ("31 HTTP/0.9", "GET /\r\n", 400),
    ("31 HTTP/2.0", "GET / HTTP/2.0\r\nHost: web\r\n\r\n", 505),
    ("31 HTTP/1.9", "GET / HTTP/1.9\r\nHost: web\r\n\r\n", 505),
  ])
  func isRefusedAndNeverForwarded(_ title: String, _ request: String, _ status: Int) throws {
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send(request)
    let text = try connection.readToEnd()
    let answer = RawAnswer(cut: text, closed: true)
    #expect(answer.status == status, "\(title): \(text)")
    #expect(answer.field("connection") == "close")
    #expect(answer.field("heddle-error") == "bad-request")
    #expect(server.requests.isEmpty)
    #expect(try proxy.get("web").status == 200)  // others are unharmed
  }

  @Test(arguments: [
    "zz\r\n", "-1\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "11111111111111111\r\n", "5;x\nhello\r\n0\r\n\r\n",
    "5;" + String(repeating: "x", count: 1025) + "\r\nhello\r\n0\r\n\r\n",
  ])
  func brokenChunksAbortTheUpstream(_ chunks: String) throws {  // items 7 to 9
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send("POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)")
    let text = try connection.readToEnd()
    #expect(RawAnswer(cut: text, closed: true).status == 400)
    #expect(server.requests.allSatisfy { !$0.hasSuffix("0\r\n\r\n") })
  }

  @Test func disguisedNamesAreDroppedAndCounted() throws {  // items 10 and 18
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let answer = try proxy.send(
      "POST / HTTP/1.1\r\nHost: web\r\nl5d_dtab: /svc/web=>/$/nil\r\nX_Forwarded_For: 1.2.3.4\r\nmy_field: 2\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nAuthorization: evil\r\n\r\n")
    #expect(answer.body == "hello")
    let request = try #require(server.requests.first).lowercased()
    #expect(request.contains("my_field: 2") && request.contains("x-sum: 1"))
    for name in ["l5d_dtab", "x_forwarded_for", "authorization"] { #expect(!request.contains(name), "\(request)") }
    let dropped = try proxy.collect(ticket: 1).droppedFields
    #expect(dropped.heads == 2 && dropped.trailers == 1)
    #expect(try proxy.collect(ticket: 2).droppedFields == DroppedFields(), "counted once")
  }

  /// What looks like a request in a body of known length is a body, whatever the method.
  @Test func aRequestInABodyIsABody() throws {  // item 27
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let caller = try proxy.connect()
    let inner = "GET /smuggled HTTP/1.1\r\nHost: web\r\n\r\n"
    for _ in 0..<3 {
      try caller.send("GET /outer HTTP/1.1\r\nHost: web\r\nContent-Length: \(inner.utf8.count)\r\n\r\n\(inner)")
      #expect(try caller.readAnswer().body == "hello")
    }
    #expect(server.requests.count == 3)
    #expect(server.requests.allSatisfy { $0.hasPrefix("GET /outer ") && $0.hasSuffix(inner) })
  }

  @Test func anyTokenIsAMethod() throws {  // item 21
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    for method in ["get", "PROPFIND", "!#$%&'*+-.^_`|~"] {
      #expect(try proxy.send("\(method) / HTTP/1.1\r\nHost: web\r\n\r\n").status == 200)
      #expect(server.requests.last?.hasPrefix("\(method) / HTTP/1.1\r\n") == true)
    }
  }

  @Test func untilAConfigurationComesNamesAreNotSaidToHaveNoRoute() throws {
    let proxy = try ProxyHarness(dtab: "")
    try run(proxy, RoutingTable(generation: 2, rules: RuleIndex(), authorizations: .undecided))
    let early = try proxy.get("web")
    #expect(early.status == 503 && early.field("heddle-error") == "binding-timeout")
    #expect(early.field("l5d-retryable") == "true")
    try run(proxy, RoutingTable(generation: 3, rules: RuleIndex()))
    let late = try proxy.get("web")
    #expect(late.status == 502 && late.field("heddle-error") == "no-route")
  }

  private func run(_ proxy: ProxyHarness, _ table: RoutingTable) throws {
    proxy.worker.send(.run(table))
    try proxy.wait { notices in
      notices.contains { if case .running(_, table.generation) = $0 { true } else { false } }
    }
  }

  @Test func unroutableNamesSayWhy() throws {  // item 78
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/1 ; /svc/loop => /svc/loop")
    let none = try proxy.get("nobody")
    #expect(none.status == 502 && none.field("heddle-error") == "no-route")
    #expect(none.field("l5d-err")?.contains("/svc/nobody") == true)
    let loop = try proxy.get("loop")
    #expect(loop.status == 508 && loop.field("heddle-error") == "naming-loop")
    let bad = try proxy.get("web", fields: "l5d-dtab: /svc/web=>\r\n")
    #expect(bad.status == 400 && bad.field("heddle-error") == "bad-dtab")
    let denied = try proxy.get("web", fields: "l5d-dtab: /svc/web=>/$/inet/127.0.0.1/22\r\n")
    #expect(denied.status == 403 && denied.field("heddle-error") == "override-denied")
    let looped = try proxy.get("web", fields: String(repeating: "Via: 1.1 heddle\r\n", count: 10))
    #expect(looped.status == 508 && looped.field("heddle-error") == "call-loop")
  }

  /// The head's limit comes before the dtab's: nothing of a megabyte is parsed, or reaches a service.
  @Test(arguments: ["l5d-dtab", "l5d-ctx-dtab", "dtab-local"])
  func aMegabyteOfRulesIsTooLargeAHead(_ field: String) throws {
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    let rules = String(repeating: "/svc/a=>/svc/b;", count: (1 << 20) / 15)
    _ = try connection.sendWhatFits(Array("GET / HTTP/1.1\r\nHost: web\r\n\(field): \(rules)\r\n\r\n".utf8))
    let answer = RawAnswer(cut: try connection.readToEnd(), closed: true)
    #expect(answer.status == 431 && answer.field("heddle-error") == "bad-request", "\(answer)")
    #expect(server.requests.isEmpty)
    #expect(try proxy.get("web").status == 200)
  }

  /// No host leads out of its prefix, or to a name that only rules may make.
  @Test(arguments: [
    "..", "../$/inet/127.0.0.1/1", "web/../x", "web%2f..", "\\x2e", "$", "#", "*", "web;/svc/a=>/b", "web|x", "[::1", "a..b",
    "web:99999", String(repeating: "a", count: 300),
  ])
  func hostileHostsAreRefusedOrUnknown(_ host: String) throws {  // item 75
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port) ; /b => /svc/web")
    let answer = try proxy.get(host)
    #expect(answer.status == 400 || answer.status == 502 && answer.field("heddle-error") == "no-route", "\(answer)")
    #expect(server.requests.isEmpty)
    #expect(try proxy.get("WEB.:80").status == 200)
  }

  @Test func silentHeadIsAnswered408() throws {
    var limits = ProxyLimits.patient
    limits.headTime = .milliseconds(50)
    let proxy = try ProxyHarness(dtab: "", limits: limits)
    let connection = try proxy.connect()
    try connection.send("GET / HT")
    #expect(RawAnswer(cut: try connection.readToEnd(), closed: true).status == 408)
  }
}
