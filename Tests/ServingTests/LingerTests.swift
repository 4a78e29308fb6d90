import Serving
import SystemIO
import Testing

/// The last answer on a connection reaches a client that is still sending (RFC 9112 §9.6), within limits.
@Suite struct LingerTests {
  private static let garbage = [UInt8](repeating: 0x67, count: 4 << 20)

  @Test(arguments: [
    ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
    ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405),
  ])
  func whatFollowsARefusalDoesNotCostTheAnswer(_ request: String, _ status: Int) throws {
    let running = try RunningServer(handler: echo)
    let client = try RawClient(to: running.address)
    client.send(request)
    #expect(client.sendAll(Self.garbage), "the server reset the connection")
    let answer = client.readAll()
    #expect(answer.hasPrefix("HTTP/1.1 \(status) ") && answer.hasSuffix("}\n"))
    #expect(!client.wasReset)
  }

  /// More is pipelined behind the last request than the server reads ahead.
  @Test func whatFollowsTheLastRequestDoesNotCostTheAnswer() throws {
    let responders = Collected<Responder>()
    struct Holding: RequestHandler {
      let responders: Collected<Responder>
      func handle(_ request: HTTPRequest, _ respond: Responder) { responders.add(respond) }
    }
    let running = try RunningServer(handler: Holding(responders: responders))
    let client = try RawClient(to: running.address)
    client.send(Array("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8) + Self.garbage.prefix(200_000))
    responders.wait { $0.count == 1 }.first?.respond(HTTPResponse(status: 200, text: "late"))
    #expect(client.sendAll(Self.garbage), "the server reset the connection")
    #expect(client.readAll().hasSuffix("late"))
    #expect(!client.wasReset)
  }

  @Test func whoIsTurnedAwayReadsWhy() throws {
    var limits = ServingLimits.rest
    limits.connections = 1
    let running = try RunningServer(limits, handler: echo)
    let first = HTTPClient(address: running.address)
    _ = try first.send("GET", "/")
    let second = try RawClient(to: running.address)
    second.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.garbage.count)\r\n\r\n")
    #expect(second.sendAll(Self.garbage), "the server reset the connection")
    let answer = second.readAll()
    #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("retry-after: 1\r\n"))
    #expect(!second.wasReset)
    #expect(running.counters.connectionsRefused.load(ordering: .relaxed) == 1)
  }

  @Test func bytesAndTimeAreBounded() throws {
    var limits = ServingLimits.rest
    limits.lingerBytes = 100_000
    limits.linger = .seconds(3600)
    let running = try RunningServer(limits, handler: echo)
    let loud = try RawClient(to: running.address)
    loud.send("G@T / HTTP/1.1\r\n\r\n")
    #expect(!loud.sendAll([UInt8](repeating: 0x67, count: 64 << 20)))
    #expect(waitFor { running.counters.connectionsOpen.load(ordering: .relaxed) == 0 })
    limits.linger = .milliseconds(50)
    let brief = try RunningServer(limits, handler: echo)
    let silent = try RawClient(to: brief.address)
    silent.send("G@T / HTTP/1.1\r\n\r\n")
    #expect(waitFor { brief.counters.requestsRefused.load(ordering: .relaxed) == 1 })
    #expect(waitFor { brief.counters.connectionsOpen.load(ordering: .relaxed) == 0 })
    #expect(silent.readAll().hasPrefix("HTTP/1.1 400 "))
  }
}
