import MeshProtocol
import SystemIO
import TestSupport
import Testing

@testable import Discovery

@Suite struct PathPatternTests {
  @Test(arguments: [
    ("/{service}/{env}", "/users/prod/rest", ["service": "users", "env": "prod"]),
    ("/{a}.com", "/x.y.com", ["a": "x.y"]),
    ("/{a}-{b}", "/x-y-z", ["a": "x-y", "b": "z"]),
    ("/{b}:http/*", "/web:http/anything", ["b": "web"]),
    ("/http/{host}", "/http/h", ["host": "h"]),
    (#"/{a}"#, #"/\xff\x2f"#, ["a": "\u{ff}/"]),
  ])
  func patternsMatchTheFirstSegments(_ pattern: String, _ name: String, _ values: [String: String]) throws {
    #expect(try PathPattern(parsing: pattern).match(path(name)) == values)
  }

  @Test(arguments: [("/{a}/{b}", "/x"), ("/{a}.com", "/.com"), ("/http/{h}", "/https/h"), ("/{a}-{b}", "/x-")])
  func othersDoNotMatch(_ pattern: String, _ name: String) throws {
    #expect(try PathPattern(parsing: pattern).match(path(name)) == nil)
  }

  @Test(arguments: [
    "a", "/", "//a", "/{a", "/a}", "/{}", "/{a b}", "/{a}{b}", "/{a}/{a}", "/é",
    "/" + (0..<17).map { "{c\($0)}" }.joined(separator: "/"),
  ])
  func badPatternsAreRefused(_ text: String) { #expect(throws: PathPattern.Fault.self) { _ = try PathPattern(parsing: text) } }
}

@Suite struct RewriteNamerTests {
  private static let kinds = NamerKinds.local + [FakeSettings.self]

  private func start(_ yaml: String, _ told: Told = Told()) throws -> DiscoveryService {
    try DiscoveryService.start(try configuration(yaml, kinds: Self.kinds), log: silent, tell: told.add)
  }

  @Test func aNameLeadsToAnother() async throws {
    let service = try start(
      """
      namers:
        - {kind: fake, answers: {/prod/http/users: '10.0.0.1:80'}}
        - {kind: io.l5d.rewrite, prefix: /all, pattern: '/{service}/{env}', name: '/#/fake/{env}/http/{service}'}
      """)
    defer { service.stop() }
    let state = await service.look(path("/#/all/users/prod/rest"), within: patience)
    #expect(state.state == .bound && state.endpoints.map(\.address) == ["10.0.0.1:80"])
    #expect(state.id == path("/#/all/users/prod") && state.residual == path("/rest"))
    let missing = await service.look(path("/#/all/nobody/prod"), within: patience)
    #expect(missing.state == .negative && missing.reason.contains("/#/fake/prod/http/nobody"))
  }

  @Test func theTargetsChangesAreTold() async throws {
    let folder = try Folder()
    try folder.write("users", "10.0.0.1 80")
    let told = Told()
    let service = try start(
      """
      namers:
        - {kind: io.l5d.fs, rootDir: \(folder.path), grace: 0s}
        - {kind: io.l5d.rewrite, prefix: /all, pattern: '/{service}', name: '/#/io.l5d.fs/{service}'}
      """, told)
    defer { service.stop() }
    let name = path("/#/all/users")
    service.want(name)
    #expect(await told.wait(name) { $0.endpoints.first?.address == "10.0.0.1:80" } != nil)
    try folder.write("users", "10.0.0.2 80")
    #expect(await told.wait(name) { $0.endpoints.first?.address == "10.0.0.2:80" } != nil)
    try removeFile("\(folder.path)/users")
    #expect(await told.wait(name) { $0.state == .negative } != nil)
  }

  @Test(arguments: [
    ("/{a}", "/#/all/{a}"), ("/{a}", "/#/all/{a}{a}"), ("/{a}", "/#/all/x{a}/more"), ("/{a}", "/#/other/{a}"),
  ])
  func circlesFail(_ pattern: String, _ name: String) async throws {
    let service = try start(
      """
      namers:
        - {kind: io.l5d.rewrite, prefix: /all, pattern: '\(pattern)', name: '\(name.replacing("{a}{a}", with: "{a}x{a}"))'}
        - {kind: io.l5d.rewrite, prefix: /other, pattern: '/{a}', name: '/#/all/{a}'}
      """)
    defer { service.stop() }
    let state = await service.look(path("/#/all/q"), within: patience)
    #expect(state.state == .failed && state.reason.contains("circle"), "\(state.reason)")
  }

  @Test(arguments: [
    ("{kind: io.l5d.rewrite}", "namers[0].pattern: missing, line 1 column 10\nnamers[0].name: missing, line 1 column 10"),
    (
      "{kind: io.l5d.rewrite, pattern: /a, name: /svc/x}",
      "namers[0].name: expected a concrete name: it begins with /#/ or /$/, line 1 column 52"
    ),
    (
      "{kind: io.l5d.rewrite, pattern: '/{a}', name: '/#/x/{b}'}",
      "namers[0].name: {b} is not captured by the pattern, line 1 column 56"
    ),
  ])
  func badConfigurationIsRefused(_ entry: String, _ message: String) {
    #expect { _ = try configuration("namers: [\(entry)]") } throws: { "\($0)" == message }
  }
}
