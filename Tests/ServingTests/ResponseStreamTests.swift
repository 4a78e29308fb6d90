import HTTP2
import Serving
import Synchronization
import SystemIO
import TestSupport
import Testing

@Suite struct ResponseStreamTests {
  /// Hands its streams to the test.
  private struct Streaming: RequestHandler {
    let streams: Collected<ResponseStream>
    var limit = 1 << 20
    func handle(_ request: HTTPRequest, _ respond: Responder) {
      let stream = ResponseStream(limit: limit)
      streams.add(stream)
      respond.respond(HTTPResponse(status: 200, headers: ["content-type": "text/event-stream"], body: .stream(stream)))
    }
  }

  @Test func sendsChunksAsTheyCome() throws {
    let streams = Collected<ResponseStream>()
    let running = try RunningServer(handler: Streaming(streams: streams))
    let client = try RawClient(to: running.address)
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
    let head = client.readText(until: "\r\n\r\n")
    #expect(head.contains("transfer-encoding: chunked"))
    let stream = streams.wait { $0.count == 1 }[0]
    for index in 0..<20 {
      #expect(stream.send(Array("data: \(index)\n\n".utf8)))
      #expect(client.readText(until: "data: \(index)\n\n").contains("data: \(index)\n\n"))
    }
    stream.finish()
    #expect(!stream.send([1]))
    #expect(client.readText(until: "0\r\n\r\n").hasSuffix("0\r\n\r\n"))
    client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(streams.wait { $0.count == 2 }.count == 2, "the connection goes on")
  }

  @Test func theClientReadsAStreamPieceByPieceAndMayStop() throws {
    let streams = Collected<ResponseStream>()
    let running = try RunningServer(handler: Streaming(streams: streams))
    let closed = Collected<Bool>()
    let client = HTTPClient(address: running.address)
    var text = ""
    try client.stream(
      "GET", "/events",
      onHead: { head in
        let stream = streams.wait { $0.count == 1 }[0]
        stream.onClose { closed.add(true) }
        _ = stream.send(Array("one".utf8))
        return head.status == 200
      }
    ) { bytes in
      text += String(decoding: bytes, as: UTF8.self)
      if text == "one" { _ = streams.all[0].send(Array(" two".utf8)) }
      return text != "one two"
    }
    #expect(text == "one two")
    #expect(closed.wait { $0.count == 1 } == [true], "the server sees that the reader left")
    #expect(!streams.all[0].send([1]))
  }

  @Test func aReaderThatFallsBehindIsCutOffAndCounted() throws {
    let streams = Collected<ResponseStream>()
    let running = try RunningServer(handler: Streaming(streams: streams, limit: 100_000))
    let client = try RawClient(to: running.address, receiveBuffer: 4096)
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
    let stream = streams.wait { $0.count == 1 }[0]
    let closed = Collected<Bool>()
    stream.onClose { closed.add(true) }
    let piece = [UInt8](repeating: 0x61, count: 10_000)
    var sent = 0
    while stream.send(piece) {
      sent += piece.count
      try #require(sent < 1 << 30, "a reader that reads nothing took a gigabyte")
    }
    #expect(!stream.isOpen)
    // The reader takes what is on its way; what follows is an abrupt end, not the end of the body.
    let text = client.readAll()
    #expect(!text.hasSuffix("0\r\n\r\n"))
    #expect(closed.wait { $0.count == 1 } == [true])
    #expect(running.counters.streamsOverrun.load(ordering: .relaxed) == 1)
  }

  @Test func manyThreadsSendIntoOneStreamWithoutLoss() async throws {
    let streams = Collected<ResponseStream>()
    let running = try RunningServer(handler: Streaming(streams: streams, limit: 64 << 20))
    let client = try RawClient(to: running.address)
    client.send("GET / HTTP/1.0\r\n\r\n")
    let stream = streams.wait { $0.count == 1 }[0]
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask { for _ in 0..<500 { _ = stream.send(Array("[\(task)]".utf8)) } }
      }
    }
    stream.finish()
    let text = client.readAll()
    for task in 0..<8 { #expect(text.components("[\(task)]") == 500) }
  }

  @Test func overHTTP2() throws {
    let streams = Collected<ResponseStream>()
    let running = try RunningServer(handler: Streaming(streams: streams))
    let client = try HTTP2Client(to: running.address)
    let stream = client.request("GET", "/events")
    client.run { client.status[stream] == "200" }
    let body = streams.wait { $0.count == 1 }[0]
    for index in 0..<10 {
      #expect(body.send(Array("data: \(index)\n\n".utf8)))
      client.run { client.text(stream).hasSuffix("data: \(index)\n\n") }
    }
    body.finish()
    client.run { client.closed[stream] != nil }
    #expect(client.closed[stream] == .noError)
    #expect(client.text(stream).components("data: ") == 10)
  }
}
