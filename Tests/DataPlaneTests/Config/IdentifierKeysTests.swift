import MeshProtocol
import Settings
import Testing
import Traffic

@testable import DataPlane

@Suite struct IdentifierKeysTests {
  private func read(_ yaml: String) throws -> [Identifier] {
    try ProxyConfiguration(
      file: Array(yaml.utf8), environment: { _ in nil }, options: [], hostName: "h", processors: 1
    ).listeners[0].policy.identifiers
  }

  @Test func routesThenTheHostUnlessSaidOtherwise() throws {
    #expect(try read("node: a") == Identifier.standard)
    #expect(Identifier.standard.map(\.kind) == [.routes, .header("host")])
  }

  @Test func everyKind() throws {
    let identifiers = try read(
      """
      outbound:
        identifiers:
          - kind: routes
          - {kind: header, header: X-Service, prefix: /http}
          - {kind: header, keep_port: true, keep_case: true}
          - {kind: method_and_host, version: false, path: true}
          - {kind: path, segments: 2, consume: true}
          - {kind: header_path, header: my-header, segments: 1}
          - {kind: static, path: /web/front, prefix: /}
          - kind: io.l5d.methodAndHost
            httpUriInDst: true
          - kind: io.l5d.header
      """)
    #expect(
      identifiers == [
        Identifier(.routes), Identifier(.header("x-service"), prefix: try Path(parsing: "/http")),
        Identifier(.header("host"), host: HostOptions(keepPort: true, keepCase: true)),
        Identifier(.methodAndHost(withVersion: false, withPath: true)), Identifier(.path(segments: 2, consumes: true)),
        Identifier(.headerPath("my-header", segments: 1)),
        Identifier(.fixed(try Path(parsing: "/web/front")), prefix: .root),
        Identifier(.methodAndHost(withVersion: true, withPath: true)), Identifier(.headerPath("l5d-name", segments: nil)),
      ])
  }

  @Test(
    arguments: [
      ("outbound: {identifiers: routes}", "outbound.identifiers"), ("outbound: {identifiers: []}", "outbound.identifiers"),
      ("outbound: {identifiers: [{kind: hosts}]}", "outbound.identifiers[0].kind"),
      ("outbound: {identifiers: [{header: a}]}", "outbound.identifiers[0].kind"),
      ("outbound: {identifiers: [{kind: static}]}", "outbound.identifiers[0].path"),
      ("outbound: {identifiers: [{kind: static, path: x}]}", "outbound.identifiers[0].path"),
      ("outbound: {identifiers: [{kind: header, header: 'a b'}]}", "outbound.identifiers[0].header"),
      ("outbound: {identifiers: [{kind: path, segments: 0}]}", "outbound.identifiers[0].segments"),
      ("outbound: {identifiers: [{kind: routes, prefix: svc}]}", "outbound.identifiers[0].prefix"),
      ("outbound: {identifiers: [{kind: routes, segmens: 1}]}", "outbound.identifiers[0].segmens"),
    ])
  func badListsAreRefusedWithTheirPlace(_ yaml: String, _ path: String) {
    let error = #expect(throws: SettingsError.self) { _ = try read(yaml) }
    #expect(error?.problems.contains { $0.path == path } == true, "\(error.debugDescription)")
  }
}
