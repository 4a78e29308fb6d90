import HTTP2
import MeshProtocol
import SystemIO
import TLS
import TestSupport
import Testing

@testable import DataPlane

/// Two proxies of one mesh: the caller's and the application's.
@Suite struct MeshPeerTests {
  private static let authority = Result { try MeshAuthority() }
  private static let domain = "spiffe://test.mesh/ns/default/sa/"

  static func credentials(
    _ name: String, from: Int64 = -300, to: Int64 = 3600, grace: Int64 = 0
  ) throws -> MeshCredentials {
    let (authority, key) = (try Self.authority.get(), PrivateKey())
    let leaf = try authority.issue(domain + name, for: CertificateRequest(key), from: from, to: to)
    let trust = MeshTrust(roots: [authority.root], outageGrace: grace)
    return try MeshCredentials(
      IssuedIdentity(chain: [leaf], key: key, trust: trust, namespace: "default"), key: key, trust: trust)
  }

  /// `web` is an application behind a proxy of its own, and cannot be reached otherwise.
  private final class World {
    let inbound: ProxyHarness
    let outbound: ProxyHarness

    init(
      _ service: ScriptedServer, expecting name: String = "users", caller: MeshCredentials? = nil, callerHasNone: Bool = false,
      address: UInt16 = 1, limits: ProxyLimits = .patient, change: (inout ListenerPolicy) -> Void = { _ in }
    ) throws {
      var policy = ListenerPolicy()
      policy.trust = .mesh
      policy.application = InboundApplication(
        name: Path(labels: ["$", "inet", "127.0.0.1", "\(service.port)"])!, service: "/svc/users")
      change(&policy)
      inbound = try ProxyHarness(dtab: "", limits: limits, policy: policy)
      inbound.worker.send(.credentials(try MeshPeerTests.credentials("users")))
      var callers = ListenerPolicy()
      callers.tcpName = Path(labels: ["svc", "web"])
      outbound = try ProxyHarness(dtab: "/svc => /#/registry", policy: callers)
      if !callerHasNone { outbound.worker.send(.credentials(try caller ?? MeshPeerTests.credentials("web"))) }
      let peer = MeshPeer(address: .loopback(port: inbound.port), identity: MeshPeerTests.domain + name)
      outbound.answerWants(
        EndpointSet(
          name: try Path(parsing: "/#/registry/web"), version: 1, state: .bound,
          endpoints: [Endpoint(address: .loopback(port: address), text: "127.0.0.1:\(address)", mesh: peer)]))
    }
  }

