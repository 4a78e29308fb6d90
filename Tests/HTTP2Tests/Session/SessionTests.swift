import HTTP2
import Memory
import TestSupport
import Testing

@Suite struct SessionTests {
  @Test func carriesARequestAndItsAnswer() throws {
    let pair = BackToBack()
    let stream = try #require(pair.client.session.submitRequest(getFields, endStream: true))
    pair.run()
    #expect(pair.server.seen == [.request(stream, [":method: GET", ":scheme: http", ":authority: users", ":path: /a?b"]), .ended(stream)])
    #expect(pair.server.session.submitResponse(stream, okFields, endStream: false))
    #expect(pair.server.session.send(stream, bytes("hello "), endStream: false))
    #expect(pair.server.session.send(stream, bytes("there"), endStream: true))
    #expect(!pair.server.session.send(stream, bytes("more")))
    pair.run()
    #expect(
      pair.client.seen == [
        .response(stream, [":status: 200"]), .data(stream, bytes("hello there")), .ended(stream), .closed(stream, .noError),
      ])
    #expect(pair.server.seen.last == .closed(stream, .noError))
    #expect(pair.server.session.streamCount == 0)
    #expect(pair.client.session.streamCount == 0)
  }

  @Test func carriesTrailersBothWays() throws {
    let pair = BackToBack()
    let stream = try #require(pair.client.session.submitRequest(postFields, endStream: false))
    pair.client.session.send(stream, bytes("up"))
    pair.client.session.submitTrailers(stream, ["x-sum": "1"])
    pair.run()
    #expect(pair.server.seen.dropFirst() == [.data(stream, bytes("up")), .trailers(stream, ["x-sum: 1"]), .ended(stream)])
    pair.server.session.submitResponse(stream, okFields, endStream: false)
    pair.server.session.submitTrailers(stream, ["grpc-status": "0"])
    pair.run()
    #expect(
      pair.client.seen == [
        .response(stream, [":status: 200"]), .trailers(stream, ["grpc-status: 0"]), .ended(stream), .closed(stream, .noError),
      ])
  }

  @Test func tellsInterimAnswersFromFinalOnes() throws {
    let pair = BackToBack()
    let stream = try #require(pair.client.session.submitRequest(getFields, endStream: true))
    pair.run()
    pair.server.session.submitInformational(stream, [":status": "103"])
    pair.server.session.submitResponse(stream, okFields, endStream: true)
    pair.run()
    #expect(pair.client.seen.prefix(2) == [.informational(stream, [":status: 103"]), .response(stream, [":status: 200"])])
  }

  /// The same conversation whatever the pieces in which it arrives: cut in two at every byte, and into single bytes.
  @Test func everySplitGivesTheSameEvents() throws {
    let whole = try conversation { [$0] }
    #expect(whole.client.count > 4)
    for at in 0..<400 {
      let split = try conversation { bytes in
        let cut = min(at, bytes.count)
        return [Array(bytes[..<cut]), Array(bytes[cut...])]
      }
      #expect(split == whole, "cut at \(at)")
    }
    #expect(try conversation { $0.map { [$0] } } == whole)
  }

  @Test(arguments: 0..<20) func randomPiecesGiveTheSameEvents(seed: Int) throws {
    var random = SeededRandom(seed: UInt64(seed))
    let whole = try conversation { [$0] }
    #expect(try conversation { random.pieces(of: $0, most: 40) } == whole, "seed \(seed)")
  }

  private struct Log: Equatable {
    var client: [Seen]
    var server: [Seen]
  }

  private func conversation(_ cut: @escaping ([UInt8]) -> [[UInt8]]) throws -> Log {
    let pair = BackToBack()
    pair.cut = cut
    let first = try #require(pair.client.session.submitRequest(postFields, endStream: false))
    pair.client.session.send(first, bytes("some body"), endStream: true)
    pair.run()
    let second = try #require(pair.client.session.submitRequest(getFields, endStream: true))
    pair.server.session.submitResponse(first, [":status": "200", "x-long": String(repeating: "v", count: 300)], endStream: false)
    pair.server.session.send(first, [UInt8](repeating: 7, count: 500))
    pair.server.session.submitTrailers(first, ["grpc-status": "0", "grpc-message": "fine"])
    pair.run()
    pair.server.session.submitResponse(second, [":status": "404"], endStream: true)
    pair.run()
    pair.client.session.ping(42)
    pair.run()
    return Log(client: pair.client.seen, server: pair.server.seen)
  }

  @Test func answersPings() {
    let pair = BackToBack()
    pair.client.session.ping(0x0102_0304_0506_0708)
    pair.run()
    #expect(pair.client.seen == [.pong(0x0102_0304_0506_0708)])
  }

  @Test func carriesTagsWithEveryEvent() throws {
    let pair = BackToBack()
    var tags: [UInt64] = []
    pair.client.onEvent = { if $0.stream != 0 { tags.append($0.tag) } }
    let stream = try #require(pair.client.session.submitRequest(getFields, endStream: true, tag: 77))
    pair.run()
    pair.server.session.setTag(5, on: stream)
    var closedTag: UInt64 = 0
    pair.server.onEvent = { if case .closed = $0.kind { closedTag = $0.tag } }
    pair.server.session.submitResponse(stream, okFields, endStream: true)
    pair.run()
    #expect(tags.count >= 3 && tags.allSatisfy { $0 == 77 })
    #expect(closedTag == 5)
  }

  @Test func resetsReachTheOtherEndAndCommandsToTheDeadStreamAreRefused() throws {
    let pair = BackToBack()
    let stream = try #require(pair.client.session.submitRequest(postFields, endStream: false))
    pair.run()
    pair.client.session.reset(stream, .cancel)
    pair.run()
    #expect(pair.server.seen.last == .closed(stream, .cancel))
    #expect(pair.client.seen == [.closed(stream, .cancel)])
    #expect(!pair.server.session.send(stream, bytes("late")))
    #expect(!pair.server.session.submitTrailers(stream, ["a": "b"]))
    #expect(pair.server.session.queuedBytes(stream) == 0)
    pair.server.session.reset(stream, .cancel)
    pair.server.session.consume(stream, 10)
    #expect(pair.server.output().isEmpty)
    #expect(pair.server.session.streamCount == 0)
  }

  @Test func aRequestCancelledBeforeItWasWrittenIsSeenAndClosed() throws {
    let pair = BackToBack()
    pair.run()
    let stream = try #require(pair.client.session.submitRequest(postFields, endStream: false))
    #expect(pair.client.session.send(stream, bytes("x")))
    pair.client.session.reset(stream, .cancel)
    pair.run()
    #expect(pair.client.seen.contains { if case .closed(stream, _) = $0 { true } else { false } })
    // Its head went into the field table of the connection already; the body did not go.
    #expect(pair.server.seen.last == .closed(stream, .cancel))
    #expect(pair.server.data(stream).isEmpty)
    #expect(pair.client.session.streamCount == 0)
    #expect(pair.server.session.streamCount == 0)
  }

  @Test func drainsInTwoSteps() throws {
    let pair = BackToBack()
    let first = try #require(pair.client.session.submitRequest(getFields, endStream: true))
    pair.run()
    pair.server.session.announceShutdown()
    pair.run()
    #expect(pair.client.seen == [.goAway(.max, .noError)])
    #expect(pair.server.session.wantsRead)
    pair.server.session.goAway(.noError)
    pair.run()
    #expect(pair.client.seen.last == .goAway(first, .noError))
    #expect(pair.client.session.submitRequest(getFields, endStream: true) == nil)
    #expect(pair.server.session.wantsRead, "a request is still open")
    pair.server.session.submitResponse(first, okFields, endStream: true)
    pair.run()
    #expect(pair.client.seen.contains(.response(first, [":status: 200"])))
    #expect(!pair.server.session.wantsRead && !pair.server.session.wantsWrite)
    #expect(!pair.client.session.wantsRead && !pair.client.session.wantsWrite)
  }

  @Test func refusesStreamsAboveTheLimit() throws {
    var settings = HTTP2Settings()
    settings.concurrentStreams = 2
    let pair = BackToBack(server: settings)
    // Sent before the client knows the limit: the server has to refuse the third.
    let streams = (0..<3).compactMap { _ in pair.client.session.submitRequest(postFields, endStream: false) }
    #expect(streams.count == 3)
    pair.run()
    #expect(pair.server.seen.filter { if case .request = $0 { true } else { false } }.count == 2)
    #expect(pair.client.seen == [.closed(streams[2], .refusedStream)])
  }

  @Test func toldNotToStoreALongFieldListItGoesOn() throws {
    var settings = HTTP2Settings()
    settings.headerListBytes = 10_000
    let pair = BackToBack(server: settings)
    var fields = getFields
    for index in 0..<5 { fields.append("x-\(index)", String(repeating: "a", count: 4000)) }
    let large = try #require(pair.client.session.submitRequest(fields, endStream: true))
    let small = try #require(pair.client.session.submitRequest(getFields, endStream: true))
    pair.run()
    #expect(pair.server.seen.first == .tooLarge(large))
    #expect(pair.server.seen.contains(.request(small, [":method: GET", ":scheme: http", ":authority: users", ":path: /a?b"])))
    #expect(pair.server.fault == nil)
  }

  // MARK: Streams that are over early

  /// `:method: GET`, `:scheme: http`, `:path: /` from the static table, `:authority: a`.
  private static let block: [UInt8] = [0x82, 0x86, 0x84, 0x41, 0x01, 0x61]

  private func server() -> End {
    let server = End(.server)
    server.receive(Frame.preface + Frame.settings)
    _ = server.output()
    return server
  }

  @Test func aRequestThatIsResetInTheSameReadStillCarriesItsTag() {
    let server = server()
    var tags: [UInt64] = []
    server.onEvent = { event in
      if case .request = event.kind { server.session.setTag(9, on: event) }
      if case .closed = event.kind { tags.append(event.tag) }
    }
    server.receive(Frame.headers(1, Self.block, end: false) + Frame.reset(1))
    #expect(server.seen.count == 2 && server.seen.last == .closed(1, .cancel))
    #expect(tags == [9])
    #expect(server.session.streamCount == 0 && server.session.tags.isEmpty)
  }

  @Test func tagsAreThoseOfOpenStreams() {
    let server = server()
    server.onEvent = { if case .request = $0.kind { server.session.setTag(UInt64($0.stream) * 10, on: $0) } }
    server.receive([1, 3, 5].flatMap { Frame.headers($0, Self.block, end: false) })
    #expect(server.session.tags.sorted() == [10, 30, 50])
    server.receive(Frame.reset(3))
    #expect(server.session.tags.sorted() == [10, 50])
    server.session.setTag(7, on: 1)
    server.session.setTag(8, on: 3)
    #expect(server.session.tags.sorted() == [7, 50])
  }

  @Test func knowsWhetherThePeerHasEnded() {
    let server = server()
    server.receive(Frame.headers(1, Self.block, end: false) + Frame.headers(3, Self.block))
    #expect(!server.session.isEndedByPeer(1))
    #expect(server.session.isEndedByPeer(3))
    server.receive(Frame.data(1, bytes("x"), end: true))
    #expect(server.session.isEndedByPeer(1))
  }

  // MARK: Order of streams (RFC 9113 §5.1.1)

  /// A HEADERS frame for a stream below one that was used, which was never used itself.
  @Test(arguments: [UInt32(1), 3]) func aLowerUnknownStreamEndsTheSession(_ stream: UInt32) {
    let server = server()
    server.receive(Frame.headers(5, Self.block))
    server.seen.removeAll()
    server.receive(Frame.headers(stream, Self.block))
    #expect(ReceivedFrame.all(in: server.output()).compactMap { $0.type == 7 ? $0.code : nil } == [.protocolError])
    #expect(!server.seen.contains { if case .request = $0 { true } else { false } })
    #expect(!server.session.wantsRead)
  }

  struct Late: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var frame: [UInt8]
  }

  /// What was on its way when we reset a stream is passed over (RFC 9113 §5.1); the session goes on.
  @Test(arguments: [
    Late(testDescription: "DATA", frame: Frame.data(1, bytes("late"))),
    Late(testDescription: "DATA with END_STREAM", frame: Frame.data(1, bytes("late"), end: true)),
    Late(testDescription: "trailers", frame: Frame.headers(1, Frame.block([("x-sum", "1")]))),
    Late(testDescription: "WINDOW_UPDATE", frame: Frame.windowUpdate(1, 100)),
    Late(testDescription: "RST_STREAM", frame: Frame.reset(1)),
    Late(testDescription: "PRIORITY", frame: Frame.make(2, 0, 1, [0, 0, 0, 0, 15])),
  ]) func framesOnAStreamThatWeResetArePassedOver(_ late: Late) {
    let server = server()
    server.receive(Frame.headers(1, Self.block, end: false))
    server.session.reset(1, .cancel)
    _ = server.output()
    server.seen.removeAll()
    server.receive(late.frame)
    #expect(!ReceivedFrame.all(in: server.output()).contains { $0.type == 7 })
    #expect(server.fault == nil && server.session.wantsRead)
    server.receive(Frame.headers(3, Self.block))
    #expect(server.seen.contains(.ended(3)))
  }
}
