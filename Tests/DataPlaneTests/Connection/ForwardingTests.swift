import Testing

@testable import DataPlane

/// A request's way through the data path, with real sockets on loopback.
@Suite struct ForwardingTests {
  static let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

  @Test func requestReachesTheServiceAndItsAnswerTheCaller() throws {
    let server = try ScriptedServer.answering(Self.hello)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let answer = try proxy.get("Web.:8080", path: "/a%2fb/..//c?q=%zz", fields: "X-One:  1 \r\nCookie: a\r\n")
    #expect(answer.status == 200)
    #expect(answer.body == "hello")
    let request = try #require(server.requests.first)
    #expect(request.hasPrefix("GET /a%2fb/..//c?q=%zz HTTP/1.1\r\n"))
    #expect(RawAnswer.field("host", in: request) == "Web.:8080")
    #expect(RawAnswer.field("cookie", in: request) == "a")
    #expect(RawAnswer.field("l5d-dst-service", in: request) == "/svc/web")
    #expect(RawAnswer.field("l5d-dst-client", in: request) == "/$/inet/127.0.0.1/\(server.port)")
    #expect(RawAnswer.field("via", in: request) == "1.1 heddle")
    #expect(RawAnswer.field("l5d-reqid", in: request)?.count == 16)
  }

  @Test func connectionsAreKeptOnBothSides() throws {
    let server = try ScriptedServer.answering(Self.hello)
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    for _ in 0..<50 {
      try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
      #expect(try connection.readAnswer().body == "hello")
    }
    #expect(server.connections == 1)
  }

