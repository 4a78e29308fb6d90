import RPC
import TestSupport
import Testing
import Thrift

@testable import DataPlane

/// Mux, and Thrift over Mux, through the data path.
@Suite struct MuxCallTests {
  /// Answers each dispatch with its payload.
  private func echo() throws -> ScriptedServer {
    try ScriptedServer.framed { message, _ in
      message[0] == 2 ? mux(-2, self.tag(message), replyBody(0, self.payload(message))) : []
    }
  }

  private func tag(_ message: [UInt8]) -> Int { message[1..<4].reduce(0) { $0 << 8 | Int($1) } }

  /// Of a dispatch without contexts and dentries.
  private func payload(_ message: [UInt8]) -> [UInt8] {
    let destination = Int(message[6]) << 8 | Int(message[7])
    return Array(message[(8 + destination + 2)...])
  }

  @Test func aDispatchGoesWhereItSays() throws {
    let (users, others) = (try echo(), try echo())
    let proxy = try ProxyHarness(
      calls: .mux, to: 0, dtab: "/svc => /$/inet/127.0.0.1/\(others.port); /svc/users => /$/inet/127.0.0.1/\(users.port)")
    let caller = try proxy.framed()
    try caller.send(mux(2, 1, dispatchBody("/users", bytes("hello"))))
    #expect(try caller.read() == Array(mux(-2, 1, replyBody(0, bytes("hello"))).dropFirst(4)))
    try caller.send(mux(2, 1, dispatchBody("", bytes("nobody in particular"))))
    _ = try caller.read()
    #expect(users.messages.count == 1 && others.messages.count == 1)
    #expect(users.messages.first == Array(mux(2, 1, dispatchBody("/users", bytes("hello"))).dropFirst(4)))
  }

  @Test func callersShareAConnectionToTheService() throws {
    let service = try ScriptedServer { connection, server, _ in
      let peer = FramedConnection(connection)
      var waiting: [[UInt8]] = []
      while let message = try peer.read() {
        server.keep("")
        waiting.append(message)
        if waiting.count < 3 { continue }
        for message in waiting.reversed() { try peer.send(mux(-2, self.tag(message), replyBody(0, self.payload(message)))) }
      }
    }
    let proxy = try ProxyHarness(calls: .mux, to: service.port)
    let callers = try (0..<3).map { _ in try proxy.framed() }
    for (number, caller) in callers.enumerated() { try caller.send(mux(2, 9, dispatchBody("/a", bytes("\(number)")))) }
    for (number, caller) in callers.enumerated() {
      #expect(try caller.read() == Array(mux(-2, 9, replyBody(0, bytes("\(number)"))).dropFirst(4)))
    }
    #expect(service.connections == 1)
    try proxy.waitUntilQuiet(callers: 3)
  }

  @Test func aDispatchBringsItsOwnDentries() throws {
    let service = try echo()
    let proxy = try ProxyHarness(calls: .mux, to: 0, dtab: "/svc/other => /$/inet/127.0.0.1/\(service.port)")
    let caller = try proxy.framed()
    let body = dispatchBody("/users", bytes("hi"), dtab: [("/svc/users", "/svc/other")])
    try caller.send(mux(2, 1, body))
    _ = try caller.read()
    #expect(service.messages.first == Array(mux(2, 1, body).dropFirst(4)))
  }

  @Test func whatIsRefusedGoesElsewhere() throws {
    let full = try ScriptedServer.framed { message, _ in mux(-2, self.tag(message), replyBody(2, bytes("busy"))) }
    let free = try echo()
    let proxy = try ProxyHarness(
      calls: .mux, to: 0, dtab: "/svc => /$/inet/127.0.0.1/\(full.port)")
    let caller = try proxy.framed()
    try caller.send(mux(2, 1, dispatchBody("/a", bytes("x"))))
    let nack = try #require(try caller.read())
    #expect(nack[4] == 2, "the caller may send it again")
    let attempts = full.messages.count
    #expect((2...4).contains(attempts), "it was sent again within the limit: \(attempts)")
    #expect(try proxy.collect(ticket: 1).retries.isEmpty == false)
    try proxy.run("/svc => /$/inet/127.0.0.1/\(free.port)", generation: 2)
    try caller.send(mux(2, 1, dispatchBody("/a", bytes("x"))))
    #expect(try caller.read()?[4] == 0)
  }

  @Test func faultsAreErrorsOrNacks() throws {
    let proxy = try ProxyHarness(calls: .mux, to: 0, dtab: "/svc/down => /$/inet/127.0.0.1/1")
    let caller = try proxy.framed()
    for (destination, status, reason) in [("/down", UInt8(2), "connect-failed"), ("/nowhere", 1, "no-route")] {
      try caller.send(mux(2, 3, dispatchBody(destination, [])))
      let answer = try #require(try caller.read())
      #expect(answer[4] == status && text(answer).contains(reason), "\(text(answer))")
    }
  }

