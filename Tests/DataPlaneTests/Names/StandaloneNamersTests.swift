import Foundation
import MeshProtocol
import Settings
import Testing

@testable import DataPlane

/// `namers:` in a proxy's file: which kinds, where, and a whole proxy with them.
@Suite(.serialized) struct StandaloneNamersTests {
  private func problems(_ yaml: String) throws -> [String] {
    let error = #expect(throws: SettingsError.self) { _ = try proxyConfiguration(yaml) }
    return try #require(error).problems.map(\.description)
  }

  @Test(arguments: [
    (
      "mesh: c\nnamers: [{kind: io.l5d.fs, rootDir: /tmp}]\n",
      "namers[0].kind: works without mesh only: the controller's namers answer such names, line 2 column 17"
    ),
    (
      "namers: [{kind: io.l5d.k8s}]\n",
      "namers[0].kind: is a controller's namer: a proxy holds no credentials for other systems, line 1 column 17"
    ),
    (
      "mesh: c\nnamers: [{kind: io.l5d.consul}]\n",
      "namers[0].kind: is a controller's namer: a proxy holds no credentials for other systems, line 2 column 17"
    ),
    (
      "namers: [{kind: fs}]\n",
      "namers[0].kind: unknown namer fs, line 1 column 17; a proxy's file knows io.l5d.static, io.l5d.fs, io.l5d.dns, "
        + "io.l5d.dnssrv, io.l5d.inet, io.l5d.rewrite"
    ),
    ("namers: [{kind: io.l5d.static}, {prefix: /a}]\n", "namers[1].kind: missing, line 1 column 33; a proxy's file knows"),
    ("namers: [{kind: io.l5d.fs}]\n", "namers[0].rootDir: missing: the directory whose files are the names"),
    ("namers: [{kind: io.l5d.fs, rootDir: /a, rootdir: /b}]\n", "namers[0].rootdir: unknown key"),
    (
      "namers: [{kind: io.l5d.dns, servers: [here]}]\n",
      "namers[0].servers: expected an address such as 10.0.0.2 or 10.0.0.2:53, found \"here\""
    ),
    (
      "namers: [{kind: io.l5d.rewrite, prefix: /all, pattern: '/{a}', name: '/#/io.l5d.fs/{b}'}]\n",
      "namers[0].name: {b} is not captured by the pattern"
    ),
    (
      "namers: [{kind: io.l5d.fs, rootDir: /a}, {kind: io.l5d.fs, rootDir: /b}]\n",
      "namers[1].prefix: /io.l5d.fs is another namer's already"
    ),
    ("namers: {kind: io.l5d.fs}\n", "namers: expected a list, found a mapping"),
  ])
  func aMistakeIsNamedWithItsPlace(_ yaml: String, _ message: String) throws {
    let found = try problems(yaml)
    #expect(found.count == 1 && found[0].hasPrefix(message), "\(found)")
  }

  @Test func whatNeedsNoConfigurationIsThere() throws {
    let namers = try proxyConfiguration("namers: [{kind: io.l5d.fs, prefix: /files, rootDir: /a}]\n").namers
    #expect(namers.prefixes.map(\.description).contains("/#/files"))
    #expect(namers.prefixes.map(\.description).contains("/#/io.l5d.dns"))
    #expect(namers.prefixes.map(\.description).contains("/$/inet"))
  }

  @Test func whoseFileListsEveryEndpointPaysForNoNamers() throws {
    let application = try Application()
    let port = application.address.split(separator: ":")[1]
    let yaml = "dtab: /svc => /#/registry ; /svc/direct => /$/inet/127.0.0.1/\(port)\nregistry: {web: ['\(application.address)']}\n"
    let proxy = try RunningProxy(yaml)
    defer { proxy.end() }
    #expect(try proxy.call("web") == 200)
    #expect(try proxy.call("direct") == 200)
    // Collected, so that the names in use are announced to the next table.
    _ = try proxy.admin("/metrics")
    proxy.program.reload(try proxyConfiguration(yaml.replacingOccurrences(of: "dtab: ", with: "dtab: /svc/more => /svc/web ; ")))
    #expect(try eventually { try proxy.call("more") == 200 })
    #expect(try proxy.admin("/resolve?name=/svc/direct").text?.contains(application.address) == true)
    #expect(try proxy.admin("/metrics").text?.contains("heddle_discovered_names") == false)
  }

  @Test func aRewrittenNameLeadsToAFileAndIsExplained() throws {
    let application = try Application()
    try withFolder { folder in
      let port = application.address.split(separator: ":")[1]
      try "127.0.0.1 \(port)\n".write(toFile: folder + "/web-prod", atomically: true, encoding: .utf8)
      let proxy = try RunningProxy(
        """
        dtab: /svc => /#/prod ; /host => /$/inet
        namers:
          - {kind: io.l5d.fs, rootDir: \(folder)}
          - {kind: io.l5d.rewrite, prefix: /prod, pattern: '/{name}', name: '/#/io.l5d.fs/{name}-prod'}
        """)
      defer { proxy.end() }
      // Nobody has asked for the name: its namer is asked for the explanation.
      let explanation = try #require(try proxy.admin("/resolve?name=/svc/web").text)
      #expect(explanation.contains("\"address\":\"\(application.address)\"") && explanation.contains("\"state\":\"bound\""))
      #expect(try proxy.call("web") == 200)
      #expect(try proxy.call("other") == 502)
      let metrics = try #require(try proxy.admin("/metrics").text)
      #expect(metrics.contains("heddle_endpoints{backend=\"/#/prod/web\",state=\"listed\"} 1\n"))
      #expect(metrics.contains("heddle_namer_watches{namer=\"/#/prod\"} "))
      let literal = try #require(try proxy.admin("/resolve?name=/host/127.0.0.1/\(port)").text)
      #expect(literal.contains("\"state\":\"bound\"") && literal.contains(application.address))
    }
  }

  @Test func aReloadMovesTheNamerWithoutFailingARequest() throws {
    let application = try Application()
    try withFolder { folder in
      let port = application.address.split(separator: ":")[1]
      try "127.0.0.1 \(port)\n".write(toFile: folder + "/web", atomically: true, encoding: .utf8)
      func yaml(_ prefix: String) -> String {
        "dtab: /svc => /#/\(prefix)\nnamers: [{kind: io.l5d.fs, prefix: /\(prefix), rootDir: \(folder)}]\n"
      }
      let proxy = try RunningProxy(yaml("a0"))
      defer { proxy.end() }
      #expect(try proxy.call("web") == 200)
      for round in 1...10 {
        proxy.program.reload(try proxyConfiguration(yaml("a\(round)")))
        // Requests meet the old table and the new one.
        var statuses: Set<Int> = []
        #expect(
          try eventually {
            statuses.insert(try proxy.call("web"))
            return try proxy.admin("/routes").text?.contains("/#/a\(round)\"") == true
          })
        statuses.insert(try proxy.call("web"))
        #expect(statuses == [200], "round \(round)")
      }
    }
  }
}
