import MeshProtocol
import Testing

@testable import DataPlane

/// The proxy in front of its own application: all goes there and nowhere else.
@Suite struct InboundListenerTests {
  private func proxy(
    _ service: ScriptedServer, trust: ListenerTrust = .always, inFlight: Int = 4096,
    serviceProtocol: EndpointProtocol = .automatic
  ) throws -> ProxyHarness {
    var policy = ListenerPolicy()
    policy.trust = trust
    policy.application = InboundApplication(
      name: Path(labels: ["$", "inet", "127.0.0.1", "\(service.port)"])!, service: "/svc/users",
      serviceProtocol: serviceProtocol, inFlight: inFlight)
    // Rules have no say, not even such as these.
    return try ProxyHarness(dtab: "/svc => /$/inet/127.0.0.1/1 ; /$ => /$/inet/127.0.0.1/1", policy: policy)
  }

  @Test func whateverTheHostItGoesToTheApplication() throws {
    let service = try ScriptedServer.saying("app")
    let proxy = try proxy(service)
    for host in ["web", "other.example:80", "127.0.0.1"] { #expect(try proxy.get(host).body == "app") }
    #expect(try proxy.send("GET http://elsewhere/x HTTP/1.1\r\nHost: web\r\n\r\n").body == "app")
    #expect(service.requests.count == 4)
    // A change of the rules moves nothing.
    try proxy.run("/svc => /$/inet/127.0.0.1/2", generation: 2, changed: nil)
    #expect(try proxy.get("web").body == "app")
  }

  @Test func countedAsInboundOnceEach() throws {
    let service = try ScriptedServer.saying("app")
    let proxy = try proxy(service)
    for _ in 0..<3 { #expect(try proxy.get("web").status == 200) }
    let facts = try proxy.collect(ticket: 1)
    let counted = facts.requests.filter { $0.service == "/svc/users" && $0.direction == .inbound }
    #expect(counted.reduce(0) { $0 + $1.count } == 3 && facts.requests.count == counted.count)
    #expect(facts.attempts.isEmpty)
    #expect(facts.bytes[Int(TrafficDirection.inbound.rawValue)].received > 0)
    #expect(facts.bytes[Int(TrafficDirection.outbound.rawValue)] == ByteFacts())
  }

  @Test func whatTheProxyBeforeWroteReachesTheApplication() throws {
    let service = try ScriptedServer.saying("app")
    let fields =
      "l5d-dst-service: /svc/users\r\nl5d-dst-client: /#/registry/users\r\nl5d-ctx-dtab: /svc/a => /b\r\nl5d-reqid: 7\r\n"
      + "x-forwarded-for: 10.0.0.9\r\nheddle-explain: only\r\n"
    let trusted = try proxy(service)
    #expect(try trusted.get("web", fields: fields).body == "app")
    let sent = try #require(service.requests.last)
    #expect(RawAnswer.field("l5d-dst-service", in: sent) == "/svc/users")
    #expect(RawAnswer.field("l5d-dst-client", in: sent) == "/#/registry/users")
    #expect(RawAnswer.field("l5d-ctx-dtab", in: sent) == "/svc/a => /b" && RawAnswer.field("l5d-reqid", in: sent) == "7")
    #expect(RawAnswer.field("x-forwarded-for", in: sent) == "10.0.0.9" && sent.contains("via: 1.1 heddle"))
    for trust in [ListenerTrust.never, .mesh] {  // a caller without an identity is no caller of the mesh
      let untrusted = try proxy(service, trust: trust)
      #expect(try untrusted.get("web", fields: fields).body == "app")
      let stripped = try #require(service.requests.last).lowercased()
      #expect(!stripped.contains("l5d-dst") && !stripped.contains("l5d-ctx") && !stripped.contains("x-forwarded"))
    }
  }

  @Test func tooManyAtOnceAreTurnedAway() throws {
    let service = try ScriptedServer { connection, server, _ in
      while try !server.readRequest(connection).isEmpty {}  // never answers
    }
    let proxy = try proxy(service, inFlight: 2)
    let waiting = try (0..<2).map { _ in
      let connection = try proxy.connect()
      try connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
      return connection
    }
    try DataPlaneTests.wait { try proxy.gauges().requestsInFlight == 2 }
    let refused = try proxy.get("web")
    #expect(refused.status == 503 && refused.field("heddle-error") == "overload")
    withExtendedLifetime(waiting) {}
  }

  @Test func anApplicationThatIsDownIsSaidToBe() throws {
    var policy = ListenerPolicy()
    policy.application = InboundApplication(
      name: Path(labels: ["$", "inet", "127.0.0.1", "1"])!, service: "/inbound")
    let answer = try ProxyHarness(dtab: "", policy: policy).get("web")
    #expect(answer.status == 502 && answer.field("heddle-error") == "connect-failed")
  }
}
