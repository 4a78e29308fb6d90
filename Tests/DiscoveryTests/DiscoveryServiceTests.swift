import MeshProtocol
import Settings
import SystemIO
import Testing

@testable import Discovery

@Suite struct DiscoveryServiceTests {
  private static let kinds: [any NamerSettings.Type] = [FakeSettings.self]

  @Test func wantedNamesAreToldAndLookedAt() async throws {
    let told = Told()
    let service = try DiscoveryService.start(
      try configuration("namers: [{kind: fake, segments: 1, answers: {/web: '10.0.0.1:80'}}]", kinds: Self.kinds),
      log: silent, tell: told.add)
    defer { service.stop() }
    #expect(service.claims(path("/#/fake/web")) && !service.claims(path("/#/other/web")))
    service.want(path("/#/fake/web/rest"))
    let state = await told.wait(path("/#/fake/web/rest")) { $0.state == .bound }
    #expect(state?.residual == path("/rest"))
    #expect(await service.look(path("/#/fake/web"), within: patience).state == .bound)
    #expect(await service.look(path("/#/fake/nobody"), within: patience).reason == "no /nobody")
    service.release(path("/#/fake/web/rest"))
    let page = service.exposition()
    #expect(page.contains("heddle_namer_findings_total{namer=\"/#/fake\"} 2"))
  }

  @Test func aSilentSourceIsPendingWhenTimeIsUp() async throws {
    let service = try DiscoveryService.start(
      try configuration("namers: [{kind: fake, answers: {/silent: x}}]", kinds: Self.kinds), log: silent
    ) { _ in }
    let state = await service.look(path("/#/fake/web"), within: .milliseconds(5))
    #expect(state.state == .pending)
    async let last = service.look(path("/#/fake/web"), within: patience)
    service.stop()
    #expect(await last.state == .pending)
  }

  @Test func namersChangeWhileRunning() async throws {
    let told = Told()
    let service = try DiscoveryService.start(
      try configuration("namers: [{kind: fake, answers: {/web: '10.0.0.1:80'}}]", kinds: Self.kinds), log: silent,
      tell: told.add)
    defer { service.stop() }
    service.want(path("/#/fake/web"))
    _ = await told.wait(path("/#/fake/web")) { $0.state == .bound }
    service.reconfigure(
      try configuration("namers: [{kind: fake, answers: {/web: '10.0.0.2:80'}}]", kinds: Self.kinds))
    let state = await told.wait(path("/#/fake/web")) { $0.endpoints.first?.address == "10.0.0.2:80" }
    #expect(state != nil)
    service.reconfigure(try configuration("namers: [{kind: fake, prefix: /x}]", kinds: Self.kinds))
    #expect(await told.wait(path("/#/fake/web")) { $0.state == .negative } != nil)
    #expect(!service.claims(path("/#/fake/web")) && service.claims(path("/#/x/web")))
  }

  @Test func aNamerThatDoesNotStartFailsItsNamesOnly() async throws {
    let service = try DiscoveryService.start(
      try configuration(
        """
        namers:
          - {kind: fake, answers: {/broken: x}}
          - {kind: fake, prefix: /good, answers: {/web: '10.0.0.1:80'}}
        """, kinds: Self.kinds), log: silent
    ) { _ in }
    defer { service.stop() }
    let broken = await service.look(path("/#/fake/web"), within: patience)
    #expect(broken.state == .failed && broken.reason.contains("did not start"))
    #expect(await service.look(path("/#/good/web"), within: patience).state == .bound)
  }

  @Test(arguments: [
    ("namers: 3", "namers: expected a list, found a text, line 1 column 9"),
    ("namers:\n  - {}", "namers[0].kind: missing, line 2 column 5; one of fake"),
    ("namers:\n  - kind: fakes", "namers[0].kind: unknown namer fakes, line 2 column 11; did you mean fake?"),
    ("namers:\n  - kind: fake\n    sgments: 2", "namers[0].sgments: unknown key, line 3 column 5; did you mean segments?"),
    ("namers:\n  - kind: fake\n    prefix: x", "namers[0].prefix: expected a path such as /fake, found \"x\", line 3 column 13"),
    ("namers:\n  - kind: fake\n    prefix: /registry", "namers[0].prefix: /registry is the registry's, line 3 column 13"),
    ("namers: [{kind: fake}, {kind: fake}]", "namers[1].prefix: /fake is another namer's already, line 1 column 24"),
    ("namers: [{kind: fake, grace: 25h}]", "namers[0].grace: expected at most 24h, line 1 column 30"),
  ])
  func badConfigurationIsRefusedWithItsPlace(_ yaml: String, _ message: String) {
    do {
      _ = try configuration(yaml, kinds: Self.kinds)
      Issue.record("accepted")
    } catch {
      #expect("\(error)" == message)
    }
  }
}