  @Test func requestsGoByMutualTLSOverHTTP2() throws {
    let service = try ScriptedServer.saying("app")
    let world = try World(service)
    for _ in 0..<5 { #expect(try world.outbound.get("web").body == "app") }
    let facts = try world.inbound.collect(ticket: 1)
    #expect(facts.detections[.inbound, .tls] == 1)  // one connection for all of them
    #expect(facts.requests.reduce(0) { $0 + $1.count } == 5)
    // A caller of the mesh is believed what it says.
    let sent = try #require(service.requests.last)
    #expect(RawAnswer.field("l5d-dst-service", in: sent) == "/svc/web")
    let attempts = try world.outbound.collect(ticket: 2).attempts
    #expect(attempts.allSatisfy { $0.endpoint == "127.0.0.1:1" } && attempts.reduce(0) { $0 + $1.count } == 5)
  }

  @Test func largeBodiesBothWays() throws {
    let body = String(repeating: "0123456789abcdef", count: 1 << 14)
    let service = try ScriptedServer.saying(body)
    let world = try World(service)
    let request = "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    let answer = try world.outbound.send(request)
    #expect(answer.status == 200 && answer.body == body)
    #expect(try #require(service.requests.last).hasSuffix(body))
  }

  @Test func callersOfHTTP2AreServedAlike() throws {
    let world = try World(try ScriptedServer.saying("app"))
    let caller = try world.outbound.caller()
    let streams = (0..<8).map { _ in caller.ask() }
    caller.run { streams.allSatisfy(caller.isOver) }
    #expect(streams.allSatisfy { caller.text($0) == "app" })
  }

  @Test func anotherServiceAtTheAddressGetsNothing() throws {  // item 93
    let service = try ScriptedServer.saying("wrong")
    let world = try World(service, expecting: "payments")
    let answer = try world.outbound.get("web")
    #expect(answer.status == 502 && answer.field("heddle-error") == "connect-failed")
    #expect(service.requests.isEmpty)
    #expect(try world.outbound.collect(ticket: 1).endpointTLSFaults[.wrongIdentity] >= 1)
  }

  @Test func anExpiredCallerIsTakenWithinTheGraceOnly() throws {
    let service = try ScriptedServer.saying("app")
    let expired = try World(service, caller: try Self.credentials("web", from: -7200, to: -60))
    #expect(try expired.outbound.get("web").status == 502)
    let forgiving = try World(service, caller: try Self.credentials("web", from: -7200, to: -60))
    forgiving.inbound.worker.send(.credentials(try Self.credentials("users", grace: 3600)))
    #expect(try forgiving.outbound.get("web").body == "app")
  }

  @Test func withoutAnIdentityItStaysWhatItWas() throws {
    let service = try ScriptedServer.saying("direct")
    let world = try World(service, callerHasNone: true, address: service.port)
    #expect(try world.outbound.get("web").body == "direct")
    #expect(try world.inbound.collect(ticket: 1).requests.isEmpty)
  }

  @Test func callersInClearAreServedAndNotBelieved() throws {
    let service = try ScriptedServer.saying("app")
    let world = try World(service)
    #expect(try world.inbound.get("any", fields: "l5d-dst-service: /svc/forged\r\n").body == "app")
    #expect(RawAnswer.field("l5d-dst-service", in: try #require(service.requests.last)) == nil)
  }

  @Test func whereOnlyTheMeshIsTakenOthersAreReset() throws {
    let service = try ScriptedServer.saying("app")
    let world = try World(service) { $0.takesMeshOnly = true }
    #expect(try world.outbound.get("web").body == "app")
    let stranger = try world.inbound.connect()
    try stranger.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    #expect(try stranger.readBytes(patience: RawConnection.patience) == nil)
    #expect(try world.inbound.collect(ticket: 1).tlsFaults[.notTLS] == 1)
    #expect(service.requests.count == 1)
  }

  @Test func aSwitchOfProtocolsGoesThroughBothProxies() throws {
    let service = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      try connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
      while let received = try connection.readBytes(patience: RawConnection.patience) { try connection.send(received) }
    }
    let world = try World(service)
    let caller = try world.outbound.connect()
    try caller.send("GET / HTTP/1.1\r\nHost: web\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
    #expect(try caller.read { $0.hasSuffix("\r\n\r\n") }.text.hasPrefix("HTTP/1.1 101"))
    try caller.send("through")
    #expect(try caller.read { $0 == "through" }.closed == false)
  }

  @Test func extendedConnectGoesThroughBothProxies() throws {
    let world = try World(try Handshake.service())
    let caller = try world.outbound.caller()
    let streams = [caller.openTunnel(), caller.openTunnel()]
    for stream in streams {
      caller.say("through", on: stream)
      #expect(caller.expect("through", on: stream) && caller.status[stream] == "200")
    }
    caller.session.reset(streams[0], .cancel)
    caller.say("!", on: streams[1], ends: true)
    caller.finish(streams[0], streams[1])
    #expect(caller.text(streams[1]) == "through!" && caller.closed[streams[1]] == .noError)
    try wait { try world.outbound.gauges().tunnels == 0 && world.inbound.gauges().tunnels == 0 }
  }

  @Test func bytesGoThroughBothProxiesAlsoWhereTheServiceBegins() throws {
    let service = try ScriptedServer { connection, _, _ in
      try connection.send("220 ready\r\n")
      while let received = try connection.readBytes(patience: RawConnection.patience) { try connection.send(received) }
    }
    let world = try World(service)
    let caller = try world.outbound.connect()
    try caller.send("\u{0}\u{1}")  // no HTTP
    #expect(try caller.read { $0 == "220 ready\r\n\u{0}\u{1}" }.closed == false)
    #expect(try world.inbound.collect(ticket: 1).detections[.inbound, .declared] == 1)
  }

  /// A declared protocol is that of callers in clear; proxies of the mesh speak their own.
  @Test func whatAListenerDeclaresKeepsNoProxyOut() throws {
    let http = try ScriptedServer.saying("app")
    let declared = try World(http) { $0.listenerProtocol = .http2 }
    #expect(try declared.outbound.get("web").body == "app")
    let plain = try declared.inbound.caller()
    let stream = plain.ask()
    plain.finish(stream)
    #expect(plain.text(stream) == "app")
    let first = try ScriptedServer { connection, _, _ in
      try connection.send("220 ready\r\n")
      while let received = try connection.readBytes(patience: RawConnection.patience) { try connection.send(received) }
    }
    var limits = ProxyLimits.patient
    limits.detection = .milliseconds(50)
    let bytes = try World(first, limits: limits) { $0.listenerProtocol = .tcp }
    for proxy in [bytes.outbound, bytes.inbound] {
      let caller = try proxy.connect()
      try caller.send("\u{0}\u{1}")
      #expect(try caller.read { $0 == "220 ready\r\n\u{0}\u{1}" }.closed == false)
    }
    let silent = try bytes.inbound.connect()
    #expect(try silent.read { $0 == "220 ready\r\n" }.closed == false)
  }

  @Test func aRenewedIdentityLosesNoRequest() throws {
    let world = try World(try ScriptedServer.saying("app"))
    for round in 0..<6 {
      #expect(try world.outbound.get("web").body == "app")
      if round % 2 == 0 {
        world.outbound.worker.send(.credentials(try Self.credentials("web")))
      } else {
        world.inbound.worker.send(.credentials(try Self.credentials("users")))
      }
    }
  }

  @Test func anApplicationThatIsDownIsTheApplicationsFault() throws {
    let service = try ScriptedServer.saying("app")
    let world = try World(service) {
      $0.application = InboundApplication(name: Path(labels: ["$", "inet", "127.0.0.1", "1"])!, service: "/svc/users")
    }
    let answer = try world.outbound.get("web")
    #expect(answer.status == 502 && answer.field("heddle-error") == "connect-failed")
  }
}