  @Test func pipelinedRequestsAreAnsweredInOrder() throws {
    let server = try ScriptedServer { connection, server, _ in
      while true {
        let request = try server.readRequest(connection)
        if request.isEmpty { return }
        let path = String(request.split(separator: " ")[1])
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
      }
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    let count = 1000  // item 26
    try connection.send((0..<count).map { "GET /\($0) HTTP/1.1\r\nHost: web\r\n\r\n" }.joined())
    let (text, _) = try connection.read { $0.hasSuffix("/\(count - 1)") }
    let bodies = text.components(after: "\r\n\r\n")
    #expect(bodies == (0..<count).map { "/\($0)" })
  }

  @Test func absoluteFormGoesToItsOwnHost() throws {
    let server = try ScriptedServer.answering(Self.hello)
    let proxy = try ProxyHarness(dtab: "/svc/users => /$/inet/127.0.0.1/\(server.port)")
    let answer = try proxy.send("GET http://users/x?y=1 HTTP/1.1\r\nHost: elsewhere\r\nProxy-Connection: keep-alive\r\n\r\n")
    #expect(answer.status == 200)
    let request = try #require(server.requests.first)
    #expect(request.hasPrefix("GET /x?y=1 HTTP/1.1\r\n"))
    #expect(RawAnswer.field("host", in: request) == "users")
    #expect(RawAnswer.field("proxy-connection", in: request) == nil)
  }

  @Test func bodiesStreamBothWaysInChunksAndByLength() throws {
    let server = try ScriptedServer { connection, server, _ in
      while true {
        let request = try server.readRequest(connection)
        if request.isEmpty { return }
        try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n")
      }
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send(
      "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwiki\r\n5\r\npedia\r\n0\r\nX-Check: 1\r\nHost: evil\r\n\r\n")
    let answer = try connection.readAnswer()
    #expect(answer.status == 200)
    #expect(answer.body.contains("abc") && answer.body.contains("de"))
    #expect(answer.body.lowercased().contains("x-sum: 5"))
    let request = try #require(server.requests.first)
    #expect(request.contains("wiki") && request.contains("pedia"))
    #expect(request.lowercased().contains("x-check: 1"))
    #expect(!request.contains("evil"))  // item 10: a trailer never becomes a head's field
    try connection.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\n\r\n12345")
    #expect(try connection.readAnswer().status == 200)
    #expect(server.requests.last?.hasSuffix("12345") == true)
    #expect(server.connections == 1)
  }

  @Test func largeBodyPassesUnderBackPressure() throws {
    let size = 8 * 1024 * 1024
    let server = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
      try connection.send([UInt8](repeating: 0x61, count: size))
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send("GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
    #expect(try connection.count(upTo: size + 1_000) > size)
  }

  @Test func largeUploadPassesUnderBackPressure() throws {
    let size = 8 * 1024 * 1024
    let server = try ScriptedServer { connection, server, _ in
      let total = try connection.count(upTo: size)
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\(total >= size ? "ok" : "no")")
      _ = try connection.readToEnd()
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: \(size)\r\n\r\n")
    try connection.send([UInt8](repeating: 0x62, count: size))
    #expect(try connection.readAnswer().body == "ok")
  }

  @Test func headAnswersHaveNoBodyAndTheConnectionGoesOn() throws {
    let server = try ScriptedServer { connection, server, _ in
      while true {
        let request = try server.readRequest(connection)
        if request.isEmpty { return }
        try connection.send(
          request.hasPrefix("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" : ForwardingTests.hello)
      }
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send("HEAD / HTTP/1.1\r\nHost: web\r\n\r\n")
    let head = try connection.read { $0.hasSuffix("\r\n\r\n") }.text
    #expect(head.lowercased().contains("content-length: 999"))
    try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    #expect(try connection.readAnswer().body == "hello")
  }

  @Test func continueIsPassedOn() throws {  // item 28
    let server = try ScriptedServer { connection, server, _ in
      let head = try connection.read { $0.hasSuffix("\r\n\r\n") }.text
      #expect(RawAnswer.field("expect", in: head) == "100-continue")
      try connection.send("HTTP/1.1 100 Continue\r\n\r\n")
      let body = try connection.read { $0.count == 4 }.text
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\(body)")
      _ = try connection.readToEnd()
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send("PUT / HTTP/1.1\r\nHost: web\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    #expect(try connection.read { $0.hasSuffix("\r\n\r\n") }.text.hasPrefix("HTTP/1.1 100"))
    try connection.send("data")
    #expect(try connection.readAnswer().body == "data")
  }

  @Test func oldClientsGetACloseDelimitedBody() throws {
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let connection = try proxy.connect()
    try connection.send("GET / HTTP/1.0\r\nHost: web\r\n\r\n")
    let text = try connection.readToEnd()
    #expect(text.hasSuffix("\r\n\r\nabc"))
    #expect(!text.lowercased().contains("transfer-encoding"))
  }

  @Test func hopByHopFieldsEndHere() throws {
    let server = try ScriptedServer.answering(
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Stays: 1\r\n\r\nok")
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let answer = try proxy.get(
      "web", fields: "Connection: X-Gone, l5d-x, host\r\nX-Gone: 1\r\nl5d-x: 1\r\nTE: trailers\r\nUpgrade: h2c\r\nX-Kept: 1\r\n")
    #expect(answer.field("x-hop") == nil && answer.field("keep-alive") == nil)
    #expect(answer.field("x-stays") == "1")
    let request = try #require(server.requests.first)
    #expect(RawAnswer.field("x-gone", in: request) == nil)
    #expect(RawAnswer.field("te", in: request) == nil)
    #expect(RawAnswer.field("upgrade", in: request) == nil)  // item 30
    #expect(RawAnswer.field("l5d-x", in: request) == "1")  // item 80: Connection cannot hide it
    #expect(RawAnswer.field("host", in: request) == "web")
    #expect(RawAnswer.field("x-kept", in: request) == "1")
  }
}

extension String {
  /// What stands behind each separator up to the next status line.
  func components(after separator: String) -> [String] {
    var parts: [String] = []
    var rest = self[...]
    while let found = rest.firstRange(of: separator) {
      rest = rest[found.upperBound...]
      let end = rest.firstRange(of: "HTTP/1.1 ")?.lowerBound ?? rest.endIndex
      parts.append(String(rest[..<end]))
    }
    return parts
  }
}
