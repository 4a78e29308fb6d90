import MeshProtocol
import SystemIO
import TLS
import TestSupport
import Testing
import Traffic

@testable import DataPlane

/// Tunnels under TLS: from a caller to the proxy, and from the proxy to the service. The caller is another proxy, whose callers come in
/// clear.
@Suite struct SecureTunnelTests {
  private final class World {
    let front: ProxyHarness
    let back: ProxyHarness

    /// - Parameter spoken: what `front` takes `back` to speak.
    init(_ service: UInt16, spoken: EndpointProtocol = .http1, limits: ProxyLimits = .patient) throws {
      let authority = try TestAuthority("Tunnels")
      defer { authority.remove() }
      let leaf = try authority.leaf("back", names: ["DNS:back.test"])
      var policy = ListenerPolicy()
      let identity = try TLSIdentity(chain: leaf.certificate, key: leaf.key)
      policy.security = try TLSContext(.server, TLSSettings(peer: .none, identities: [identity], protocols: ["h2", "http/1.1"]))
      back = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(service)", limits: limits, policy: policy)
      let trust = TLSSettings(trust: .certificates(pem: authority.certificate), peer: .required)
      front = try ProxyHarness(
        dtab: "/svc => /#/registry", limits: limits,
        services: [
          ServiceContext(
            prefix: try Prefix(parsing: "/#/registry"), serverName: "back.test", context: try TLSContext(.client, trust))
        ])
      front.answerWants(
        EndpointSet(
          name: try Path(parsing: "/#/registry/web"), version: 1, state: .bound,
          endpoints: [Endpoint(address: .loopback(port: back.port), text: "127.0.0.1:\(back.port)")],
          serviceProtocol: spoken))
    }

    /// A WebSocket that stands.
    func tunnel() throws -> RawConnection { try front.tunnel(Switch.request.replacing("X-Key", with: "Sec-WebSocket-Key")) }

    func waitUntilIdle() throws {
      try DataPlaneTests.wait { try self.front.gauges().tunnels == 0 && self.back.gauges().tunnels == 0 }
    }
  }

  private static let both: [EndpointProtocol] = [.http1, .http2]

  @Test(arguments: both) func bytesGoBothWays(_ spoken: EndpointProtocol) throws {
    var random = SeededRandom(seed: 5)
    let bytes = (0..<(1 << 20)).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    let world = try World(try Handshake.service().port, spoken: spoken)
    let caller = try world.tunnel()
    var (sent, received) = (0, 0)
    while received < bytes.count {
      let end = min(bytes.count, sent + 50_000)
      if sent < end { sent += try caller.sendWhatFits(Array(bytes[sent..<end]), patience: 0) }
      let more = try caller.readSome()
      guard !more.isEmpty, more[...] == bytes[received..<(received + more.count)] else { break }
      received += more.count
    }
    #expect(received == bytes.count)
    #expect(try world.back.gauges().tunnels == 1)
    #expect(try world.back.collect(ticket: 1).tlsFaults == TLSFaults())
    caller.endWriting()
    #expect(try caller.readToOrderlyEnd().isEmpty)
    try world.waitUntilIdle()
  }

  /// The end of one direction is told under TLS as well (close_notify), and the other goes on.
  @Test(arguments: both) func aCallerThatHasSaidAllHearsTheRest(_ spoken: EndpointProtocol) throws {
    let service = try Handshake.service { connection, _ in
      let heard = try connection.readToOrderlyEnd()
      try connection.send("heard \(heard)")
    }
    let world = try World(service.port, spoken: spoken)
    let caller = try world.tunnel()
    try caller.send("good bye")
    caller.endWriting()
    #expect(try caller.readToOrderlyEnd() == "heard good bye")
    try world.waitUntilIdle()
  }

  @Test(arguments: both) func aResetOfTheServiceIsTheCallers(_ spoken: EndpointProtocol) throws {
    let service = try Handshake.service { connection, _ in
      _ = try connection.readSome()
      connection.reset()
    }
    let world = try World(service.port, spoken: spoken)
    let caller = try world.tunnel()
    try caller.send("x")
    #expect(try caller.endsByReset())
    try world.waitUntilIdle()
  }

  @Test(arguments: both) func aResetOfTheCallerIsTheServices(_ spoken: EndpointProtocol) throws {
    let service = try Handshake.service { connection, server in
      if try connection.endsByReset() { server.release() }
    }
    let world = try World(service.port, spoken: spoken)
    var caller: RawConnection? = try world.tunnel()
    caller?.reset()
    caller = nil
    try wait { service.isReleased }
    try world.waitUntilIdle()
  }

  /// A service whose TLS is of another make.
  @Test func toAServiceBehindAnotherTLS() throws {
    let authority = try TestAuthority("Services")
    defer { authority.remove() }
    let service = try Handshake.service()
    let relay = try TLSRelay(to: service.port, try authority.leaf("chat", names: ["DNS:chat.test"]))
    let trust = TLSSettings(trust: .certificates(pem: authority.certificate), peer: .required)
    let proxy = try ProxyHarness(
      dtab: "/svc/web => /$/inet/127.0.0.1/\(relay.port)",
      services: [
        ServiceContext(prefix: try Prefix(parsing: "/$/inet"), serverName: "chat.test", context: try TLSContext(.client, trust))
      ])
    let older = try proxy.tunnel(Switch.request)
    try older.send("hello")
    #expect(try older.expect("hello"))
    let newer = try proxy.caller()
    let stream = newer.openTunnel()
    newer.say("hello", on: stream)
    #expect(newer.expect("hello", on: stream))
    withExtendedLifetime(relay) {}
  }
}
