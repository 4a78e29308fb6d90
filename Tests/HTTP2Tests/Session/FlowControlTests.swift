import HTTP2
import Memory
import TestSupport
import Testing

@Suite struct FlowControlTests {
  private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

  /// Without credit the sender stalls at the stream's window; credit for what was taken lets it go on, to the last byte.
  @Test func stallsWithoutCreditAndResumesWithIt() throws {
    var settings = HTTP2Settings()
    settings.streamWindow = 1000
    let pair = BackToBack(server: settings)
    pair.server.consumes = false
    pair.run()
    let body = pattern(5000)
    let stream = try #require(pair.client.session.submitRequest(postFields, endStream: false))
    pair.client.session.send(stream, body, endStream: true)
    pair.run()
    #expect(pair.server.data(stream).count == 1000)
    #expect(pair.client.session.queuedBytes(stream) == 4000)
    var given = 0
    while given < body.count {
      let had = pair.server.data(stream).count
      try #require(had > given, "the stream is stuck at \(had)")
      pair.server.session.consume(stream, had - given)
      given = had
      pair.run()
    }
    #expect(pair.server.data(stream) == body)
    #expect(pair.server.seen.last == .ended(stream))
  }

  /// One stream that nobody reads does not stop another: the connection's window is larger than a stream's.
  @Test func aStalledStreamLeavesTheOthersAlone() throws {
    var settings = HTTP2Settings()
    settings.streamWindow = 1000
    settings.connectionWindow = 100_000
    let pair = BackToBack(server: settings)
    pair.server.consumes = false
    pair.run()
    let stuck = try #require(pair.client.session.submitRequest(postFields, endStream: false))
    pair.client.session.send(stuck, pattern(50_000))
    let free = try #require(pair.client.session.submitRequest(postFields, endStream: false))
    pair.client.session.send(free, pattern(900), endStream: true)
    pair.run()
    #expect(pair.server.data(stuck).count == 1000)
    #expect(pair.server.data(free) == pattern(900))
  }

  @Test func creditOfClosedStreamsComesBackToTheConnection() throws {
    var settings = HTTP2Settings()
    settings.streamWindow = 60_000
    settings.connectionWindow = 65_535
    let pair = BackToBack(server: settings)
    pair.server.consumes = false
    pair.run()
    for round in 0..<4 {
      let stream = try #require(pair.client.session.submitRequest(postFields, endStream: false))
      pair.client.session.send(stream, pattern(60_000))
      pair.run()
      #expect(pair.server.data(stream).count == 60_000, "round \(round)")
      pair.client.session.reset(stream, .cancel)
      pair.run()
      pair.server.session.consume(stream, 60_000)
      pair.run()
    }
  }

  @Test func carriesLargeMessagesWithSmallWrites() throws {
    let pair = BackToBack()
    let body = pattern(3 << 20)
    let stream = try #require(pair.client.session.submitRequest(postFields, endStream: false))
    pair.client.session.send(stream, body, endStream: true)
    var turns = 0
    while pair.server.seen.last != .ended(stream) {
      turns += 1
      try #require(turns < 100_000, "stuck at \(pair.server.data(stream).count) bytes")
      let up = pair.client.output(limit: 1000)
      #expect(up.count <= 1000 + 16_384 + 9, "one frame above the limit at most")
      pair.server.receive(up)
      pair.client.receive(pair.server.output(limit: 100))
    }
    #expect(pair.server.data(stream) == body)
  }

  /// The fan-out: one array on many streams, each ends up with the same bytes.
  @Test func oneArrayGoesToManyStreams() throws {
    let message = pattern(70_000)
    var pairs: [(BackToBack, Int32)] = []
    for _ in 0..<20 {
      let pair = BackToBack()
      let stream = try #require(pair.client.session.submitRequest(postFields, endStream: false))
      pair.run()
      pair.server.session.submitResponse(stream, okFields, endStream: false)
      pairs.append((pair, stream))
    }
    for (pair, stream) in pairs { pair.server.session.send(stream, message) }
    for (pair, stream) in pairs {
      pair.run()
      #expect(pair.client.data(stream) == message)
    }
  }

  @Test func sendsThatComeWhileTheStreamWaitsAreInOrder() throws {
    let pair = BackToBack()
    let stream = try #require(pair.client.session.submitRequest(postFields, endStream: false))
    pair.run()
    for index in 0..<50 {
      pair.client.session.send(stream, [UInt8(index)])
      if index % 3 == 0 { pair.run() }
    }
    pair.client.session.send(stream, [], endStream: true)
    pair.run()
    #expect(pair.server.data(stream) == (0..<50).map { UInt8($0) })
    #expect(pair.server.seen.last == .ended(stream))
  }
}
