import MeshProtocol
import RPC
import Synchronization
import TestSupport
import Testing
import Thrift
import Traffic

@testable import DataPlane

/// Calls that are tried again for what their answer says.
@Suite struct RetryTests {
  /// An exception that the method declares, in field 1 of its result.
  private static let refusal: [UInt8] = [12, 0, 1, 0, 0]

  /// A service that throws so many times, and then answers.
  private func service(refusing times: Int) throws -> ScriptedServer {
    let calls = Mutex(0)
    return try ScriptedServer.framed { message, _ in
      let sequence = try! ThriftMessage(message.span).sequence
      let number = calls.withLock { count in
        count += 1
        return count
      }
      return framed(
        number <= times ? thrift(.reply, sequence: sequence, result: Self.refusal) : thrift(.reply, sequence: sequence))
    }
  }

  /// Retries of field 1, after a millisecond.
  private func policies(_ change: (inout TrafficPolicy) -> Void = { _ in }) throws -> PolicyTable {
    var policy = TrafficPolicy(prefix: try Prefix(parsing: "/svc"))
    policy.classes.declared = [1: .retryable]
    (policy.retries.shortestPause, policy.retries.longestPause) = (1_000_000, 1_000_000)
    change(&policy)
    return PolicyTable([policy])
  }

  private func retries(_ facts: WorkerFacts) -> [RetryReason: UInt64] {
    facts.retries.reduce(into: [:]) { $0[$1.reason, default: 0] += $1.count }
  }

  @Test(arguments: [ThriftEncoding.binary, .compact]) func theCallerSeesOnlyTheLastAnswer(_ encoding: ThriftEncoding) throws {
    let calls = Mutex(0)
    let service = try ScriptedServer.framed { message, _ in
      let front = try! ThriftMessage(message.span)
      let isFirst = calls.withLock { count in
        count += 1
        return count == 1
      }
      let refusal: [UInt8] = encoding == .compact ? [0x1c, 0, 0] : Self.refusal
      return framed(
        isFirst
          ? thrift(.reply, sequence: front.sequence, as: encoding, result: refusal)
          : thrift(.reply, sequence: front.sequence, as: encoding))
    }
    let proxy = try ProxyHarness(calls: .thrift, to: service.port, policies: policies())
    let caller = try proxy.framed()
    try caller.send(framed(thrift(.call, sequence: 9, as: encoding)))
    #expect(try caller.read() == thrift(.reply, sequence: 9, as: encoding))
    #expect(service.messages == [thrift(.call, sequence: 9, as: encoding), thrift(.call, sequence: 9, as: encoding)])
    let facts = try proxy.collect(ticket: 1)
    #expect(facts.requests.map(\.responseClass) == [.success] && facts.requests.first?.count == 1)
    let attempts = Set(facts.attempts.map { "\($0.tryKind) \($0.responseClass) \($0.count)" })
    #expect(attempts == ["first retryable 1", "retry success 1"])
    #expect(retries(facts) == [.response: 1])
    #expect(facts.gauges.requestsInFlight == 0)
  }

  @Test func noMoreOftenThanThePolicySays() throws {
    let service = try service(refusing: 100)
    let proxy = try ProxyHarness(calls: .thrift, to: service.port, policies: policies())
    let caller = try proxy.framed()
    try caller.send(framed(thrift(.call)))
    #expect(try caller.read() == thrift(.reply, result: Self.refusal))
    #expect(service.messages.count == 3, "once, and two retries")
    let facts = try proxy.collect(ticket: 1)
    #expect(facts.requests.map(\.responseClass) == [.retryable])
    #expect(Set(facts.attempts.map { "\($0.tryKind) \($0.count)" }) == ["first 1", "retry 2"])
  }

  @Test func whatIsNoRetryableFailureIsAnswered() throws {
    for (table, expected) in [
      (PolicyTable(), ResponseClass.success), (try policies { $0.classes.declared = [1: .failure] }, .failure),
      (try policies { $0.classes.declared = [2: .retryable] }, .success), (try policies { $0.retries.most = 0 }, .retryable),
      (try policies { $0.prefix = try! Prefix(parsing: "/svc/other") }, .success),
    ] {
      let service = try service(refusing: 1)
      let proxy = try ProxyHarness(calls: .thrift, to: service.port, policies: table)
      let caller = try proxy.framed()
      try caller.send(framed(thrift(.call)))
      #expect(try caller.read() == thrift(.reply, result: Self.refusal))
      let facts = try proxy.collect(ticket: 1)
      #expect(service.messages.count == 1 && facts.requests.map(\.responseClass) == [expected] && facts.retries.isEmpty)
    }
  }

  @Test func aRequestThatIsTooLongToKeepIsAnswered() throws {
    let service = try service(refusing: 1)
    let proxy = try ProxyHarness(calls: .thrift, to: service.port, policies: policies { $0.retries.buffer = 20 })
    let caller = try proxy.framed()
    try caller.send(framed(thrift(.call)))
    #expect(try caller.read() == thrift(.reply, result: Self.refusal))
    #expect(retries(try proxy.collect(ticket: 1)) == [.body: 1])
    #expect(service.messages.count == 1)
  }

