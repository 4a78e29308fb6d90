import HTTP2
import Serving
import Synchronization
import SystemIO
import Testing

@Suite struct HTTP1ServerTests {
  @Test func servesAndKeepsTheConnection() throws {
    let running = try RunningServer(handler: echo)
    let client = HTTPClient(address: running.address)
    for index in 0..<5 {
      let answer = try client.send("POST", "/things/\(index)?x=1", body: Array("body \(index)".utf8))
      #expect(answer.status == 200)
      #expect(answer.text == "POST /things/\(index)?x=1 \(running.address) body \(index)")
      #expect(answer.headers["date"] != nil)
    }
    #expect(running.counters.connectionsAccepted.load(ordering: .relaxed) == 1)
  }

  @Test func answersPipelinedRequestsInOrder() throws {
    // Answers come from other threads in any order; the wire keeps the order of the requests.
    let running = try RunningServer(
      handler: ThreadHandler { request in
        HTTPResponse(status: 200, text: "<\(request.path)>")
      })
    let client = try RawClient(to: running.address)
    var requests = ""
    for index in 0..<300 { requests += "GET /\(index) HTTP/1.1\r\nHost: a\r\n\r\n" }
    client.send(requests + "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    let text = client.readAll()
    let order = text.split(separator: "<").dropFirst().map { $0.prefix { $0 != ">" } }
    #expect(order == ((0..<300).map { "/\($0)" } + ["/last"]).map { Substring($0) })
    #expect(text.contains("connection: close"))
    #expect(client.isEnded)
  }

  @Test func readsChunkedBodiesInEverySplit() throws {
    let running = try RunningServer(handler: echo)
    let request = "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n"
    let client = try RawClient(to: running.address)
    for cut in 1..<request.utf8.count {
      let bytes = Array(request.utf8)
      client.send(Array(bytes[..<cut]))
      client.send(Array(bytes[cut...]))
      let seen = client.read { String(decoding: $0, as: UTF8.self).components("PUT /c a abcde") == cut }
      #expect(String(decoding: seen, as: UTF8.self).components("PUT /c a abcde") == cut, "cut at \(cut)")
    }
  }

  @Test func letsAClientSendItsBody() throws {
    let running = try RunningServer(handler: echo)
    let client = try RawClient(to: running.address)
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    #expect(client.readText(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
    client.send("ok")
    #expect(client.readText(until: "POST / a ok").hasSuffix("POST / a ok"))
  }

  @Test func headHasNoBodyAndTheSameLength() throws {
    let running = try RunningServer(handler: echo)
    let client = HTTPClient(address: running.address)
    let answer = try client.send("HEAD", "/x")
    #expect(answer.headers["content-length"] == "\("HEAD /x \(running.address) ".utf8.count)")
    #expect(answer.bytes == [])
    #expect(try client.send("GET", "/x").text == "GET /x \(running.address) ")
  }

  @Test func http10ClosesUnlessAsked() throws {
    let running = try RunningServer(handler: echo)
    let closing = try RawClient(to: running.address)
    closing.send("GET / HTTP/1.0\r\n\r\n")
    #expect(closing.readAll().contains("connection: close"))
    #expect(closing.isEnded)
    let staying = try RawClient(to: running.address)
    staying.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(staying.readText(until: "GET / - ").contains("connection: keep-alive"))
    staying.send("GET /2 HTTP/1.0\r\n\r\n")
    #expect(staying.readAll().hasSuffix("GET /2 - "))
  }

  /// The server's own refusals: problem+json with the status, then the end of the connection.
  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + String(repeating: "x", count: 1001), 413),
    ("GET /" + String(repeating: "a", count: 9000) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "x: y\r\n", count: 200) + "\r\n", 431),
    ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505), ("\u{16}\u{3}\u{1}\u{2}", 400),
  ])
  func refusesWhatBreaksTheRules(request: String, status: Int) throws {
    var limits = ServingLimits.rest
    limits.bodyBytes = 1000
    let running = try RunningServer(limits, handler: echo)
    let client = try RawClient(to: running.address)
    client.send(request)
    let answer = client.readAll()
    #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer.prefix(200))")
    #expect(answer.contains("content-type: application/problem+json"))
    #expect(answer.contains("\"status\":\(status)"))
    #expect(!client.wasReset)
    #expect(running.counters.requestsRefused.load(ordering: .relaxed) == 1)
    #expect(running.counters.requests.load(ordering: .relaxed) == 0)
  }

  @Test func slowHeadsAndBodiesGet408AndIdleConnectionsASilentEnd() throws {
    var limits = ServingLimits.rest
    limits.headTimeout = .milliseconds(50)
    limits.bodyTimeout = .milliseconds(50)
    limits.idleTimeout = .milliseconds(50)
    let running = try RunningServer(limits, handler: echo)
    func said(_ text: String) throws -> String {
      let client = try running.server.whileHeld {
        let client = try RawClient(to: running.address)
        client.send(text)
        return client
      }
      return client.readAll()
    }
    #expect(try said("GET / HTT").hasPrefix("HTTP/1.1 408 "))
    #expect(try said("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").hasPrefix("HTTP/1.1 408 "))
    #expect(try said("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").hasSuffix("GET /1 a "))
    #expect(try RawClient(to: running.address).readAll() == "")
    #expect(running.counters.timeouts.load(ordering: .relaxed) == 3)
  }

  @Test func carriesLargeAnswersToSlowReaders() throws {
    let body = (0..<(8 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
    let running = try RunningServer(handler: DirectHandler { _ in HTTPResponse(status: 200, bytes: body) })
    let answer = try HTTPClient(address: running.address).send("GET", "/")
    #expect(answer.bytes == body)
  }

  @Test func aConnectionAboveTheLimitIsToldSo() throws {
    var limits = ServingLimits.rest
    limits.connections = 2
    let running = try RunningServer(limits, handler: echo)
    let first = HTTPClient(address: running.address)
    let second = HTTPClient(address: running.address)
    _ = try first.send("GET", "/")
    _ = try second.send("GET", "/")
    let third = try RawClient(to: running.address)
    #expect(third.readAll().hasPrefix("HTTP/1.1 503 "))
    #expect(running.counters.connectionsRefused.load(ordering: .relaxed) == 1)
    first.close()
    waitFor { running.counters.connectionsOpen.load(ordering: .relaxed) == 1 }
    #expect(try HTTPClient(address: running.address).send("GET", "/").status == 200)
  }

  @Test func aDroppedResponderIs500AndCounted() throws {
    struct Forgetful: RequestHandler {
      func handle(_ request: HTTPRequest, _ respond: Responder) {}
    }
    let running = try RunningServer(handler: Forgetful())
    #expect(try HTTPClient(address: running.address).send("GET", "/").status == 500)
    #expect(running.counters.respondersDropped.load(ordering: .relaxed) == 1)
  }

  @Test func aSecondAnswerChangesNothing() throws {
    struct Twice: RequestHandler {
      func handle(_ request: HTTPRequest, _ respond: Responder) {
        respond.respond(HTTPResponse(status: 200, text: "first"))
        respond.respond(HTTPResponse(status: 500, text: "second"))
      }
    }
    let running = try RunningServer(handler: Twice())
    let client = HTTPClient(address: running.address)
    for _ in 0..<3 { #expect(try client.send("GET", "/").text == "first") }
  }

  /// CVE-2022-3215 and its kin: nothing that a handler puts into a field can end the line.
  @Test func fieldsWithLineBreaksAreNotSent() throws {
    let running = try RunningServer(
      handler: DirectHandler { _ in
        HTTPResponse(status: 200, headers: ["x-a": "b\r\nset-cookie: evil"], bytes: [])
      })
    let answer = try HTTPClient(address: running.address).send("GET", "/")
    #expect(answer.status == 500)
    #expect(answer.headers["set-cookie"] == nil)
  }

  @Test func drainFinishesWhatIsUnderWayAndTakesNoMore() throws {
    let waiting = Collected<Responder>()
    struct Holding: RequestHandler {
      let waiting: Collected<Responder>
      func handle(_ request: HTTPRequest, _ respond: Responder) { waiting.add(respond) }
    }
    let running = try RunningServer(handler: Holding(waiting: waiting))
    let idle = try RawClient(to: running.address)
    let busy = try RawClient(to: running.address)
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    waiting.wait { $0.count == 1 }
    waitFor { running.counters.connectionsOpen.load(ordering: .relaxed) == 2 }
    let drained = Collected<Bool>()
    running.server.execute { $0.drain { drained.add(true) } }
    idle.read()
    #expect(idle.isEnded)
    waitFor { (try? HTTPClient(address: running.address).send("GET", "/")) == nil }
    #expect(throws: HTTPClientError.self) { try HTTPClient(address: running.address).send("GET", "/") }
    #expect(drained.all.isEmpty)
    waiting.all[0].respond(HTTPResponse(status: 200, text: "late"))
    let answer = busy.readAll()
    #expect(answer.contains("connection: close") && answer.hasSuffix("late"))
    #expect(drained.wait { $0.count == 1 } == [true])
  }

  /// A peer that closes its side still gets its answer; 1000 clients at once all get theirs.
  @Test func halfClosedClientsGetTheirAnswer() throws {
    let running = try RunningServer(
      handler: ThreadHandler { _ in
        HTTPResponse(status: 200, text: "here")
      })
    let client = try RawClient(to: running.address)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.shutdownWrite()
    #expect(client.readAll().hasSuffix("here"))
  }
}

extension String {
  /// How often `part` stands in the text.
  func components(_ part: String) -> Int { ranges(of: part).count }
}
