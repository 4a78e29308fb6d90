import MeshProtocol
import RPC
import TestSupport
import Testing
import Thrift
import Traffic

@testable import DataPlane

/// One worker that lives through messages of Thrift and Mux, right and wrong ones, in any pieces, from callers that leave when they
/// like, to a service that answers as it likes. A well-behaved caller gets its own answers all the while, and when the storm is over
/// nothing is left of it.
@Suite struct CallStormFuzzTests {
  @Test(arguments: CallProtocol.allCases) func fuzzedCallersLeaveNothingOpen(_ spoken: CallProtocol) throws {
    var storm = try CallStorm(spoken)
    let rounds = max(500, fuzzRounds / 4)
    for round in 0..<rounds {
      try storm.step()
      if round % 25 == 0 { try storm.expectCleanAnswer(round) }
    }
    try storm.expectCleanAnswer(rounds)
    #expect(try storm.retried() > 0, "nothing was tried again")
    try storm.expectNothingLeft()
    #expect(storm.served > rounds / 20, "too few calls came through to mean anything: \(storm.served)")
  }
}

private struct CallStorm {
  /// Callers at a time.
  static let most = 16

  private let spoken: CallProtocol
  private let proxy: ProxyHarness
  private let wild: ScriptedServer
  private let clean: FramedConnection
  private var callers: [(connection: RawConnection, pieces: [[UInt8]])] = []
  private var messages: Mutator

  init(_ spoken: CallProtocol) throws {
    self.spoken = spoken
    wild = try Self.service(spoken)
    let tame = try ScriptedServer.framed { message, _ in Self.answer(spoken, message) }
    var limits = ProxyLimits()
    limits.calls.messageLimit = 65_536
    limits.streamIdle = .seconds(3)  // above any pause of this machine: the clean caller's answers are never late
    limits.poolIdle = .milliseconds(300)
    limits.request = .seconds(3)
    limits.highWater = 8192
    proxy = try ProxyHarness(
      calls: ListenerProtocol(rawValue: spoken.rawValue)!, to: 0, limits: limits, methodInName: true,
      dtab: "/svc => /$/inet/127.0.0.1/\(wild.port) ; /svc/tame => /$/inet/127.0.0.1/\(tame.port)",
      policies: PolicyTable([try Self.retries()]))
    clean = try proxy.framed()
    let corpus = spoken == .thrift ? Self.thrifts : spoken == .mux ? Self.muxes : Self.thrifts + Self.muxes
    messages = Mutator(corpus: corpus, alphabet: [0, 1, 2, 4, 11, 12, 64, 66, 0x7f, 0x80, 0x82, 0xfe, 0xff], seed: 0xca11)
  }

  private static let thrifts: [[UInt8]] = [
    framed(thrift(.call)), framed(thrift(.oneway)) + framed(thrift(.call, as: .compact)), framed(thrift(.call, as: .oldBinary)),
    framed(headerFrame(thrift(.call), sequence: 4)), framed(thrift(.call, "__can__finagle__trace__v3__")) + framed([0] + thrift(.call)),
    framed(thrift(.call, result: [11, 0, 1] + number(20_000, 4) + [UInt8](repeating: 1, count: 20_000) + [0])),
  ]
  private static let muxes: [[UInt8]] = [
    mux(2, 1, dispatchBody("/users", thrift(.call), dtab: [("/svc/users", "/svc/tame")])), mux(65, 2) + mux(68, 1, number(1, 2)),
    mux(2, 0x80_0007, dispatchBody("/a", [])) + mux(2, 7, thrift(.call)), mux(2, 1, dispatchBody("", thrift(.call))) + mux(66, 0, number(1, 3)),
    mux(1, 9, [0] + thrift(.call)), mux(64, 3), mux(2, 5, dispatchBody("/x", [UInt8](repeating: 3, count: 30_000))),
  ]

