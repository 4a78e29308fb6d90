import MeshProtocol
import SystemIO
import TestSupport
import Testing
import Traffic

@testable import DataPlane

/// One worker that lives through everything at once: wrong requests in pieces, wrong answers in pieces, closes and resets at any
/// point, tables and endpoints that change meanwhile. Requests of well-behaved callers get their own answers all the while, and
/// when the storm is over nothing is left of it: every count of open things is back where it was.
@Suite struct DataPathFuzzTests {
  @Test func nothingIsLostMixedUpOrLeftOpen() throws {
    var storm = try Storm()
    let rounds = max(500, fuzzRounds / 4)
    for round in 0..<rounds {
      try storm.step(round)
      if round % 25 == 0 { try storm.expectCleanAnswer(round) }
    }
    try storm.expectCleanAnswer(-1)
    try storm.expectNothingLeft()
    let attempts = storm.attempts
    #expect(attempts > rounds / 10, "too few requests came through to mean anything: \(attempts)")
    #expect(storm.tunnelled > 0, "no request became a tunnel")
  }
}

/// The worker, its services, and callers of whom each is somewhere in its conversation.
private struct Storm {
  /// Callers at a time.
  static let most = 24

  private let proxy: ProxyHarness
  private let services: [ScriptedServer]
  private let echo: ScriptedServer
  private let clean: RawConnection
  private var callers: [Caller] = []
  private var requests: Mutator
  private var random: SeededRandom
  private var generation: UInt64 = 1

  struct Caller {
    let connection: RawConnection
    /// What it has yet to say.
    var pieces: [[UInt8]]
  }

  init() throws {
    services = try (0..<2).map(Self.service)
    echo = try ScriptedServer { connection, server, _ in
      while true {
        let request = try server.readRequest(connection)
        if request.isEmpty { return }
        let path = String(request.split(separator: " ")[1])
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
      }
    }
    var policy = ListenerPolicy()
    policy.allowsConnect = true
    proxy = try ProxyHarness(dtab: Self.dtab(0, echo.port), limits: Self.limits, policy: policy)
    clean = try proxy.connect()
    requests = Mutator(corpus: WireCorpus.requests, alphabet: WireCorpus.alphabet, seed: 0x57)
    random = SeededRandom(seed: 0x0e ^ fuzzSeed)
  }

  /// Small, so that every limit and every clock is met in a short run.
  private static var limits: ProxyLimits {
    var limits = ProxyLimits()
    limits.headTime = .milliseconds(300)
    limits.streamIdle = .seconds(3)  // above any pause of this machine: the clean caller's answers are never late
    limits.connectionIdle = .seconds(60)
    limits.connect = .milliseconds(200)
    limits.poolIdle = .milliseconds(300)
    limits.binding = .milliseconds(100)
    limits.highWater = 8192
    limits.turn = 4096
    limits.linger = .milliseconds(300)
    limits.tunnelIdle = .seconds(1)
    limits.tunnels = 8
    limits.lingerBytes = 4096
    limits.pendingPerName = 4
    limits.inFlightPerName = 16
    return limits
  }

  /// A service that answers rightly or wrongly, in pieces, and leaves when it likes.
  private static func service(_ seed: Int) throws -> ScriptedServer {
    try ScriptedServer { connection, _, number in
      var answers = Mutator(
        corpus: WireCorpus.answers, alphabet: WireCorpus.alphabet, seed: UInt64(seed &* 1_000_003 &+ number))
      while try !connection.read(until: { $0.contains("\r\n\r\n") }).text.isEmpty {
        let answer = answers.random.below(3) == 0 ? answers.next() : answers.good()
        let most = [3, 200, 70_000][answers.random.below(3)]
        for piece in answers.pieces(of: Array(answer.prefix(most * 300)), most: most) {
          if answers.random.below(200) == 0 { return answers.random.below(2) == 0 ? connection.reset() : () }
          try connection.send(piece)
        }
        if answers.random.below(12) == 0 { return answers.random.below(2) == 0 ? connection.reset() : () }
      }
    }
  }

  private static func dtab(_ variant: Int, _ echoPort: UInt16) -> String {
    let routes = [
      "/svc/web => /#/registry/web ; /svc/split => 3 * /#/registry/web & 1 * /#/registry/other",
      "/svc/web => /#/registry/other | /#/registry/web ; /svc/split => /svc/web & /$/nil & /#/registry/never",
      "/svc => /#/registry", "/svc/web => /$/fail ; /svc/split => ! | /#/registry/web ; /svc/other => /svc/other",
    ]
    return "\(routes[variant]) ; /svc/dead => /$/inet/127.0.0.1/1 ; /svc/echo => /$/inet/127.0.0.1/\(echoPort)"
  }

  // MARK: The storm

  mutating func step(_ round: Int) throws {
    while callers.count < Self.most { try call() }
    if random.below(15) == 0 { try swapTable() }
    if random.below(10) == 0 { try swapEndpoints() }
    for _ in 0..<4 { try moveOn(random.below(callers.count)) }
    pause()
  }

