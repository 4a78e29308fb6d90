import MeshProtocol
import RPC
import TestSupport
import Testing
import Thrift

@testable import DataPlane

/// Thrift calls through the data path, message by message.
@Suite struct ThriftCallTests {
  private func echo() throws -> ScriptedServer {
    try ScriptedServer.framed { message, _ in
      let front = try! ThriftMessage(message.span)
      return front.kind == .oneway ? [] : framed(thrift(.reply, sequence: front.sequence, as: front.encoding))
    }
  }

  @Test(arguments: [ThriftEncoding.binary, .oldBinary, .compact])
  func aCallAndItsAnswerPassAsTheyCame(_ encoding: ThriftEncoding) throws {
    let service = try echo()
    let proxy = try ProxyHarness(calls: .thrift, to: service.port)
    let caller = try proxy.framed()
    for sequence in 1...3 {
      try caller.send(framed(thrift(.call, sequence: Int32(sequence), as: encoding)))
      #expect(try caller.read() == thrift(.reply, sequence: Int32(sequence), as: encoding))
    }
    #expect(service.messages.first == thrift(.call, sequence: 1, as: encoding))
    #expect(service.connections == 1, "a connection is used again")
    let facts = try proxy.collect(ticket: 1)
    #expect(facts.requests.first { $0.service == "/svc" && $0.responseClass == .success }?.count == 3)
  }

  @Test func methodsAreNames() throws {
    let (users, others) = (try echo(), try echo())
    let proxy = try ProxyHarness(
      calls: .thrift, to: 0, methodInName: true,
      dtab: "/svc => /$/inet/127.0.0.1/\(others.port); /svc/greet => /$/inet/127.0.0.1/\(users.port)")
    let caller = try proxy.framed()
    for method in ["greet", "other"] {
      try caller.send(framed(thrift(.call, method)))
      #expect(try caller.read() == thrift(.reply))
    }
    #expect(users.messages.count == 1 && others.messages.count == 1)
  }

  @Test func aNameThatNobodyServesIsAnException() throws {
    let proxy = try ProxyHarness(calls: .thrift, to: 0, dtab: "/svc/nothing => /$/inet/127.0.0.1/1")
    let caller = try proxy.framed()
    for _ in 0..<2 {
      try caller.send(framed(thrift(.call)))
      let answer = try #require(try caller.read())
      let front = try ThriftMessage(answer.span)
      #expect(front.kind == .exception && front.sequence == 7)
      #expect(text(answer).contains("no-route: "))
    }
  }

