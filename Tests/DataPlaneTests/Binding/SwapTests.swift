import MeshProtocol
import Synchronization
import Testing
import Traffic

@testable import DataPlane

/// Tables and endpoints change under requests.
@Suite struct SwapTests {
  private func service(_ name: String) throws -> ScriptedServer {
    try ScriptedServer.saying(name)
  }

  private func set(_ name: String, version: UInt64, _ ports: [UInt16], state: NameState = .bound) throws -> EndpointSet {
    EndpointSet(
      name: try Path(parsing: name), version: version, state: state,
      endpoints: ports.map { Endpoint(address: .loopback(port: $0), text: "127.0.0.1:\($0)") })
  }

  @Test func newTableRoutesTheNextRequest() throws {
    let (one, two) = (try service("one"), try service("two"))
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(one.port) ; /svc/other => /$/inet/127.0.0.1/\(one.port)")
    let connection = try proxy.connect()
    for generation: UInt64 in 2...20 {
      let target = generation % 2 == 0 ? two : one
      try proxy.run(
        "/svc/web => /$/inet/127.0.0.1/\(target.port) ; /svc/other => /$/inet/127.0.0.1/\(one.port)", generation: generation,
        changed: [try Prefix(parsing: "/svc/web")])
      try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
      #expect(try connection.readAnswer().body == (generation % 2 == 0 ? "two" : "one"))
      #expect(try proxy.get("other").body == "one")
    }
  }

  @Test func requestsWaitForAConcreteNamesFirstAnswer() throws {
    let server = try service("late")
    let proxy = try ProxyHarness(dtab: "/svc => /#/registry")
    let connection = try proxy.connect()
    try connection.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\nabc")
    try proxy.wait { notices in
      notices.contains { if case .wants(_, let name) = $0 { name.description == "/#/registry/web" } else { false } }
    }
    proxy.worker.send(.endpoints(try set("/#/registry/web", version: 1, [server.port])))
    #expect(try connection.readAnswer().body == "late")
    #expect(server.requests.first?.hasSuffix("abc") == true)
  }

  @Test func nobodyAnswersWithinTheBindingTime() throws {
    var limits = ProxyLimits.patient
    limits.binding = .milliseconds(30)
    let proxy = try ProxyHarness(dtab: "/svc => /#/registry", limits: limits)
    let answer = try proxy.get("web")
    #expect(answer.status == 503 && answer.field("heddle-error") == "binding-timeout")
    #expect(answer.field("l5d-retryable") == "true")
    // The head that waited is gone, and the connection serves the next request.
    let connection = try proxy.connect()
    try connection.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 2\r\n\r\nab")
    #expect(try connection.readAnswer().status == 503)
    try connection.send("GET / HTTP/1.1\r\nHost: 1.2.3.4.5:x\r\n\r\n")
    #expect(try connection.readAnswer().status == 400)
  }

  @Test func endpointsGetRequestsByWeight() throws {
    let (one, two) = (try service("one"), try service("two"))
    let proxy = try ProxyHarness(dtab: "/svc => /#/registry")
    proxy.answerWants(
      EndpointSet(
        name: try Path(parsing: "/#/registry/web"), version: 1, state: .bound,
        endpoints: [
          Endpoint(address: .loopback(port: one.port), text: "a", weight: 3),
          Endpoint(address: .loopback(port: two.port), text: "b", weight: 1),
        ]))
    let connection = try proxy.connect()
    for _ in 0..<400 {
      try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
      _ = try connection.readAnswer()
    }
    #expect((250...350).contains(one.requests.count))
  }