  @Test func aDiscardedDispatchIsDiscardedAtTheService() throws {
    let service = try ScriptedServer.framed { _, _ in [] }
    let proxy = try ProxyHarness(calls: .mux, to: service.port)
    let caller = try proxy.framed()
    try caller.send(mux(2, 3, dispatchBody("/a", [])))
    try wait { service.messages.count == 1 }
    try caller.send(mux(66, 0, number(3, 3) + bytes("bored")))
    #expect(try caller.read()?[4] == 1)
    try wait { service.messages.count == 2 }
    #expect(service.messages.last?.prefix(7) == [66, 0, 0, 0, 0, 0, 1])
    try proxy.waitUntilQuiet(callers: 1)
  }

  @Test func anEndpointThatDrainsGetsNoMore() throws {
    let service = try ScriptedServer.framed { message, connection in
      guard message[0] == 2 else { return [] }
      return mux(-2, self.tag(message), replyBody(0, [])) + (connection == 0 ? mux(64, 1) : [])
    }
    let proxy = try ProxyHarness(calls: .mux, to: service.port)
    let caller = try proxy.framed()
    for _ in 0..<3 {
      try caller.send(mux(2, 1, dispatchBody("/a", [])))
      #expect(try caller.read()?[4] == 0)
    }
    #expect(service.connections == 2)
    #expect(service.messages.contains([UInt8(bitPattern: -64), 0, 0, 1]))
  }

  @Test func drainingTellsCallers() throws {
    let service = try echo()
    let proxy = try ProxyHarness(calls: .mux, to: service.port)
    let caller = try proxy.framed()
    try caller.send(mux(65, 1))
    #expect(try caller.read() == [UInt8(bitPattern: -65), 0, 0, 1])
    proxy.worker.send(.drain(grace: .seconds(30)))
    let drain = try #require(try caller.read())
    #expect(drain[0] == 64)
    try caller.send(mux(2, 2, dispatchBody("/a", [])))
    #expect(try caller.read()?.prefix(4) == [0xfe, 0, 0, 2], "what was on its way is served")
    try caller.send(mux(-64, tag(drain)))
    #expect(try caller.read() == nil)
  }

  @Test func aSilentSessionIsAskedAndThenClosed() throws {
    let service = try ScriptedServer.framed { _, _ in [] }
    var limits = ProxyLimits.patient
    limits.ping = .milliseconds(50)
    let proxy = try ProxyHarness(calls: .mux, to: service.port, limits: limits)
    let caller = try proxy.framed()
    try caller.send(mux(2, 1, dispatchBody("/a", [])))
    #expect(try caller.read()?.first == 65)
    try proxy.waitUntilQuiet(callers: 0)
  }

  // MARK: Thrift over Mux

  @Test func thriftOverMuxIsNamedByItsMethod() throws {
    let service = try ScriptedServer.framed { message, _ in
      mux(-2, self.tag(message), replyBody(0, message.count > 40 ? exception("boom") : thrift(.reply)))
    }
    let proxy = try ProxyHarness(
      calls: .thriftMux, to: 0, methodInName: true, dtab: "/svc/users/greet => /$/inet/127.0.0.1/\(service.port)")
    let caller = try proxy.framed()
    try caller.send(mux(2, 1, dispatchBody("/users", thrift(.call))))
    #expect(try caller.read() == Array(mux(-2, 1, replyBody(0, thrift(.reply))).dropFirst(4)))
    try caller.send(mux(2, 1, dispatchBody("/users", thrift(.call, result: [11, 0, 1] + number(9, 4) + bytes("ignoreme!") + [0]))))
    #expect(try caller.read() == Array(mux(-2, 1, replyBody(0, exception("boom"))).dropFirst(4)))
    let facts = try proxy.collect(ticket: 1)
    #expect(facts.requests.first { $0.responseClass == .failure }?.count == 1)
  }

  @Test func aCallerOfPlainThriftReachesAServiceOfThriftOverMux() throws {
    let service = try ScriptedServer.framed { message, _ in mux(-2, self.tag(message), replyBody(0, thrift(.reply))) }
    let proxy = try ProxyHarness(calls: .thriftMux, to: service.port)
    let caller = try proxy.framed()
    for frame in [thrift(.call), headerFrame(thrift(.call), sequence: 2)] {
      try caller.send(framed(frame))
      let answer = try #require(try caller.read())
      #expect(answer == thrift(.reply) || answer == headerFrame(thrift(.reply), sequence: 2))
    }
    #expect(service.messages.allSatisfy { $0.suffix(thrift(.call).count).elementsEqual(thrift(.call)) })
  }
}
