import HTTP2
import MeshProtocol
import TestSupport
import Testing

@testable import DataPlane

/// One worker that lives through frames of every kind, right and wrong ones, in any pieces, from callers that leave when they
/// like. A well-behaved caller gets its own answers all the while, and when the storm is over nothing is left of it.
@Suite struct SessionFuzzTests {
  @Test func nothingIsMixedUpOrLeftOpen() throws {
    var storm = try FrameStorm()
    let rounds = max(500, fuzzRounds / 4)
    for round in 0..<rounds {
      try storm.step()
      if round % 25 == 0 { try storm.expectCleanAnswer(round) }
    }
    try storm.expectCleanAnswer(rounds)
    try storm.expectNothingLeft()
    #expect(storm.served > rounds / 4, "too few requests came through to mean anything: \(storm.served)")
  }
}

private struct FrameStorm {
  /// Callers at a time.
  static let most = 16

  private let proxy: ProxyHarness
  /// What half of the requests take for a service of HTTP/2.
  private let back: ProxyHarness
  private let wild: ScriptedServer
  private let clean: HTTP2Client
  private var callers: [(connection: RawConnection, pieces: [[UInt8]])] = []
  private var frames: Mutator

  init() throws {
    let echo = try ScriptedServer { connection, server, _ in
      while true {
        let request = try server.readRequest(connection)
        if request.isEmpty { return }
        let path = String(request.split(separator: " ")[1])
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
      }
    }
    wild = try Self.service()
    var policy = ListenerPolicy()
    policy.allowsConnect = true
    back = try ProxyHarness(wild, limits: Self.limits)
    proxy = try ProxyHarness(
      dtab: "/svc/web => 1 * /$/inet/127.0.0.1/\(wild.port) & 1 * /#/registry/back ; /svc/echo => /$/inet/127.0.0.1/\(echo.port)",
      limits: Self.limits, policy: policy)
    proxy.answerWants(
      EndpointSet(
        name: try Path(parsing: "/#/registry/back"), version: 1, state: .bound,
        endpoints: [Endpoint(address: .loopback(port: back.port), text: "127.0.0.1:\(back.port)")], serviceProtocol: .http2))
    clean = try proxy.caller()
    frames = Mutator(corpus: Self.corpus, alphabet: Self.alphabet, seed: 0x4832)
  }

  /// Small, so that every limit and every clock is met in a short run.
  private static var limits: ProxyLimits {
    var limits = ProxyLimits()
    limits.headTime = .milliseconds(300)
    limits.streamIdle = .seconds(3)  // above any pause of this machine: the clean caller's answers are never late
    limits.connectionIdle = .seconds(60)
    limits.poolIdle = .milliseconds(300)
    limits.highWater = 8192
    limits.turn = 4096
    limits.lingerBytes = 4096
    return limits
  }

  /// A service that answers in every framing, early or late, and leaves when it likes.
  private static func service() throws -> ScriptedServer {
    let answers = [
      ForwardingTests.hello, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n",
      "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + ForwardingTests.hello,
      "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + String(repeating: "x", count: 100_000),
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", "HTTP/1.1 200 OK\r\n\r\nuntil the close", "no answer\r\n\r\n",
    ]
    return try ScriptedServer { connection, server, number in
      var random = SeededRandom(seed: UInt64(number) ^ fuzzSeed)
      while true {
        let text = try connection.read { $0.contains("\r\n\r\n") }.text
        if text.isEmpty { return }
        server.keep(String(text.prefix(16)))
        if text.contains("upgrade: websocket"), random.below(4) > 0 {
          try connection.send(Handshake.answer(to: text) + "first")
          return try tunnel(connection, &random)
        }
        let index = random.below(answers.count * 2)
        try connection.send(answers[index < answers.count ? index : 0])
        if index >= 5 && index < answers.count || random.below(20) == 0 {
          return random.below(2) == 0 ? connection.reset() : ()
        }
      }
    }
  }

  /// Says and hears a few things, and ends in one of the ways there are.
  private static func tunnel(_ connection: RawConnection, _ random: inout SeededRandom) throws {
    for _ in 0..<random.below(4) {
      if random.below(2) == 0 {
        try connection.send(String(repeating: "y", count: random.below(30_000)))
      } else if try connection.readSome().isEmpty {
        break
      }
    }
    switch random.below(4) {
    case 0: connection.reset()
    case 1:
      connection.endWriting()
      _ = try connection.readToEnd()
    case 2: _ = try connection.readToEnd()
    default: return
    }
  }

