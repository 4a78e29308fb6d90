import MeshProtocol
import SystemIO
import TLS
import TestSupport
import Testing

@testable import DataPlane

/// TLS to services, with a server of another make behind it.
@Suite struct SecureServiceTests {
  private static func world(
    _ service: ScriptedServer, names: [String] = ["DNS:pay.test"], asking serverName: String? = "pay.test",
    verifies: Bool = true, clients: Bool = false, presents: Bool = false
  ) throws -> (proxy: ProxyHarness, relay: TLSRelay) {
    let authority = try TestAuthority("Services")
    defer { authority.remove() }
    let relay = try TLSRelay(
      to: service.port, try authority.leaf("pay", names: names), clients: clients ? authority.certificate : nil)
    var settings = TLSSettings(
      trust: .certificates(pem: authority.certificate), peer: verifies ? .required : .none)
    if presents {
      let own = try authority.leaf("web", names: ["DNS:web"], usage: "clientAuth")
      settings.identities = [try TLSIdentity(chain: own.certificate, key: own.key)]
    }
    let services = [
      ServiceContext(prefix: try Prefix(parsing: "/#/other"), serverName: "no.test", context: try TLSContext(.client, settings)),
      ServiceContext(prefix: try Prefix(parsing: "/#/registry"), serverName: serverName, context: try TLSContext(.client, settings)),
    ]
    let proxy = try ProxyHarness(dtab: "/svc => /#/registry", services: services)
    proxy.answerWants(
      EndpointSet(
        name: try Path(parsing: "/#/registry/web"), version: 1, state: .bound,
        endpoints: [Endpoint(address: .loopback(port: relay.port), text: "127.0.0.1:\(relay.port)")]))
    return (proxy, relay)
  }

  @Test func requestsGoUnderTLSAndConnectionsAreUsedAgain() throws {
    let body = String(repeating: "x", count: 300_000)
    let service = try ScriptedServer.saying(body)
    let world = try Self.world(service)
    for _ in 0..<4 { #expect(try world.proxy.get("web").body == body) }
    #expect(service.requests.count == 4)
    #expect(try world.proxy.gauges().upstreamIdle == 1)
    let posted = "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    #expect(try world.proxy.send(posted).status == 200)
  }

  @Test(arguments: [
    (["DNS:other.test"], TLSFaults.Reason.wrongName), (["DNS:pay.test"], .unknownIssuer),
  ]) func whoCannotProveItselfGetsNothing(_ names: [String], _ reason: TLSFaults.Reason) throws {
    let service = try ScriptedServer.saying("secret")
    let world =
      if reason == .wrongName {
        try Self.world(service, names: names)
      } else { try Self.trustingAnother(service) }
    let answer = try world.proxy.get("web")
    #expect(answer.status == 502 && answer.field("heddle-error") == "connect-failed")
    #expect(service.requests.isEmpty)
    #expect(try world.proxy.collect(ticket: 1).endpointTLSFaults[reason] >= 1)
  }

  private static func trustingAnother(_ service: ScriptedServer) throws -> (proxy: ProxyHarness, relay: TLSRelay) {
    let world = try world(service)
    let stranger = try TestAuthority("Stranger")
    defer { stranger.remove() }
    let settings = TLSSettings(trust: .certificates(pem: stranger.certificate))
    world.proxy.worker.send(.secureService(1, try TLSContext(.client, settings)))
    return world
  }

  @Test func unverifiedWhereTheOperatorSaysSo() throws {
    let world = try Self.world(
      try ScriptedServer.saying("app"), names: ["DNS:other.test"], asking: nil, verifies: false)
    #expect(try world.proxy.get("web").body == "app")
  }

  @Test func aServiceThatAsksForACertificate() throws {
    let service = try ScriptedServer.saying("app")
    let known = try Self.world(service, clients: true, presents: true)
    #expect(try known.proxy.get("web").body == "app")
    // A refusal of TLS 1.3 comes behind the handshake: as an alert, in place of the answer.
    let unknown = try Self.world(service, clients: true)
    #expect(try unknown.proxy.get("web").status == 502 && service.requests.count == 1)
  }

  @Test func aServiceWithoutTLS() throws {
    let service = try ScriptedServer.saying("in clear")
    let world = try Self.world(service)
    let plain = try ProxyHarness(
      dtab: "/svc/web => /$/inet/127.0.0.1/\(service.port)",
      services: [
        ServiceContext(
          prefix: try Prefix(parsing: "/$/inet"), serverName: "x", context: try TLSContext(.client, TLSSettings()))
      ])
    let answer = try plain.get("web")
    #expect(answer.status == 502 && answer.field("heddle-error") == "connect-failed")
    withExtendedLifetime(world) {}
  }
}