  /// A right answer, or none to what wants none.
  private static func answer(_ spoken: CallProtocol, _ message: [UInt8]) -> [UInt8] {
    if spoken != .thrift { return message.first == 2 ? mux(-2, message[1..<4].reduce(0) { $0 << 8 | Int($1) }, replyBody(0, thrift(.reply))) : [] }
    guard let front = try? ThriftMessage(message.span), front.kind == .call else { return [] }
    return framed(thrift(.reply, sequence: front.sequence, as: front.encoding))
  }

  /// A declared exception, or an error of Mux.
  private static func refusal(_ spoken: CallProtocol, _ message: [UInt8]) -> [UInt8] {
    if spoken != .thrift {
      return message.first == 2 ? mux(-2, message[1..<4].reduce(0) { $0 << 8 | Int($1) }, replyBody(1, bytes("no"))) : []
    }
    guard let front = try? ThriftMessage(message.span), front.kind == .call else { return [] }
    let result: [UInt8] = front.encoding == .compact ? [0x1c, 0, 0] : [12, 0, 1, 0, 0]
    return framed(thrift(.reply, sequence: front.sequence, as: front.encoding, result: result))
  }

  /// Answers well, wrongly, with a refusal, not at all, or leaves.
  private static func service(_ spoken: CallProtocol) throws -> ScriptedServer {
    try ScriptedServer.framed { message, connection in
      let right = answer(spoken, message)
      switch (message.count + connection) % 8 {
      case 0: return nil
      case 1: return right.isEmpty ? [] : bytes("no answer\r\n\r\n")
      case 2 where spoken != .thrift && !right.isEmpty: return Array(right.prefix(8)) + [2, 0, 0]
      case 3: return framed(thrift(.reply, sequence: 12_345))
      case 4: return refusal(spoken, message)
      default: return right
      }
    }
  }

  /// All that is refused is tried again, after pauses that callers come and go in.
  private static func retries() throws -> TrafficPolicy {
    var policy = TrafficPolicy(prefix: try Prefix(parsing: "/svc"))
    (policy.classes.otherDeclared, policy.classes.error) = (.retryable, .retryable)
    policy.retries.most = 3
    policy.retries.floor = 1000
    policy.retries.buffer = 10_000
    (policy.retries.shortestPause, policy.retries.longestPause) = (0, 30_000_000)
    return policy
  }

  /// How often that was.
  func retried() throws -> UInt64 {
    try proxy.collect(ticket: 1).retries.filter { $0.reason == .response }.reduce(0) { $0 + $1.count }
  }

  /// Messages that reached the wild service.
  var served: Int { wild.requests.count }

  mutating func step() throws {
    if callers.count < Self.most, messages.random.below(3) > 0 {
      let bytes = (messages.random.below(3) > 0 ? messages.good() : []) + messages.next()
      let most = messages.random.below(4) == 0 ? 64 : 40_000
      callers.append((try proxy.connect(), messages.pieces(of: bytes, most: most)))
    }
    guard !callers.isEmpty else { return }
    let at = messages.random.below(callers.count)
    if callers[at].pieces.isEmpty || messages.random.below(20) == 0 {
      if messages.random.below(2) == 0 { callers[at].connection.reset() }
      callers.remove(at: at)
    } else if (try? callers[at].connection.send(callers[at].pieces.removeFirst())) == nil {
      callers.remove(at: at)  // the proxy has closed it
    } else {
      _ = callers[at].connection.takeWhatIsThere()
    }
  }

  func expectCleanAnswer(_ round: Int) throws {
    let sequence = Int32(round + 1)
    let call = thrift(.call, "tame", sequence: sequence)
    if spoken == .thrift {
      try clean.send(framed(call))
      #expect(try clean.read() == thrift(.reply, sequence: sequence), "round \(round)")
    } else {
      let destination = spoken == .mux ? "/tame" : ""
      try clean.send(mux(2, round + 1, dispatchBody(destination, call)))
      #expect(try clean.read() == Array(mux(-2, round + 1, replyBody(0, thrift(.reply))).dropFirst(4)), "round \(round)")
    }
  }

  mutating func expectNothingLeft() throws {
    callers = []
    try proxy.waitUntilQuiet(callers: 1)
  }
}