  /// One of two endpoints refuses everything: what it refuses goes to the other one.
  @Test func aRetryGoesToAnotherEndpoint() throws {
    let (bad, good) = (try service(refusing: .max), try service(refusing: 0))
    let proxy = try RunningProxy(
      """
      registry: {users: {protocol: thrift, endpoints: ["127.0.0.1:\(bad.port)", "127.0.0.1:\(good.port)"]}}
      dtab: /svc => /#/registry/users
      policies:
        - {prefix: /svc, classify: {declared: retryable}, retries: {max: 1, backoff: {min: 1ms, max: 1ms}}}
      """, outbound: "[{name: calls, listen: \"127.0.0.1:0\", protocol: thrift}]", workers: 1)
    defer { proxy.end() }
    let caller = FramedConnection(try RawConnection(port: proxy.program.listeners[1].address.port))
    var calls: Int32 = 0
    while bad.messages.count < 5, calls < 200 {  // which one is tried first is chance
      calls += 1
      try caller.send(framed(thrift(.call, sequence: calls)))
      #expect(try caller.read() == thrift(.reply, sequence: calls))
    }
    #expect(bad.messages.count == 5 && good.messages.count == calls, "\(calls)")
  }

  /// Two calls, of which one in ten may be tried again, and none whatever the calls.
  @Test func anEmptyBudgetLeavesTheAnswer() throws {
    let service = try service(refusing: 100)
    let proxy = try ProxyHarness(
      calls: .thrift, to: service.port,
      policies: policies {
        $0.retries.share = 0.1
        $0.retries.floor = 0
      })
    let caller = try proxy.framed()
    for sequence in 1...2 {
      try caller.send(framed(thrift(.call, sequence: Int32(sequence))))
      #expect(try caller.read() == thrift(.reply, sequence: Int32(sequence), result: Self.refusal))
    }
    #expect(retries(try proxy.collect(ticket: 1)) == [.budget: 2])
    #expect(service.messages.count == 2)
  }

  /// The pause would outlast the time that the request has.
  @Test func neverPastTheDeadline() throws {
    let service = try service(refusing: 1)
    var limits = ProxyLimits.patient
    limits.request = .seconds(8)
    let proxy = try ProxyHarness(
      calls: .thrift, to: service.port, limits: limits,
      policies: policies { ($0.retries.shortestPause, $0.retries.longestPause) = (10_000_000_000, 10_000_000_000) })
    let caller = try proxy.framed()
    try caller.send(framed(thrift(.call)))
    #expect(try caller.read() == thrift(.reply, result: Self.refusal))
    #expect(service.messages.count == 1)
    #expect(try proxy.collect(ticket: 1).retries.isEmpty)
  }

  @Test func aOnewayCallIsSentOnce() throws {
    let service = try ScriptedServer.framed { message, _ in
      let front = try! ThriftMessage(message.span)
      return front.kind == .oneway ? [] : framed(thrift(.reply, sequence: front.sequence))
    }
    let proxy = try ProxyHarness(calls: .thrift, to: service.port, policies: policies { $0.classes.otherDeclared = .retryable })
    let caller = try proxy.framed()
    try caller.send(framed(thrift(.oneway, sequence: 1)) + framed(thrift(.call, sequence: 2)))
    #expect(try caller.read() == thrift(.reply, sequence: 2))
    #expect(service.messages.count == 2)
  }

  /// A caller that leaves while its call waits takes the call along.
  @Test func nobodyWaitsForACallWhoseCallerHasLeft() throws {
    let service = try service(refusing: 1)
    let proxy = try ProxyHarness(
      calls: .thrift, to: service.port,
      policies: policies { ($0.retries.shortestPause, $0.retries.longestPause) = (10_000_000_000, 10_000_000_000) })
    do {
      let caller = try proxy.framed()
      try caller.send(framed(thrift(.call)))
      try DataPlaneTests.wait { service.messages.count == 1 }
      try DataPlaneTests.wait { try proxy.gauges().requestsInFlight == 1 && proxy.gauges().upstreamIdle == 1 }
    }
    try DataPlaneTests.wait { try proxy.gauges().requestsInFlight == 0 }
    #expect(try proxy.gauges().downstreamConnections == 0)
    // The one that follows finds everything in order.
    let next = try proxy.framed()
    try next.send(framed(thrift(.call, sequence: 2)))
    #expect(try next.read() == thrift(.reply, sequence: 2))
    #expect(service.messages.count == 2)
  }

  /// Mux: what is carried is looked at where it is Thrift, a status error has a class of its own, and a discarded call is not sent again.
  @Test func callsOfMux() throws {
    for (spoken, first) in [
      (ListenerProtocol.thriftMux, replyBody(0, thrift(.reply, result: Self.refusal))), (.mux, replyBody(1, bytes("no"))),
    ] {
      let calls = Mutex(0)
      let service = try ScriptedServer.framed { message, _ in
        guard message[0] == 2 else { return [] }
        let isFirst = calls.withLock { count in
          count += 1
          return count == 1
        }
        let tag = message[1...3].reduce(0) { $0 << 8 | Int($1) }
        return muxAnswer(tag, isFirst ? first : replyBody(0, thrift(.reply)))
      }
      let proxy = try ProxyHarness(calls: spoken, to: service.port, policies: policies { $0.classes.error = .retryable })
      let caller = try proxy.framed()
      try caller.send(mux(2, 5, dispatchBody("/users", thrift(.call))))
      let answer = try #require(try caller.read())
      #expect(Array(answer.dropFirst(4)) == replyBody(0, thrift(.reply)), "\(spoken): \(answer)")
      #expect(retries(try proxy.collect(ticket: 1)) == [.response: 1])
    }
  }
}

/// An Rdispatch with this tag.
private func muxAnswer(_ tag: Int, _ body: [UInt8]) -> [UInt8] { mux(-2, tag, body) }