  private mutating func call() throws { callers.append(Caller(connection: try proxy.connect(), pieces: words())) }

  private mutating func replace(_ index: Int) throws {
    callers[index] = Caller(connection: try proxy.connect(), pieces: words())
  }

  /// A request, or several, right or wrong, in pieces.
  private mutating func words() -> [[UInt8]] {
    let wire = random.below(3) > 0 ? requests.good() : requests.next()
    return requests.pieces(of: wire, most: [20, 500, 50_000][random.below(3)])
  }

  private mutating func moveOn(_ index: Int) throws {
    for _ in 0...random.below(4) where !callers[index].pieces.isEmpty {
      let piece = callers[index].pieces.removeFirst()
      let sent = try callers[index].connection.sendWhatFits(piece, patience: 0)
      if sent < piece.count { callers[index].pieces.insert(Array(piece[sent...]), at: 0) }
    }
    let isOpen = random.below(3) == 0 || callers[index].connection.takeWhatIsThere()
    if !isOpen || random.below(40) == 0 {
      let left = callers[index]
      try replace(index)
      if random.below(2) == 0 { left.connection.reset() }
    } else if callers[index].pieces.isEmpty, random.below(2) == 0 {
      callers[index].pieces = words()  // the next request of a connection that stays
    }
  }

  private mutating func swapTable() throws {
    generation += 1
    let dtab = Self.dtab([0, 0, 0, 1, 1, 2, 3][random.below(7)], echo.port)
    let changed = random.below(2) == 0 ? nil : try ["/svc", "/svc/web", "/svc/split"].map { try Prefix(parsing: $0) }
    proxy.worker.send(.run(try ProxyHarness.table(dtab, generation: generation, changed: changed)))
  }

  private mutating func swapEndpoints() throws {
    let name = try Path(parsing: ["/#/registry/web", "/#/registry/other"][random.below(2)])
    // Mostly well: a request that goes nowhere tries little of the data path.
    let state: NameState = random.below(8) > 0 ? .bound : random.below(2) == 0 ? .negative : .failed
    let ports = services.map(\.port).filter { _ in random.below(6) > 0 } + (random.below(4) > 0 ? [] : [1])
    let endpoints = ports.map {
      Endpoint(address: .loopback(port: $0), text: "127.0.0.1:\($0)", weight: [1, 1, 1, 1, 1, 4, 4, 0][random.below(8)])
    }
    proxy.worker.send(
      .endpoints(
        EndpointSet(name: name, version: generation, state: state, endpoints: endpoints)))
  }

  // MARK: What must hold

  /// Requests that reached a wild service.
  var attempts: UInt64 {
    proxy.told.reduce(into: 0) { sum, notice in
      guard case .collected(_, _, let facts) = notice else { return }
      for attempt in facts.attempts where attempt.service != "/svc/echo" { sum += attempt.count }
    }
  }

  /// Bytes that went through tunnels.
  var tunnelled: UInt64 {
    proxy.told.reduce(into: 0) { sum, notice in
      if case .collected(_, _, let facts) = notice { sum += facts.tunnelBytes.received + facts.tunnelBytes.sent }
    }
  }

  func expectCleanAnswer(_ round: Int) throws {
    try clean.send("GET /\(round) HTTP/1.1\r\nHost: echo\r\n\r\n")
    let answer = try clean.readAnswer()
    #expect(answer.status == 200 && answer.body == "/\(round)", "\(answer)")
  }

  mutating func expectNothingLeft() throws {
    callers.removeAll()
    try Self.expectNothingLeft(of: proxy)
  }

  private static func expectNothingLeft(of proxy: ProxyHarness) throws {
    let staying = try (0..<3).map { _ in try proxy.connect() }
    let expected = staying.count + 1  // and the clean one
    do {
      try wait {
        let open = try proxy.gauges()
        return open.requestsInFlight == 0 && open.requestsPending == 0 && open.upstreamActive == 0
          && open.upstreamIdle == 0 && open.tunnels == 0 && open.downstreamConnections == expected
      }
    } catch { Issue.record("still open: \(try proxy.gauges()), expected \(expected) callers") }
    let endpoints = try proxy.describe(.endpoints())
    #expect(endpoints.contains("\"outstanding\":0") || endpoints == "[]")
    #expect(endpoints.count(of: "\"outstanding\":") == endpoints.count(of: "\"outstanding\":0,\"connections\":0,"), "\(endpoints)")
    let bindings = try proxy.describe(.bindings)
    #expect(bindings.count(of: "\"in_flight\":") == bindings.count(of: "\"in_flight\":0,"), "\(bindings)")
    for connection in staying {
      try connection.send("GET /stays HTTP/1.1\r\nHost: echo\r\n\r\n")
      #expect(try connection.readAnswer().body == "/stays")
    }
  }
}

extension String {
  fileprivate func count(of part: String) -> Int { ranges(of: part).count }
}