  private static let get = Frame.block([(":method", "GET"), (":scheme", "http"), (":path", "/a"), (":authority", "web")])
  private static let post = Frame.block([(":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "web")])

  private static let connect = Frame.block([(":method", "CONNECT"), (":authority", "web:1")])
  private static let chat = Frame.block([
    (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/a"), (":authority", "web"),
  ])

  /// What one caller may say after its preface, one kind of conversation each. Ids rise.
  private static let corpus: [[UInt8]] = [
    Frame.headers(1, get) + Frame.headers(3, get) + Frame.headers(5, get),
    Frame.headers(1, post, end: false) + Frame.data(1, bytes("some")) + Frame.data(1, bytes("body"), end: true),
    Frame.headers(1, post + Frame.field("content-length", "4"), end: false) + Frame.data(1, bytes("body"), end: true),
    Frame.headers(1, post, end: false) + Frame.data(1, bytes("up")) + Frame.headers(1, Frame.field("x-sum", "1")),
    Frame.headers(1, get) + Frame.reset(1) + Frame.headers(3, get) + Frame.ping() + Frame.reset(3),
    Frame.headers(1, Array(get.prefix(9)), isWhole: false) + Frame.continuation(1, Array(get.dropFirst(9))),
    Frame.make(4, 0, 0, [0, 4, 0, 0, 0, 10]) + Frame.headers(1, get) + Frame.windowUpdate(1, 100) + Frame.make(4, 0, 0, [0, 4, 0, 1, 0, 0]),
    Frame.make(1, 0x2d, 1, [2, 0, 0, 0, 0, 15] + get + [0, 0]) + Frame.make(2, 0, 1, [0, 0, 0, 3, 7]),
    Frame.headers(1, post, end: false) + Frame.data(1, [2] + bytes("padded") + [0, 0], end: true, flags: 8),
    Frame.headers(1, get) + Frame.make(7, 0, 0, [UInt8](repeating: 0, count: 8)) + Frame.make(0xfa, 0, 0, bytes("unknown")),
    Frame.headers(1, post, end: false) + Frame.data(1, [UInt8](repeating: 0x61, count: 16_384)) + Frame.data(1, [], end: true),
    Frame.headers(1, chat, end: false) + Frame.data(1, bytes("hello")) + Frame.data(1, bytes("bye"), end: true),
    Frame.headers(1, chat, end: false) + Frame.data(1, [UInt8](repeating: 0x61, count: 16_384)) + Frame.headers(3, chat) + Frame.reset(1),
    Frame.headers(1, chat, end: false) + Frame.data(1, bytes("a")) + Frame.headers(1, Frame.field("x-sum", "1")) + Frame.windowUpdate(0, 60_000),
    Frame.headers(1, connect, end: false) + Frame.data(1, bytes("raw\r\n\r\n")) + Frame.headers(3, chat, end: false) + Frame.reset(3),
    Frame.headers(1, get + Frame.field("expect", "100-continue") + Frame.field("cookie", "a=1") + Frame.field("cookie", "b=2")),
  ]
  private static let alphabet: [UInt8] = [0, 1, 2, 3, 4, 5, 8, 9, 0x0a, 0x0d, 0x20, 0x3a, 0x3f, 0x40, 0x7f, 0x80, 0x82, 0xbe, 0xff]

  // MARK: The storm

  mutating func step() throws {
    while callers.count < Self.most { callers.append((try proxy.connect(), words())) }
    for _ in 0..<4 { try moveOn(frames.random.below(callers.count)) }
    pause()
  }

  /// A conversation, right or wrong, in pieces.
  private mutating func words() -> [[UInt8]] {
    let start = frames.random.below(20) == 0 ? frames.edited(Frame.preface) : Frame.preface + Frame.settings
    let wire = start + (frames.random.below(2) > 0 ? frames.good() : frames.next())
    return frames.pieces(of: wire, most: [20, 500, 50_000][frames.random.below(3)])
  }

  private mutating func moveOn(_ index: Int) throws {
    for _ in 0...frames.random.below(4) where !callers[index].pieces.isEmpty {
      let piece = callers[index].pieces.removeFirst()
      let sent = try callers[index].connection.sendWhatFits(piece, patience: 0)
      if sent < piece.count { callers[index].pieces.insert(Array(piece[sent...]), at: 0) }
    }
    let isOpen = frames.random.below(3) == 0 || callers[index].connection.takeWhatIsThere()
    let isDone = callers[index].pieces.isEmpty && frames.random.below(8) == 0
    guard !isOpen || isDone || frames.random.below(40) == 0 else { return }
    if frames.random.below(2) == 0 { callers[index].connection.reset() }
    callers[index] = (try proxy.connect(), words())
  }

  // MARK: What must hold

  /// Requests that reached the wild service.
  var served: Int { wild.requests.count }

  func expectCleanAnswer(_ round: Int) throws {
    let stream = clean.request("GET", "/\(round)", authority: "echo")
    clean.finish(stream)
    #expect(clean.status[stream] == "200" && clean.text(stream) == "/\(round)")
  }

  mutating func expectNothingLeft() throws {
    callers.removeAll()
    let carried = try proxy.collect(ticket: 1).tunnelBytes
    #expect(carried.received > 0 && carried.sent > 0, "no tunnel came to stand")
    do { try proxy.waitUntilQuiet(callers: 1) } catch { Issue.record("still open: \(try proxy.gauges()), expected one caller") }
    try wait {
      let open = try back.gauges()
      return open.requestsInFlight == 0 && open.tunnels == 0 && open.downstreamConnections == 0
    }
    #expect(try proxy.gauges().tunnels == 0)
    try expectCleanAnswer(-1)
    let (endpoints, bindings) = (try proxy.describe(.endpoints()), try proxy.describe(.bindings))
    #expect(endpoints.ranges(of: "\"outstanding\":").count == endpoints.ranges(of: "\"outstanding\":0,").count, "\(endpoints)")
    #expect(bindings.ranges(of: "\"in_flight\":").count == bindings.ranges(of: "\"in_flight\":0,").count, "\(bindings)")
  }
}
