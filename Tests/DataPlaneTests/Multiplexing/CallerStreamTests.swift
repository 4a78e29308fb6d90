import HTTP2
import TestSupport
import Testing

@testable import DataPlane

/// Requests of callers that speak HTTP/2, as the service sees them, and its answers, as they see those.
@Suite struct CallerStreamTests {
  private static func service(_ answer: String) throws -> ScriptedServer { try ScriptedServer.answering(answer) }

  @Test func aGetAndItsAnswer() throws {
    let service = try ScriptedServer.saying("hello")
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask("/a?b", headers: [("x-own", "1"), ("cookie", "a=1"), ("cookie", "b=2")])
    caller.finish(stream)
    #expect(caller.status[stream] == "200" && caller.text(stream) == "hello")
    #expect(caller.heads[stream]?["content-length"] == "5")
    #expect(caller.closed[stream] == .noError)
    let request = try #require(service.requests.first)
    #expect(request.hasPrefix("GET /a?b HTTP/1.1\r\n"))
    #expect(RawAnswer.field("host", in: request) == "web")
    #expect(RawAnswer.field("x-own", in: request) == "1")
    #expect(RawAnswer.field("cookie", in: request) == "a=1; b=2")
    #expect(RawAnswer.field("transfer-encoding", in: request) == nil)
  }

  @Test(arguments: [true, false]) func aPostWithAndWithoutALength(_ hasLength: Bool) throws {
    let service = try ScriptedServer.saying("taken")
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask("/", "POST", headers: hasLength ? [("content-length", "7")] : [], body: bytes("payload"))
    caller.finish(stream)
    #expect(caller.status[stream] == "200" && caller.text(stream) == "taken")
    let request = try #require(service.requests.first)
    #expect(RawAnswer.field("content-length", in: request) == (hasLength ? "7" : nil))
    #expect(RawAnswer.field("transfer-encoding", in: request) == (hasLength ? nil : "chunked"))
    #expect(request.hasSuffix(hasLength ? "\r\n\r\npayload" : "\r\n\r\n7\r\npayload\r\n0\r\n\r\n"))
  }

  @Test func aPostWithoutAByte() throws {
    let service = try ScriptedServer.saying("taken")
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let (ended, empty) = (caller.ask("/1", "POST"), caller.ask("/2", "POST", headers: [("content-length", "0")], body: []))
    caller.finish(ended, empty)
    #expect(caller.text(ended) == "taken" && caller.text(empty) == "taken")
  }

  @Test func trailersTravelBothWays() throws {
    let service = try Self.service(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-down\r\n\r\n4\r\ndown\r\n0\r\nX-Down: 2\r\n\r\n")
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask("/", "POST", body: bytes("up"), staysOpen: true)
    caller.session.submitTrailers(stream, ["x-up": "1"])
    caller.finish(stream)
    #expect(caller.text(stream) == "down")
    #expect(caller.trailers[stream]?.fields.map(\.value) == ["2"])
    #expect(caller.trailers[stream]?["x-down"] == "2")
    #expect(try #require(service.requests.first).hasSuffix("\r\n\r\n2\r\nup\r\n0\r\nx-up: 1\r\n\r\n"))
  }

  struct AnswerCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var method = "GET"
    var answer: String
    var status: String
    var body = ""
    /// What the caller gets of the head; nil: not there.
    var fields: [String: String?] = [:]
  }