  @Test func answersToPipelinedCallsKeepTheirOrder() throws {
    let service = try echo()
    let proxy = try ProxyHarness(calls: .thrift, to: service.port)
    let caller = try proxy.framed()
    try caller.send((1...50).flatMap { framed(thrift(.call, sequence: Int32($0))) })
    for sequence in 1...50 { #expect(try caller.read() == thrift(.reply, sequence: Int32(sequence))) }
  }

  @Test func oneConnectionToTheServiceForEachCallAtATime() throws {
    let service = try ScriptedServer { connection, server, _ in
      let peer = FramedConnection(connection)
      while let message = try peer.read() {
        server.keep("")
        try server.awaitRelease()
        try peer.send(framed(thrift(.reply, sequence: try ThriftMessage(message.span).sequence)))
      }
    }
    let proxy = try ProxyHarness(calls: .thrift, to: service.port)
    let callers = try (0..<3).map { _ in try proxy.framed() }
    for caller in callers { try caller.send(framed(thrift(.call))) }
    try wait { service.requests.count == 3 }
    #expect(service.connections == 3)
    service.release()
    for caller in callers { #expect(try caller.read() == thrift(.reply)) }
    try proxy.waitUntilQuiet(callers: 3)
    #expect(try proxy.gauges().upstreamIdle == 3)
  }

  @Test func oneClassOfAnswerForEachKindOfResult() throws {
    let service = try ScriptedServer.framed { message, _ in
      switch text(Array(message[(try! ThriftMessage(message.span)).method])) {
      case "value": framed(thrift(.reply, "value", result: [8, 0, 0, 0, 0, 0, 1, 0]))
      case "declared": framed(thrift(.reply, "declared", result: [12, 0, 1, 0, 0]))
      default: framed(exception("boom"))
      }
    }
    let proxy = try ProxyHarness(calls: .thrift, to: service.port)
    let caller = try proxy.framed()
    for method in ["value", "declared", "broken"] {
      try caller.send(framed(thrift(.call, method)))
      _ = try #require(try caller.read())
    }
    let facts = try proxy.collect(ticket: 1)
    #expect(facts.requests.first { $0.responseClass == .success }?.count == 2)
    #expect(facts.requests.first { $0.responseClass == .failure }?.count == 1)
  }

  @Test func aOnewayCallArrivesAndTheConnectionGoesOn() throws {
    let service = try echo()
    let proxy = try ProxyHarness(calls: .thrift, to: service.port)
    let caller = try proxy.framed()
    try caller.send(framed(thrift(.oneway, sequence: 1)) + framed(thrift(.call, sequence: 2)))
    #expect(try caller.read() == thrift(.reply, sequence: 2))
    try wait { service.messages.count == 2 }
    try proxy.waitUntilQuiet(callers: 1)
  }

  @Test func largeMessagesPass() throws {
    let large = [UInt8](repeating: 7, count: 3 << 20)
    let service = try ScriptedServer.framed { _, _ in framed(thrift(.reply, result: [11, 0, 0] + number(large.count, 4) + large + [0])) }
    let proxy = try ProxyHarness(calls: .thrift, to: service.port)
    let caller = try proxy.framed()
    let call = thrift(.call, result: [11, 0, 1] + number(large.count, 4) + large + [0])
    try caller.send(framed(call))
    #expect(try caller.read()?.count == thrift(.reply).count + 7 + large.count)
    #expect(service.messages.first == call)
  }

  @Test func aMessageAboveTheLimitEndsTheConnection() throws {
    let service = try echo()
    var limits = ProxyLimits.patient
    limits.calls.messageLimit = 1000
    let proxy = try ProxyHarness(calls: .thrift, to: service.port, limits: limits)
    let caller = try proxy.framed()
    try caller.send(number(1001, 4) + [0x80, 1])
    #expect(try caller.read() == nil)
    #expect(service.connections == 0)
    try proxy.waitUntilQuiet(callers: 0)
  }

  // MARK: Faults

  @Test func aServiceThatIsNotThereIsAnException() throws {
    let proxy = try ProxyHarness(calls: .thrift, to: 1)
    let caller = try proxy.framed()
    try caller.send(framed(thrift(.call)))
    #expect(text(try #require(try caller.read())).contains("connect-failed"))
  }

  @Test func aServiceThatLeavesWithinACallIsAnException() throws {
    let service = try ScriptedServer.framed { _, _ in nil }
    let proxy = try ProxyHarness(calls: .thrift, to: service.port)
    let caller = try proxy.framed()
    try caller.send(framed(thrift(.call)))
    #expect(text(try #require(try caller.read())).contains("upstream-reset"))
    #expect(service.messages.count == 1, "a call that may have been done is not sent again")
    try proxy.waitUntilQuiet(callers: 1)
  }

  @Test func aServiceThatAnswersWithSomethingElseIsAnException() throws {
    for said in [bytes("HTTP/1.1 200 OK\r\n\r\n"), framed(bytes("what")), framed(thrift(.reply, sequence: 99))] {
      let service = try ScriptedServer.framed { _, _ in said }
      let proxy = try ProxyHarness(calls: .thrift, to: service.port)
      let caller = try proxy.framed()
      try caller.send(framed(thrift(.call)))
      #expect(text(try #require(try caller.read())).contains("upstream-protocol"))
      try proxy.waitUntilQuiet(callers: 1)
    }
  }

  @Test func aSilentServiceIsATimeout() throws {
    let service = try ScriptedServer.framed { _, _ in [] }
    var limits = ProxyLimits.patient
    limits.request = .milliseconds(100)
    let proxy = try ProxyHarness(calls: .thrift, to: service.port, limits: limits)
    let caller = try proxy.framed()
    try caller.send(framed(thrift(.call)))
    #expect(text(try #require(try caller.read())).contains("timeout"))
    try proxy.waitUntilQuiet(callers: 1)
    #expect(try proxy.gauges().upstreamIdle == 0, "its connection owes an answer and is not used again")
  }

  @Test func aCallerThatLeavesCancels() throws {
    let service = try ScriptedServer.framed { _, _ in [] }
    let proxy = try ProxyHarness(calls: .thrift, to: service.port)
    do {
      let caller = try proxy.framed()
      try caller.send(framed(thrift(.call)))
      try wait { service.messages.count == 1 }
    }
    try proxy.waitUntilQuiet(callers: 0)
  }

  @Test func aServiceThatDeclaresHTTPIsNotCalled() throws {
    let proxy = try ProxyHarness(calls: .thrift, to: 0, dtab: "/svc => /#/registry/web")
    let name = try Path(parsing: "/#/registry/web")
    let endpoint = Endpoint(address: .loopback(port: 1), text: "127.0.0.1:1")
    proxy.answerWants(EndpointSet(name: name, version: 1, state: .bound, endpoints: [endpoint], serviceProtocol: .http1))
    let caller = try proxy.framed()
    try caller.send(framed(thrift(.call)))
    #expect(text(try #require(try caller.read())).contains("upstream-protocol"))
  }

  // MARK: Transports

  @Test func theHeaderTransportPassesAsItCame() throws {
    let service = try ScriptedServer.framed { message, _ in
      framed(headerFrame(thrift(.reply), sequence: try! ThriftHeaderFrame(message.span).sequence))
    }
    let proxy = try ProxyHarness(calls: .thrift, to: service.port)
    let caller = try proxy.framed()
    let call = headerFrame(thrift(.call), sequence: 5)
    try caller.send(framed(call))
    #expect(try caller.read() == headerFrame(thrift(.reply), sequence: 5))
    #expect(service.messages.first == call)
  }

  @Test func aTwitterCallSaysWhereItGoes() throws {
    let service = try echo()
    let proxy = try ProxyHarness(calls: .thrift, to: 0, dtab: "/svc/v2 => /$/inet/127.0.0.1/\(service.port)")
    let caller = try proxy.framed()
    try caller.send(framed(thrift(.call, "__can__finagle__trace__v3__", sequence: 0)))
    #expect(try caller.read() == thrift(.reply, "__can__finagle__trace__v3__", sequence: 0))
    let field = { (id: UInt8, text: String) in [11, 0, id] + number(text.utf8.count, 4) + bytes(text) }
    let dtab = [15, 0, 10, 12, 0, 0, 0, 1] + field(1, "/svc/users") + field(2, "/svc/v2") + [0]
    try caller.send(framed(field(9, "/users") + dtab + [0] + thrift(.call)))
    #expect(try caller.read() == [0] + thrift(.reply))
    #expect(service.messages.first == thrift(.call), "the service is spoken to without the upgrade")
  }

  @Test func drainingLetsACallEnd() throws {
    let service = try ScriptedServer { connection, server, _ in
      let peer = FramedConnection(connection)
      while try peer.read() != nil {
        server.keep("")
        try server.awaitRelease()
        try peer.send(framed(thrift(.reply)))
      }
    }
    let proxy = try ProxyHarness(calls: .thrift, to: service.port)
    let (busy, idle) = (try proxy.framed(), try proxy.framed())
    try busy.send(framed(thrift(.call)))
    try wait { service.requests.count == 1 }
    proxy.worker.send(.drain(grace: .seconds(30)))
    #expect(try idle.read() == nil)
    service.release()
    #expect(try busy.read() == thrift(.reply))
    #expect(try busy.read() == nil)
  }
}
