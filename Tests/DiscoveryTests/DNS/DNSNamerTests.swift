import MeshProtocol
import SystemIO
import TestSupport
import Testing

@testable import Discovery

/// Against a real name server.
@Suite(.enabled(if: Dnsmasq.isInstalled)) struct DNSNamerTests {
  private let server: Dnsmasq
  private let told = Told()
  private let web = path("/#/io.l5d.dns/web.test/8080")

  init() throws { server = try Dnsmasq() }

  private func start(grace: String = "50ms") throws -> DiscoveryService {
    let keys = "servers: ['\(server.address)'], maxTTL: 1s, minTTL: 100ms, grace: \(grace)"
    return try DiscoveryService.start(
      try configuration(
        """
        namers:
          - {kind: io.l5d.dns, ipv6: true, \(keys)}
          - {kind: io.l5d.dnssrv, ipv6: false, \(keys)}
          - {kind: io.l5d.inet, ipv6: false, \(keys)}
        """), log: silent, tell: told.add)
  }

  private func sees(_ name: Path, _ addresses: String...) async -> Bool {
    await told.wait(name) { $0.state == .bound && $0.endpoints.map(\.address) == addresses.sorted() } != nil
  }

  @Test func addressesAreFollowed() async throws {
    try server.hosts("10.0.0.1 web.test\nfd00::1 web.test\n")
    try server.start()
    let service = try start()
    defer { service.stop() }
    service.want(web.appending(Segment("rest")!))
    let rest = web.appending(Segment("rest")!)
    #expect(await sees(rest, "10.0.0.1:8080", "[fd00::1]:8080"))
    #expect(told.all.last?.residual == path("/rest"))
    try server.hosts("10.0.0.2 web.test\n")
    #expect(await sees(rest, "10.0.0.2:8080"))
  }

  @Test func theServerComesLateAndLeavesAndThatChangesNothing() async throws {
    try server.hosts("10.0.0.1 web.test\n")
    let service = try start()
    defer { service.stop() }
    service.want(web)
    #expect(await told.wait(web) { $0.state == .failed } != nil)
    try server.start()
    #expect(await sees(web, "10.0.0.1:8080"))
    server.stop()
    let stale = await told.wait(web) { !$0.reason.isEmpty }
    #expect(stale?.state == .bound && stale?.endpoints.count == 1)
  }

  @Test func aNameThatVanishesIsKeptForTheGrace() async throws {  // item 92
    try server.hosts("10.0.0.1 web.test\n")
    try server.start()
    let patient = try start(grace: "1h")
    service(wants: web, patient)
    #expect(await sees(web, "10.0.0.1:8080"))
    try server.hosts("")
    let doubted = await told.wait(web) { $0.reason.contains("not believed yet") }
    #expect(doubted?.state == .bound && doubted?.endpoints.count == 1)
    patient.stop()
    let hasty = try start()
    defer { hasty.stop() }
    try server.hosts("10.0.0.1 web.test\n")
    service(wants: web, hasty)
    #expect(await told.wait(web) { $0.state == .bound && $0.reason.isEmpty } != nil)
    try server.hosts("")
    #expect(await told.wait(web) { $0.state == .negative && $0.reason.contains("NXDOMAIN") } != nil)
  }

  private func service(wants name: Path, _ service: DiscoveryService) { service.want(name) }

  /// More than fits into one datagram.
  @Test func longAnswersComeOverTCP() async throws {
    try server.hosts((1...200).map { "10.0.0.\($0) many.test" }.joined(separator: "\n") + "\n")
    try server.start()
    let service = try start()
    defer { service.stop() }
    var state = await service.look(path("/#/io.l5d.dns/many.test/80"), within: patience)
    let end = Instant.now() + patience
    while state.state != .bound, Instant.now() < end {
      state = await service.look(path("/#/io.l5d.dns/many.test/80"), within: patience)
    }
    #expect(state.endpoints.count == 200)
  }

  @Test func servicesLeadToWeightedEndpoints() async throws {
    try server.hosts("10.0.0.1 a.test\n10.0.0.2 b.test\n10.0.0.3 c.test\n")
    try server.start(
      """
      srv-host=_http._tcp.web.test,a.test,8001,1,3
      srv-host=_http._tcp.web.test,b.test,8002,1,1
      srv-host=_http._tcp.web.test,c.test,8003,2,1
      """)
    let service = try start()
    defer { service.stop() }
    let name = path("/#/io.l5d.dnssrv/_http._tcp.web.test")
    service.want(name)
    #expect(await sees(name, "10.0.0.1:8001", "10.0.0.2:8002"))
    #expect(told.all.last?.endpoints.map(\.weight) == [3, 1])
    try server.hosts("10.0.0.9 a.test\n10.0.0.2 b.test\n10.0.0.3 c.test\n")
    #expect(await sees(name, "10.0.0.9:8001", "10.0.0.2:8002"))
    try server.start("srv-host=_http._tcp.web.test,c.test,8003,2,1")
    #expect(await sees(name, "10.0.0.3:8003"))
  }

  @Test func inetNamesAndFilesLeadThroughTheServer() async throws {
    try server.hosts("10.0.0.1 web.test\n10.0.0.2 web.test\n")
    try server.start()
    let folder = try Folder()
    try folder.write("web", "web.test 80 * 4\n10.0.0.9 90\n")
    let service = try DiscoveryService.start(
      try configuration(
        """
        namers:
          - {kind: io.l5d.inet, ipv6: false, servers: ['\(server.address)'], maxTTL: 1s}
          - {kind: io.l5d.fs, rootDir: \(folder.path)}
        """), log: silent, tell: told.add)
    defer { service.stop() }
    #expect(service.claims(path("/$/inet/web.test/80")))
    let inet = path("/$/inet/web.test/80")
    let reversed = path("/$/io.buoyant.rinet/80/web.test")
    let file = path("/#/io.l5d.fs/web")
    for name in [inet, reversed, file] { service.want(name) }
    #expect(await sees(inet, "10.0.0.1:80", "10.0.0.2:80"))
    #expect(await sees(reversed, "10.0.0.1:80", "10.0.0.2:80"))
    #expect(await sees(file, "10.0.0.1:80", "10.0.0.2:80", "10.0.0.9:90"))
    #expect(told.all.last { $0.name == file }?.endpoints.map(\.weight) == [2, 2, 1])
  }

  @Test(arguments: [
    ("/#/io.l5d.dns/web.test", "needs 2 segments"), ("/#/io.l5d.dns/web.test/http", "no port"),
    ("/#/io.l5d.dns/web.test/0", "no port"), (#"/#/io.l5d.dns/a\x20b/80"#, "neither an address nor a host name"),
    (#"/#/io.l5d.dnssrv/a\x2e\x2eb"#, "no name of a service"),
  ])
  func namesThatAreNoneAreNegative(_ name: String, _ reason: String) async throws {
    let service = try start()
    defer { service.stop() }
    let state = await service.look(path(name), within: patience)
    #expect(state.state == .negative && state.reason.contains(reason), "\(state.reason)")
  }

  @Test func numericNamesNeedNoServer() async throws {
    let service = try start()
    defer { service.stop() }
    let state = await service.look(path("/#/io.l5d.dns/10.1.2.3/80"), within: patience)
    #expect(state.endpoints.map(\.address) == ["10.1.2.3:80"])
  }
}
