import Memory
import TestSupport
import Testing

@testable import HTTP2

/// Frames that come late, early or in bad company: what becomes of the streams, of the connection and of the others on it.
@Suite struct StreamStateTests {
  private func server(_ settings: [UInt8] = [], _ own: HTTP2Settings = HTTP2Settings()) -> End {
    let server = End(.server, own)
    server.receive(opening(settings))
    _ = server.output()
    return server
  }

  /// A client whose server has said its settings, and the stream of a request that it has sent.
  private func client(method: String = "GET") throws -> (client: End, stream: Int32) {
    let client = End(.client)
    client.receive(wire(4, 0, 0, []))
    let fields: HeaderList = [":method": method, ":scheme": "http", ":authority": "users", ":path": "/"]
    let stream = try #require(client.session.submitRequest(fields, endStream: true))
    _ = client.output()
    return (client, stream)
  }

  private func block(_ fields: [(String, String)]) -> [UInt8] {
    var encoder = HPACKEncoder()
    var output = ByteBuffer()
    for (name, value) in fields { encoder.encode(name: bytes(name).span, value: bytes(value).span, into: &output) }
    return [UInt8](copying: output.span)
  }

  // MARK: Windows below zero

  /// An answer that ends, with and without trailers, after the peer has made its windows smaller than what it has got.
  @Test(arguments: [false, true]) func anEndNeedsNoWindow(hasTrailers: Bool) {
    let server = server()
    server.receive(wire(1, 5, 1, getBlock))
    server.session.submitResponse(1, okFields, endStream: false)
    server.session.send(1, bytes("0123456789"))
    _ = server.output()
    server.receive(wire(4, 0, 0, windowSetting(0)))
    if hasTrailers {
      server.session.submitTrailers(1, ["grpc-status": "0"])
    } else {
      server.session.send(1, [], endStream: true)
    }
    let said = frames(server.output())
    #expect(said.contains { $0.stream == 1 && $0.flags & 1 != 0 && $0.type == (hasTrailers ? 1 : 0) })
    #expect(server.session.streamCount == 0)
  }

  @Test func moreBodyWaitsForAWindowAboveZero() {
    let server = server()
    server.receive(wire(1, 5, 1, getBlock))
    server.session.submitResponse(1, okFields, endStream: false)
    server.session.send(1, bytes("0123456789"))
    _ = server.output()
    server.receive(wire(4, 0, 0, windowSetting(0)))
    server.session.send(1, bytes("abc"), endStream: true)
    #expect(!frames(server.output()).contains { $0.type == 0 })
    server.receive(wire(8, 0, 1, [0, 0, 0, 11]))
    #expect(frames(server.output()).filter { $0.type == 0 }.map(\.payload) == [bytes("a")])
    server.receive(wire(4, 0, 0, windowSetting(100)))
    #expect(frames(server.output()).filter { $0.type == 0 }.map(\.payload) == [bytes("bc")])
  }

  /// The slot of a stream that is over waits for its event; settings that open all windows meanwhile leave it alone.
  @Test func windowsOpenForStreamsThatAreThere() {
    let server = server(windowSetting(0))
    server.receive(wire(1, 5, 1, getBlock))
    server.session.submitResponse(1, okFields, endStream: false)
    server.session.send(1, bytes("body"), endStream: true)
    _ = server.output()
    server.receive(wire(3, 0, 1, [0, 0, 0, 8]) + wire(4, 0, 0, windowSetting(1)))
    #expect(server.seen.last == .closed(1, .cancel))
    #expect(!frames(server.output()).contains { $0.type == 0 })
    #expect(server.session.streamCount == 0)
  }

  /// Many windows in one frame count as their last, and as their widest where they must not overflow.
  @Test func theLastOfSeveralWindowsCounts() {
    let server = server()
    server.receive(wire(1, 5, 1, getBlock))
    server.receive(wire(8, 0, 1, [0, 0, 0, 1]))
    server.receive(wire(4, 0, 0, windowSetting(10) + windowSetting(70_000) + windowSetting(5)))
    server.session.submitResponse(1, okFields, endStream: false)
    server.session.send(1, [UInt8](repeating: 1, count: 5000), endStream: true)  // a window of 5, and one byte of credit
    #expect(frames(server.output()).filter { $0.type == 0 }.map(\.payload.count) == [6])
    server.receive(wire(8, 0, 1, [0, 0, 0, 6]) + wire(4, 0, 0, windowSetting(0x7fff_ffff) + windowSetting(5)))
    #expect(server.session.reproach == .flowControlError)
  }

  // MARK: Late frames