  @Test(arguments: [
    AnswerCase(
      testDescription: "chunks", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
      status: "200", body: "abcde", fields: ["transfer-encoding": nil, "content-length": nil]),
    AnswerCase(
      testDescription: "HEAD", method: "HEAD", answer: "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", status: "200",
      fields: ["content-length": "99"]),
    AnswerCase(testDescription: "204", answer: "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", status: "204", fields: ["x-a": "b"]),
    AnswerCase(
      testDescription: "304", answer: "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 99\r\n\r\n", status: "304",
      fields: ["etag": "\"1\""]),
    AnswerCase(testDescription: "no byte", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", status: "200"),
    AnswerCase(
      testDescription: "no byte in chunks", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", status: "200"),
    AnswerCase(
      testDescription: "fields of the connection",
      answer:
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, x-hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\n\r\nok",
      status: "200", body: "ok", fields: ["connection": nil, "keep-alive": nil, "x-hop": nil]),
  ]) func answers(_ example: AnswerCase) throws {
    let service = try Self.service(example.answer)
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let (stream, next) = (caller.ask("/1", example.method), caller.ask("/2", example.method))
    caller.finish(stream, next)
    for stream in [stream, next] {
      #expect(caller.status[stream] == example.status)
      #expect(caller.text(stream) == example.body)
      #expect(caller.closed[stream] == .noError)
      for (name, value) in example.fields { #expect(caller.heads[stream]?[name] == value) }
    }
    #expect(caller.goAways.isEmpty)
  }

  @Test func aBodyUntilTheCloseIsWhole() throws {
    let service = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      try connection.send("HTTP/1.1 200 OK\r\n\r\nuntil the close")
    }
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask()
    caller.finish(stream)
    #expect(caller.text(stream) == "until the close" && caller.closed[stream] == .noError)
  }

  @Test func interimAnswersComeFirst() throws {
    let service = try Self.service(
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask()
    caller.finish(stream)
    #expect(caller.interims[stream]?.map { $0[":status"] } == ["103"])
    #expect(caller.interims[stream]?.first?["link"] == "</a>")
    #expect(caller.status[stream] == "200" && caller.text(stream) == "ok")
  }

  /// The body is sent only when the service has said that it wants it.
  @Test func aCallerMayWaitFor100() throws {
    let service = try ScriptedServer { connection, server, _ in
      let head = try connection.read { $0.contains("\r\n\r\n") }.text
      guard head.contains("100-continue") else { return }
      try connection.send("HTTP/1.1 100 Continue\r\n\r\n")
      let body = try connection.read { $0.hasSuffix("payload") }.text
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask("/", "POST", headers: [("expect", "100-continue"), ("content-length", "7")], staysOpen: true)
    caller.run { caller.interims[stream] != nil }
    #expect(caller.interims[stream]?.map { $0[":status"] } == ["100"])
    #expect(caller.status[stream] == nil)
    caller.session.send(stream, bytes("payload"), endStream: true)
    caller.finish(stream)
    #expect(caller.text(stream) == "payload")
  }

  @Test func aHundredStreamsAtOnce() throws {
    let service = try ScriptedServer { connection, server, _ in
      while true {
        let request = try server.readRequest(connection)
        if request.isEmpty { return }
        try server.awaitRelease()
        let path = String(request.split(separator: " ")[1])
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
      }
    }
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let streams = (0..<100).map { (caller.ask("/\($0)"), "/\($0)") }
    caller.run { service.requests.count == 100 }
    let open = try proxy.gauges()
    #expect(open.requestsInFlight == 100 && open.downstreamConnections == 1)
    service.release()
    caller.run { streams.allSatisfy { caller.isOver($0.0) } }
    for (stream, path) in streams { #expect(caller.text(stream) == path) }
    try proxy.waitUntilQuiet(callers: 1)
  }

  @Test(arguments: [true, false]) func fourMegabytesBothWays(_ hasLength: Bool) throws {
    let size = 4 << 20
    let service = try ScriptedServer { connection, _, _ in
      var seen: [UInt8] = []
      while true {
        let more = try connection.receive()
        if more.isEmpty { return }
        seen += more
        let isWhole = hasLength ? seen.count >= size && seen[(seen.count - 4)...].elementsEqual(bytes("tail")) : seen.suffix(5) == bytes("0\r\n\r\n")
        if isWhole { break }
      }
      let whole = hasLength ? Array(seen.suffix(size)) : dechunked(seen)
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(whole.count)\r\n\r\n")
      try connection.send(whole)
    }
    let body = (0..<(size - 4)).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9) } + bytes("tail")
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask("/", "POST", headers: hasLength ? [("content-length", String(size))] : [], body: body)
    caller.finish(stream)
    #expect(caller.status[stream] == "200" && caller.closed[stream] == .noError)
    #expect(caller.bodies[stream] == body)
  }
}

/// The data of a body in chunks behind a head.
private func dechunked(_ message: [UInt8]) -> [UInt8] {
  var (data, at): ([UInt8], Int) = ([], 0)
  while !message[at...].starts(with: bytes("\r\n\r\n")) { at += 1 }
  at += 4
  while at < message.count, let end = message[at...].firstIndex(of: 0x0d) {
    let size = Int(text(Array(message[at..<end])), radix: 16) ?? 0
    if size == 0 { break }
    data += message[(end + 2)..<(end + 2 + size)]
    at = end + 4 + size
  }
  return data
}
