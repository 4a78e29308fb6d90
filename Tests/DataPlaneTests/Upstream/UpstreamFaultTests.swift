import Testing

@testable import DataPlane

/// What services do wrong, and what becomes of the request.
@Suite struct UpstreamFaultTests {
  @Test(arguments: [
    ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    ("length and coding", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("no status", "HELLO\r\n\r\n"),
    ("nine interims", String(repeating: "HTTP/1.1 103 Early\r\n\r\n", count: 9) + ForwardingTests.hello),
    ("switching", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ("204 with a body", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"),
    ("large head", "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 66_000) + "\r\n\r\n"),
    ("split by a bare feed", "HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: evil\r\nContent-Length: 0\r\n\r\n"),
    ("control in reason", "HTTP/1.1 200 O\u{1}K\r\nContent-Length: 0\r\n\r\n"),
  ])
  func brokenAnswerIs502(_ title: String, _ answer: String) throws {  // items 32 and 33
    let server = try ScriptedServer.answering(answer)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    let text = try connection.read { $0.contains("HTTP/1.1 502") && $0.contains("\r\n\r\nthe service") }.text
    #expect(text.contains("heddle-error: upstream-protocol"), "\(title): \(text)")
  }

  /// After each of these the connection is used no more: what comes behind is nobody's answer.
  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nEVIL", "HTTP/1.1 204 No Content\r\n\r\nEVIL",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
  ])
  func theConnectionOfABrokenAnswerIsNotUsedAgain(_ answer: String) throws {  // item 32
    let server = try ScriptedServer { connection, server, number in
      while try !server.readRequest(connection).isEmpty {
        try connection.send(number == 0 ? answer : ForwardingTests.hello)
      }
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let caller = try proxy.connect()
    try caller.send("GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
    let broken = try caller.readToEnd()
    #expect(!broken.contains("EVIL") && !broken.contains("\r\n0\r\n"), "\(broken)")
    for _ in 0..<3 { #expect(try proxy.get("web").body == "hello") }
    #expect(server.connections == 2)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
  ])
  func cutAnswerNeverLooksWhole(_ answer: String) throws {  // item 34
    let server = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      try connection.send(answer)
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    #expect(try proxy.get("web").isWhole == false)
  }

  @Test func closeDelimitedAnswerIsWhole() throws {
    let server = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      try connection.send("HTTP/1.1 200 OK\r\n\r\nuntil the end")
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let answer = try proxy.get("web")
    #expect(answer.isWhole)
    #expect(answer.body.contains("until the end"))
  }

  @Test func reusedConnectionThatClosesIsNoFaultOfTheRequest() throws {
    let server = try ScriptedServer { connection, server, _ in
      // One answer per connection, then a close without a word: the classic keep-alive race.
      _ = try server.readRequest(connection)
      try connection.send(ForwardingTests.hello)
      _ = try server.readRequest(connection)
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    for _ in 0..<5 {
      try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
      #expect(try connection.readAnswer().body == "hello")
    }
    #expect(server.connections == 5)
    let facts = try proxy.collect(ticket: 1)
    #expect(facts.retries.map(\.count).reduce(0, +) == 4)
    #expect(facts.requests.map(\.count).reduce(0, +) == 5)
  }

  @Test func sendingAgainIsBoundedByItsBudget() throws {
    // Every connection answers once and then closes without a word, so each further request needs one more send.
    let server = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      try connection.send(ForwardingTests.hello)
      _ = try server.readRequest(connection)
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    var failed = 0
    for _ in 0..<300 {
      try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
      if try connection.readAnswer().status == 502 { failed += 1 }
    }
    #expect(failed > 0, "100 in reserve and one in five of the answered: 300 are too many")
    let facts = try proxy.collect(ticket: 1)
    #expect(facts.retries.contains { $0.reason == .budget && $0.count == UInt64(failed) })
  }

  @Test func unsafeRequestIsNotSentTwice() throws {
    let server = try ScriptedServer { connection, server, number in
      _ = try server.readRequest(connection)
      try connection.send(ForwardingTests.hello)
      if number == 0 { _ = try server.readRequest(connection) }  // swallows the POST and closes
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    #expect(try connection.readAnswer().status == 200)
    try connection.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 1\r\n\r\nx")
    let answer = try connection.readAnswer()
    #expect(answer.status == 502 && answer.field("heddle-error") == "upstream-reset")
    #expect(answer.field("l5d-retryable") == nil)
    #expect(server.requests.filter { $0.hasPrefix("POST") }.count == 1)
  }

  @Test func refusedEndpointIsAnsweredAtOnceAndThenSpared() throws {  // item 87
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/1")
    // Sent in one piece: the second is looked at in the turn that answered the first, before any pause can be over.
    let request = "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
    let connection = try proxy.connect()
    try connection.send(request + request)
    let text = try connection.read { $0.components(after: "\r\n\r\n").filter { !$0.isEmpty }.count == 2 }.text
    let second = try #require(text.ranges(of: "HTTP/1.1 503 ").first?.lowerBound)
    let answers = (RawAnswer(cut: String(text[..<second]), closed: false), RawAnswer(cut: String(text[second...]), closed: false))
    #expect(answers.0.status == 502 && answers.0.field("heddle-error") == "connect-failed")
    #expect(answers.0.field("l5d-retryable") == "true")
    #expect(answers.1.status == 503 && answers.1.field("heddle-error") == "no-endpoints")
  }

  /// The caller waits for leave to send, the service has no use for the body: nobody waits for the other.
  @Test func aFinalAnswerInsteadOfContinueIsPassedOn() throws {  // item 28
    let server = try ScriptedServer { connection, server, _ in
      _ = try connection.read { $0.contains("\r\n\r\n") }
      try connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
      _ = try connection.readToEnd()
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let caller = try proxy.connect()
    try caller.send("PUT / HTTP/1.1\r\nHost: web\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    let text = try caller.readToEnd()  // the body that never came would be the next request: the connection ends
    #expect(text.hasPrefix("HTTP/1.1 403 ") && text.hasSuffix("\r\n\r\nno"), "\(text)")
    try wait { try proxy.gauges().requestsInFlight == 0 }
  }

  @Test func earlyAnswerClosesAfterDrainingTheBody() throws {  // item 29
    let server = try ScriptedServer { connection, server, _ in
      _ = try connection.read { $0.contains("\r\n\r\n") }
      try connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
      _ = try connection.readToEnd()
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 1000\r\n\r\nbeginning")
    let answer = try connection.readAnswer()
    #expect(answer.status == 403 && answer.body == "no")
    #expect(answer.field("connection") == "close")
    try connection.send(String(repeating: "x", count: 991))
    #expect(try connection.readToEnd().isEmpty)
  }
}