  /// Requests that crossed our GOAWAY, and all that belongs to them, are passed over; those before go on.
  @Test func whatCrossesAGoAwayIsPassedOver() {
    let server = server()
    server.receive(wire(1, 4, 1, getBlock))
    server.session.goAway(.noError)
    _ = server.output()
    let rest: [[UInt8]] = [
      wire(1, 4, 3, getBlock), wire(0, 0, 3, bytes("body")), wire(8, 0, 3, [0, 0, 0, 1]), wire(1, 5, 3, [0x40, 1, 0x61, 1, 0x62]),
      wire(3, 0, 3, [0, 0, 0, 8]), wire(0, 1, 1, bytes("end")),
    ]
    server.receive(rest.flatMap { $0 })
    #expect(server.session.reproach == nil && server.fault == nil)
    #expect(server.seen.last == .ended(1))
    server.session.submitResponse(1, okFields, endStream: true)
    #expect(frames(server.output()).contains { $0.type == 1 && $0.stream == 1 })
    #expect(!server.session.wantsRead)
  }

  /// Answers to requests that were given up arrive after more others have ended than are remembered.
  @Test func aLateAnswerHarmsNobody() throws {
    var settings: [UInt8] = [0, 3, 0, 0, 4, 0]  // 1024 streams
    settings += windowSetting(70_000)
    let client = End(.client)
    client.receive(wire(4, 0, 0, settings))
    var streams: [Int32] = []
    for _ in 0..<300 { streams.append(try #require(client.session.submitRequest(getFields, endStream: true))) }
    for stream in streams.dropLast() { client.session.reset(stream, .cancel) }
    _ = client.output()
    let answer = block([(":status", "200"), ("x", "1")])
    for stream in [streams[0], streams[250]] { client.receive(wire(1, 4, UInt32(stream), answer) + wire(0, 1, UInt32(stream), bytes("x"))) }
    #expect(client.session.reproach == nil && client.fault == nil)
    let last = try #require(streams.last)
    client.receive(wire(1, 5, UInt32(last), [0x88]))
    #expect(client.seen.contains(.response(last, [":status: 200"])))
  }

  @Test func aStreamThatWasLeftOutMayNotBeBegunLater() {
    let server = server()
    server.receive(wire(1, 5, 5, getBlock) + wire(1, 5, 3, getBlock))
    #expect(server.session.reproach == .protocolError)
  }

  @Test func aShutdownIsNotAnnouncedAfterTheGoAway() {
    let server = server()
    server.receive(wire(1, 5, 1, getBlock))
    server.session.goAway(.noError)
    server.session.announceShutdown()
    #expect(frames(server.output()).filter { $0.type == 7 }.count == 1)
  }

  // MARK: Bodies as long as they said

  @Test func aRequestShorterThanItSaidIsNotSeen() {
    let server = server()
    server.receive(wire(1, 5, 1, getBlock + block([("content-length", "5")])))
    #expect(!server.seen.contains { if case .request = $0 { true } else { false } })
    #expect(frames(server.output()).contains { $0.type == 3 && $0.payload == [0, 0, 0, 1] })
  }

  @Test func anAnswerCutByTrailersIsBroken() throws {
    let (client, stream) = try client()
    let id = UInt32(stream)
    client.receive(wire(1, 4, id, block([(":status", "200"), ("content-length", "10")])) + wire(0, 0, id, bytes("12345")))
    client.receive(wire(1, 5, id, block([("grpc-status", "0")])))
    #expect(client.seen.last == .closed(stream, .protocolError))
    #expect(!client.seen.contains { if case .trailers = $0 { true } else { false } })
  }

  @Test func anAnswerToHEADHasTheLengthOfAnother() throws {
    let (client, stream) = try client(method: "HEAD")
    client.receive(wire(1, 5, UInt32(stream), block([(":status", "200"), ("content-length", "10")])))
    #expect(client.seen.last == .closed(stream, .noError))
  }

  // MARK: Limits

  @Test func thePeersLimitOfStreamsIsKept() throws {
    let client = End(.client)
    client.receive(wire(4, 0, 0, [0, 3, 0, 0, 0, 2]))
    let first = try #require(client.session.submitRequest(getFields, endStream: true))
    _ = try #require(client.session.submitRequest(getFields, endStream: true))
    #expect(client.session.submitRequest(getFields, endStream: true) == nil)
    client.session.reset(first, .cancel)
    #expect(client.session.submitRequest(getFields, endStream: true) != nil)
  }

  /// A few bytes say 60 KB by the tables, stream after stream in one read: what is above the budget is refused, and nothing is kept of it.
  @Test func listsOfOneReadAreBounded() {
    let server = server()
    let long = wire(1, 5, 1, getBlock + [0x40, 1, 0x78, 0x7f, 0xa1, 0x1e] + [UInt8](repeating: 0x79, count: 4000))
    server.receive(long)
    let bomb = [0x82, 0x86, 0x84, 0xbf] + [UInt8](repeating: 0xbe, count: 14)
    server.receive((1...100).flatMap { wire(1, 5, UInt32($0 * 2 + 1), bomb) })
    let requests = server.seen.filter { if case .request = $0 { true } else { false } }.count
    #expect((2..<30).contains(requests))
    #expect(frames(server.output()).filter { $0.type == 3 && $0.payload == [0, 0, 0, 7] }.count == 101 - requests)
    #expect(server.fault == nil)
    server.receive(wire(1, 5, 301, getBlock))
    #expect(server.seen.contains { if case .request(301, _) = $0 { true } else { false } })
  }

  @Test func interimHeadsAreBounded() throws {
    let (client, stream) = try client()
    let interim = wire(1, 4, UInt32(stream), block([(":status", "103")]))
    for _ in 0..<32 { client.receive(interim) }
    #expect(client.seen.count == 32)
    client.receive(interim)
    #expect(client.seen.last == .closed(stream, .enhanceYourCalm))
  }

  /// Names of 4 KiB, two bytes each: told before they have cost more than a few lists.
  @Test func fieldsThatCostMoreThanTheySayEndTheConnection() {
    for literal: [UInt8] in [[0x7e, 0], [0x0f, 0x2f, 0]] {
      let server = server()
      server.receive(wire(1, 5, 1, getBlock + [0x40, 0x7f, 0xe0, 0x1e] + [UInt8](repeating: 0x79, count: 4063) + [0]))
      server.receive(wire(1, 5, 3, getBlock.dropLast(3) + (0..<4000).flatMap { _ in literal }))
      #expect(server.fault == .flood(.fields), "\(literal)")
    }
  }

  @Test func headsForStreamsThatAreOverAreCharged() {
    let server = server()
    server.receive(wire(1, 4, 1, getBlock))
    server.session.reset(1, .cancel)
    var count = 0
    while server.fault == nil, count < 10_000 {
      server.receive(wire(1, 4, 1, getBlock))
      count += 1
    }
    #expect(server.fault == .flood(.idleFrames))
    #expect(count <= 2001)
  }

  /// Answers of a head alone end their streams at once; who does not read them is told to stop.
  @Test func answersThatNobodyReadsAreBounded() {
    var settings = HTTP2Settings()
    settings.unreadBytes = 50_000
    let server = server([], settings)
    var stream: UInt32 = 1
    while server.fault == nil, stream < 100_000 {
      server.receive(wire(1, 5, stream, getBlock))
      server.session.submitResponse(Int32(stream), [":status": "302", "x-unique": "\(stream)"], endStream: true)
      stream += 2
    }
    #expect(server.fault == .flood(.unread))
    #expect((50_000..<51_000).contains(server.output().count))
  }

  /// A body that is asked for byte by byte costs the one who asks.
  @Test func creditByTheByteIsCharged() {
    let server = server(windowSetting(1))
    server.receive(wire(1, 5, 1, getBlock))
    server.session.submitResponse(1, okFields, endStream: false)
    server.session.send(1, [UInt8](repeating: 1, count: 100_000), endStream: true)
    var count = 0
    while server.fault == nil, count < 10_000 {
      _ = server.output()
      server.receive(wire(8, 0, 1, [0, 0, 0, 1]))
      count += 1
    }
    #expect(server.fault == .flood(.idleFrames))
  }

  /// What the driver gives up for a reason of its own is not held against the peer.
  @Test func resetsOfTheDriversAreNotThePeers() {
    let server = server()
    for stream in stride(from: UInt32(1), to: 2001, by: 2) {
      server.receive(wire(1, 5, stream, getBlock))
      server.session.reset(Int32(stream), .internalError)
      _ = server.output()
    }
    #expect(server.fault == nil)
  }

  /// A connection that many share: of those who ask and end well, some may be reset.
  @Test func resetsAmongManyThatEndWellAreNoFlood() {
    let server = server()
    var stream: UInt32 = 1
    for round in 0..<5000 {
      server.receive(wire(1, 5, stream, getBlock))
      if round % 10 == 0 {
        server.receive(wire(3, 0, stream, [0, 0, 0, 8]))
      } else {
        server.session.submitResponse(Int32(stream), okFields, endStream: true)
        _ = server.output()
      }
      stream += 2
    }
    #expect(server.fault == nil)
  }

  /// A proxy speaks for many callers: ten times as many of them may leave at once.
  @Test func aPeerOfTheMeshMayResetMore() {
    var settings = HTTP2Settings()
    settings.trustForMany()
    let server = server([], settings)
    for stream in stride(from: UInt32(1), to: 4001, by: 2) {
      server.receive(wire(1, 5, stream, getBlock) + wire(3, 0, stream, [0, 0, 0, 8]))
    }
    #expect(server.fault == nil)
    server.receive(wire(1, 5, 4001, getBlock) + wire(3, 0, 4001, [0, 0, 0, 8]))
    #expect(server.fault == .flood(.resets))
  }

  @Test func aFieldBlockMustBeCompleteInTime() {
    let server = server()
    server.receive(wire(1, 1, 1, getBlock))
    server.now += 10_000
    server.receive(wire(9, 0, 1, [0x88]))
    #expect(server.fault == nil)
    server.now += 1
    server.receive(wire(9, 0, 1, [0x88]))
    #expect(server.fault == .flood(.continuations))
  }

  @Test func trailersAreSmallerThanHeads() throws {
    let large = [("x", String(repeating: "y", count: 17_000))]
    let server = server()
    server.receive(wire(1, 4, 1, getBlock))
    let trailers = block(large)
    server.receive(wire(1, 1, 1, Array(trailers.prefix(16_000))) + wire(9, 4, 1, Array(trailers.dropFirst(16_000))))
    #expect(server.seen.last == .closed(1, .enhanceYourCalm))
    let (client, stream) = try client()
    let id = UInt32(stream)
    client.receive(wire(1, 4, id, [0x88]) + wire(1, 1, id, Array(trailers.prefix(16_000))) + wire(9, 4, id, Array(trailers.dropFirst(16_000))))
    #expect(client.seen.contains(.tooLarge(stream)))
  }

  /// A body in small pieces is one frame where nothing else was said in between.
  @Test func smallPiecesGoOutInOneFrame() {
    let server = server()
    server.receive(wire(1, 5, 1, getBlock) + wire(1, 5, 3, getBlock))
    for stream in [Int32(1), 3] { server.session.submitResponse(stream, okFields, endStream: false) }
    for piece in ["a", "b", "c"] { server.session.send(1, copying: bytes(piece).span) }
    server.session.send(3, copying: bytes("x").span)
    server.session.send(1, copying: bytes("d").span)
    server.session.send(1, copying: bytes("e").span, endStream: true)
    let data = frames(server.output()).filter { $0.type == 0 }
    #expect(data.map(\.payload) == [bytes("abc"), bytes("x"), bytes("de")])
    #expect(data.map(\.flags) == [0, 0, 1])
    server.session.send(3, copying: bytes("y").span)
    #expect(frames(server.output()).map(\.payload) == [bytes("y")])
  }

  /// A client causes what waits for its server itself: it opens no more streams, and is no flood's victim.
  @Test func aSlowServerIsNotFlooding() throws {
    var settings = HTTP2Settings()
    settings.unreadBytes = 5000
    let client = End(.client, settings)
    client.receive(wire(4, 0, 0, []))
    let large: HeaderList = [":method": "GET", ":scheme": "http", ":authority": "users", ":path": "/" + String(repeating: "a", count: 3000)]
    for _ in 0..<2 { _ = try #require(client.session.submitRequest(large, endStream: true)) }
    #expect(!client.session.takesRequests)
    #expect(client.session.submitRequest(large, endStream: true) == nil)
    client.receive(wire(8, 0, 0, [0, 0, 0, 1]))
    #expect(client.fault == nil && client.session.reproach == nil)
    _ = client.output()
    #expect(client.session.takesRequests)
  }

  @Test func aBurstOfStreamsIsNotKept() {
    let server = server()
    for round in 0..<3 as Range<UInt32> {
      let first = round * 400 + 1
      for stream in stride(from: first, to: first + 400, by: 2) { server.receive(wire(1, 5, stream, getBlock)) }
      for stream in stride(from: first, to: first + 400, by: 2) { server.session.submitResponse(Int32(stream), okFields, endStream: true) }
      _ = server.output()
      #expect(server.session.streamCount == 0 && server.session.nextEvent() == nil)
      #expect(server.session.state.value.streams.slotCount == 0)
    }
    #expect(server.seen.filter { if case .closed(_, .noError) = $0 { true } else { false } }.count == 600)
  }
}