  @Test func requestTimeoutEndsASlowAnswer() throws {
    let server = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      _ = try connection.readToEnd()
    }
    var limits = ProxyLimits.patient
    limits.request = .milliseconds(50)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)", limits: limits)
    let answer = try proxy.get("web")
    #expect(answer.status == 504 && answer.field("heddle-error") == "timeout")
  }

  @Test func negativeNamesFallThroughAndEmptyOnesDoNot() throws {
    let server = try service("fallback")
    let proxy = try ProxyHarness(dtab: "/svc => /#/registry/none | /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    try proxy.wait { $0.contains { if case .wants = $0 { true } else { false } } }
    proxy.worker.send(.endpoints(try set("/#/registry/none", version: 1, [], state: .negative)))
    #expect(try connection.readAnswer().body == "fallback")
  }

  @Test func weightsAreExactOver10000Requests() throws {
    let (one, two) = (try service("one"), try service("two"))
    let proxy = try ProxyHarness(
      dtab: "/svc/web => 90 * /$/inet/127.0.0.1/\(one.port) & 10 * /$/inet/127.0.0.1/\(two.port)")
    let connection = try proxy.connect()
    let count = 10_000
    for _ in 0..<(count / 100) {
      try connection.send(String(repeating: "GET / HTTP/1.1\r\nHost: web\r\n\r\n", count: 100))
      _ = try connection.read { $0.count > 0 && $0.components(after: "\r\n\r\n").filter { !$0.isEmpty }.count >= 100 }
    }
    #expect(abs(two.requests.count - count / 10) <= 10)
    #expect(one.requests.count + two.requests.count == count)
  }

  @Test func ownDentriesOfARequestWinAndTravelOn() throws {
    let (one, two) = (try service("one"), try service("two"))
    let proxy = try ProxyHarness(dtab: "/a => /$/inet/127.0.0.1/\(one.port) ; /b => /#/registry/b ; /svc/web => /a")
    proxy.answerWants(try set("/#/registry/b", version: 1, [two.port]))
    #expect(try proxy.get("web").body == "one")
    for _ in 0..<3 { #expect(try proxy.get("web", fields: "l5d-dtab: /svc/web => /b\r\n").body == "two") }
    #expect(RawAnswer.field("l5d-ctx-dtab", in: try #require(two.requests.first)) == "/svc/web=>/b")
    #expect(RawAnswer.field("l5d-dtab", in: try #require(two.requests.first)) == nil)
    #expect(try proxy.get("web").body == "one")
  }

  /// Only the namer knows where its name ends.
  @Test func whatANamerLeavesOfANameIsResidual() throws {
    let server = try service("one")
    let proxy = try ProxyHarness(dtab: "/svc => /#/io.l5d.marathon/apps ; /svc/e => /svc/p/svc/e")
    proxy.answerWants(
      EndpointSet(
        name: try Path(parsing: "/#/io.l5d.marathon/apps/p/svc/e"), version: 1, state: .bound,
        id: "/#/io.l5d.marathon/apps/p", residual: try Path(parsing: "/svc/e"),
        endpoints: [Endpoint(address: .loopback(port: server.port), text: "a")]))
    #expect(try proxy.get("e").body == "one")
    let sent = try #require(server.requests.first)
    #expect(RawAnswer.field("l5d-dst-client", in: sent) == "/#/io.l5d.marathon/apps/p")
    #expect(RawAnswer.field("l5d-dst-residual", in: sent) == "/svc/e")
  }

  @Test func factsNameServiceBackendAndClass() throws {
    let server = try ScriptedServer.answering("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    #expect(try proxy.get("web").status == 500)
    #expect(try proxy.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 0\r\n\r\n").status == 500)
    let facts = try proxy.collect(ticket: 7)
    #expect(Set(facts.requests.map(\.responseClass)) == [.retryable, .failure])
    #expect(facts.requests.allSatisfy { $0.service == "/svc/web" && $0.count == 1 })
    #expect(facts.attempts.allSatisfy { $0.endpoint == "127.0.0.1:\(server.port)" && $0.tryKind == .first })
  }

  @Test func drainFinishesWhatRunsAndCloses() throws {
    let isFree = Mutex(false)
    let server = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      try wait { isFree.withLock { $0 } }
      try connection.send(ForwardingTests.hello)
      _ = try connection.readToEnd()
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let (busy, idle) = (try proxy.connect(), try proxy.connect())
    try busy.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    try wait { !server.requests.isEmpty }
    proxy.worker.send(.drain(grace: .seconds(10)))
    _ = try proxy.gauges()  // it drains now
    isFree.withLock { $0 = true }
    let answer = try busy.readAnswer()
    #expect(answer.status == 200 && answer.field("connection") == "close")
    #expect(try idle.readToEnd().isEmpty)
    try proxy.wait { $0.contains { if case .drained = $0 { true } else { false } } }
  }
}
