import HTTP2
import Serving
import Synchronization
import SystemIO
import TestSupport
import Testing

@Suite struct HTTP2ServerTests {
  @Test func servesManyRequestsAtOnce() throws {
    let running = try RunningServer(
      handler: ThreadHandler { request in
        HTTPResponse(status: 200, headers: ["x-a": "b"], bytes: Array("\(request.method) \(request.target) ".utf8) + request.body)
      })
    let client = try HTTP2Client(to: running.address)
    let streams = (0..<200).map { client.request("PUT", "/\($0)?q", body: Array("body \($0)".utf8)) }
    client.run { client.closed.count == 200 }
    for (index, stream) in streams.enumerated() {
      #expect(client.status[stream] == "200")
      #expect(client.text(stream) == "PUT /\(index)?q body \(index)")
    }
  }

  @Test func theHandlerSeesTheAuthorityAsHost() throws {
    let running = try RunningServer(handler: echo)
    let client = try HTTP2Client(to: running.address)
    let get = client.request("GET", "/")
    let head = client.request("HEAD", "/")
    client.run { client.closed.count == 2 }
    #expect(client.text(get) == "GET / test ")
    #expect(client.status[head] == "200" && client.text(head) == "")
  }

  @Test func bodiesAboveTheLimitGet413AndTheConnectionGoesOn() throws {
    var limits = ServingLimits.rest
    limits.bodyBytes = 1000
    let running = try RunningServer(limits, handler: echo)
    let client = try HTTP2Client(to: running.address)
    let large = client.request("POST", "/", body: [UInt8](repeating: 1, count: 100_000))
    client.run { client.closed[large] != nil }
    #expect(client.status[large] == "413")
    #expect(client.text(large).contains("\"status\":413"))
    let endless = client.request("POST", "/", body: [UInt8](repeating: 1, count: 3 << 20))
    client.run { client.closed[endless] != nil }
    #expect(client.status[endless] == "413")
    #expect(client.session.queuedBytes(endless) == 0, "the rest is not sent")
    let announced = client.request("POST", "/", headers: [("content-length", "1001")], staysOpen: true)
    client.run { client.status[announced] != nil }
    #expect(client.status[announced] == "413")
    let small = client.request("POST", "/", body: Array("fine".utf8))
    client.run { client.closed[small] != nil }
    #expect(client.text(small) == "POST / test fine")
  }

  @Test func largeAnswersFlowAsTheReaderGivesCredit() throws {
    let body = (0..<(4 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ $0 >> 8) }
    let running = try RunningServer(handler: DirectHandler { _ in HTTPResponse(status: 200, bytes: body) })
    let client = try HTTP2Client(to: running.address)
    client.consumes = false
    let stream = client.request("GET", "/")
    client.run { client.bodies[stream]?.count ?? 0 >= 256 << 10 }
    let stalled = client.bodies[stream]?.count ?? 0
    #expect(stalled == 256 << 10, "the stream's window, no more")
    client.consumes = true
    client.session.consume(stream, stalled)
    client.run { client.closed[stream] != nil }
    #expect(client.bodies[stream] == body)
  }

  @Test func readersThatGiveNoCreditAreResetInTime() throws {
    var limits = ServingLimits.rest
    limits.writeTimeout = .milliseconds(50)
    let running = try RunningServer(limits, handler: DirectHandler { _ in HTTPResponse(status: 200, bytes: [UInt8](repeating: 1, count: 1 << 20)) })
    let client = try HTTP2Client(to: running.address)
    client.consumes = false
    let stream = client.request("GET", "/")
    client.run { client.closed[stream] != nil }
    #expect(client.closed[stream] == .cancel)
    #expect(running.counters.timeouts.load(ordering: .relaxed) == 1)
  }

  @Test func drainSaysGoAwayTwiceAndFinishes() throws {
    let waiting = Collected<Responder>()
    struct Holding: RequestHandler {
      let waiting: Collected<Responder>
      func handle(_ request: HTTPRequest, _ respond: Responder) { waiting.add(respond) }
    }
    let running = try RunningServer(handler: Holding(waiting: waiting))
    let client = try HTTP2Client(to: running.address)
    let stream = client.request("GET", "/")
    client.run { waiting.all.count == 1 }
    let drained = Collected<Bool>()
    running.server.execute { $0.drain { drained.add(true) } }
    client.run { client.goAways.count == 2 }
    #expect(client.goAways == [.max, stream])
    waiting.all[0].respond(HTTPResponse(status: 200, text: "late"))
    client.run { client.closed[stream] != nil }
    #expect(client.text(stream) == "late")
    client.run { false }
    #expect(client.isEnded)
    #expect(drained.wait { $0.count == 1 } == [true])
  }

  @Test func rapidResetEndsTheConnection() throws {
    let running = try RunningServer(handler: echo)
    let client = try HTTP2Client(to: running.address)
    for _ in 0..<10_000 where !client.isEnded {  // many: the allowance grows with time, and this machine may be slow
      let stream = client.request("GET", "/")
      var written = false
      client.run {
        defer { written = true }; return written
      }
      client.session.reset(stream, .cancel)
    }
    client.run { false }
    #expect(client.isEnded)
    #expect(running.counters.floods.load(ordering: .relaxed) == 1)
    #expect(try HTTPClient(address: running.address).send("GET", "/").status == 200, "others are served")
  }
}
