import Foundation
import MeshProtocol
import Settings
import SystemIO
import Testing

@testable import DataPlane

func proxyConfiguration(
  _ yaml: String = "", environment: [String: String] = [:], options: [(name: String, value: String)] = []
) throws -> ProxyConfiguration {
  try ProxyConfiguration(
    file: Array(yaml.utf8), environment: { environment[$0] }, options: options, hostName: "host-1", processors: 3)
}

@Suite("Proxy configuration")
struct ProxyConfigurationTests {
  private func problems(_ yaml: String, environment: [String: String] = [:]) -> [String] {
    do {
      _ = try proxyConfiguration(yaml, environment: environment)
      return []
    } catch let error as SettingsError {
      return error.problems.map(\.description)
    } catch {
      return ["\(error)"]
    }
  }

  @Test("Without anything: the defaults of the contract, standalone")
  func defaults() throws {
    let configuration = try ProxyConfiguration(
      file: nil, environment: { _ in nil }, options: [], hostName: "host-1", processors: 3)
    #expect(configuration.node == "host-1")
    #expect(configuration.namespace == "default")
    #expect(configuration.listeners[0].address.description == "127.0.0.1:4140")
    #expect(configuration.admin.description == "127.0.0.1:9990")
    #expect(configuration.observe == nil)
    #expect(configuration.workers == 3)
    #expect(configuration.isStandalone)
    #expect(configuration.drainGrace == .seconds(30))
  }

  @Test("The table's defaults are the data path's defaults")
  func limitDefaults() throws {
    let limits = try proxyConfiguration().limits
    let standard = ProxyLimits()
    #expect(limits.connectionIdle == standard.connectionIdle)
    #expect(limits.headTime == standard.headTime)
    #expect(limits.streamIdle == standard.streamIdle)
    #expect(limits.connect == standard.connect)
    #expect(limits.poolIdle == standard.poolIdle)
    #expect(limits.binding == standard.binding)
    #expect(limits.request == standard.request)
    #expect(limits.pendingPerName == standard.pendingPerName)
    #expect(limits.inFlightPerName == standard.inFlightPerName)
    #expect(limits.concreteNames == standard.concreteNames)
    #expect(limits.resends == standard.resends)
    #expect(limits.highWater == standard.highWater)
    #expect(limits.lingerBytes == standard.lingerBytes && limits.linger == standard.linger)
    #expect(limits.interims == standard.interims)
    #expect(limits.tunnels == standard.tunnels && limits.tunnelIdle == standard.tunnelIdle)
    #expect(limits.downstreamConnections == standard.downstreamConnections)
  }

  @Test("Which protocols may be switched to")
  func upgrades() throws {
    let standard = try proxyConfiguration().listeners[0].policy
    #expect(standard.upgrades == .standard && !standard.allowsConnect)
    #expect(try proxyConfiguration("outbound: {upgrades: []}").listeners[0].policy.upgrades == UpgradeTokens())
    let several = try proxyConfiguration("outbound: {upgrades: [WebSocket, chat/2], connect: true}").listeners[0].policy
    #expect(several.upgrades.names == [Array("websocket".utf8), Array("chat/2".utf8)] && several.allowsConnect)
    for refused in ["h2c", "H2C", "HTTP/2.0", "h2c/1"] {
      #expect(problems("outbound: {upgrades: [\(refused)]}").first?.contains("cannot be tunnelled") == true)
    }
    for malformed in ["\"\"", "a b", "/1", "a/", "a/b/c"] {
      #expect(problems("outbound: {upgrades: [\(malformed)]}").first?.contains("expected the name") == true)
    }
    let many = (0...UpgradeTokens.limit).map { "p\($0)" }.joined(separator: ", ")
    #expect(problems("outbound: {upgrades: [\(many)]}").first?.contains("at most 32") == true)
  }

  @Test("A whole file")
  func file() throws {
    let configuration = try proxyConfiguration(
      """
      node: n1
      namespace: staging
      labels: {app: web, tier: front}
      zone: a
      mesh: [10.0.0.1, "[::1]:9", controller.local:4321]
      state: {path: /tmp/x}
      outbound:
        listen: 127.0.0.1:0
        timeouts: {connect: 250ms, request: 5s}
        limits: {buffer: 128KiB, interims: 0}
      observe: {listen: 0.0.0.0:9991}
      workers: 2
      dtab: |
        /svc => /#/registry ;
        /svc/a => /#/registry/b
      drain: {grace: 1s}
      """)
    #expect(configuration.mesh.map(\.description) == ["10.0.0.1:4321", "[::1]:9", "controller.local:4321"])
    #expect(configuration.labels == ["app": "web", "tier": "front"])
    #expect(configuration.limits.connect == .milliseconds(250))
    #expect(configuration.limits.request == .seconds(5))
    #expect(configuration.limits.highWater == 131_072)
    #expect(configuration.limits.interims == 0)
    #expect(configuration.dtab.dentries.count == 2)
    #expect(configuration.workers == 2)
    #expect(!configuration.isStandalone)
  }

  @Test("Environment and options")
  func environment() throws {
    let configuration = try proxyConfiguration(
      "mesh: a\n",
      environment: ["HEDDLE_MESH": "b,c:1", "HEDDLE_NODE": "e", "HEDDLE_NAMESPACE": "ns", "HEDDLE_WORKERS": "4"],
      options: [("--node", "o")])
    #expect(configuration.mesh.map(\.description) == ["b:4321", "c:1"])
    #expect(configuration.node == "o")
    #expect(configuration.namespace == "ns")
    #expect(configuration.workers == 4)
  }

  @Test("An admin port that others can reach is refused unless the operator insists")
  func insecure() throws {
    #expect(
      problems("admin: {listen: 0.0.0.0:9990}\n").first?.hasPrefix(
        "admin.listen: 0.0.0.0:9990 can be reached from other hosts") == true)
    #expect(try proxyConfiguration("admin: {listen: 0.0.0.0:9990}\ninsecure_listen: true\n").admin.port == 9990)
    #expect(try proxyConfiguration("admin: {listen: \"[::1]:1\"}\n").admin.isLoopback)
  }

  @Test(
    "Mistakes say where and what",
    arguments: [
      ("outbound:\n  lisen: x\n", "outbound.lisen: unknown key, line 2 column 3; did you mean listen?"),
      (
        "outbound: {listen: localhost}\n",
        "outbound.listen: expected an address such as 127.0.0.1:4140 or [::1]:4140, found \"localhost\", line 1 column 20"
      ),
      (
        "mesh: http://c:4180\n",
        "mesh: expected HOST or HOST:PORT, found \"http://c:4180\", line 1 column 7; without http://; the mesh port is 4321 unless configured"
      ),
      ("namespace: a/b\n", "namespace: expected a name of 1 to 253 letters, digits, '.', '_', '-', line 1 column 12"),
      ("dtab: '/svc => '\n", "dtab: "),
      (
        "namers: [{kind: io.l5d.statik}]\n",
        "namers[0].kind: unknown namer io.l5d.statik, line 1 column 17; a proxy's file knows io.l5d.static"
      ),
      (
        "registry: {a: [nowhere]}\n",
        "registry.a[0]: expected an address such as 127.0.0.1:8080 or [::1]:80, found \"nowhere\", line 1 column 16"
      ),
      (
        "registry: {a: [{address: '1.2.3.4:5', weight: -1}]}\n",
        "registry.a[0].weight: expected a number from 0, line 1 column 47"
      ),
      ("workers: 0\n", "workers: expected an integer from 1 to 256, found \"0\", line 1 column 10"),
    ])
  func mistakes(_ yaml: String, _ message: String) {
    let found = problems(yaml)
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix(message) == true, "\(found)")
  }

  @Test(
    "Controller addresses",
    arguments: [
      ("c", "c:4321"), ("c:1", "c:1"), ("10.0.0.1", "10.0.0.1:4321"), ("::1", "[::1]:4321"), ("[::1]:7", "[::1]:7"),
      ("", nil), (":1", nil), ("c:", nil), ("c:0", nil), ("c:99999", nil), ("a b", nil), ("c:1:2", nil),
    ] as [(String, String?)])
  func controllers(_ text: String, _ expected: String?) {
    #expect(ControllerAddress(text)?.description == expected)
  }

  @Test("Static names: bound with id and residual, unknown ones negative, others not ours")
  func staticNames() throws {
    let names = try proxyConfiguration(
      """
      registry: {users-v1: [127.0.0.1:8081, {address: "127.0.0.1:8082", weight: 2, zone: a}], one: 127.0.0.1:1}
      namers: [{kind: io.l5d.static, names: {web: []}}, {kind: io.l5d.static, prefix: /mine, names: {web: [127.0.0.1:3]}}]
      """
    ).names
    let users = try #require(names.answer(try Path(parsing: "/#/registry/users-v1/rest"), confirmed: 5))
    #expect(users.state == .bound)
    #expect(users.id == "/#/registry/users-v1")
    #expect(users.residual.description == "/rest")
    #expect(users.endpoints.map(\.text) == ["127.0.0.1:8081", "127.0.0.1:8082"])
    #expect(users.endpoints[1].weight == 2)
    #expect(names.answer(try Path(parsing: "/#/registry/one"), confirmed: 0)?.endpoints.count == 1)
    #expect(names.answer(try Path(parsing: "/#/registry/none"), confirmed: 0)?.state == .negative)
    #expect(names.answer(try Path(parsing: "/#/io.l5d.static/web"), confirmed: 0)?.state == .bound)
    #expect(names.answer(try Path(parsing: "/#/mine/web"), confirmed: 0)?.endpoints.count == 1)
    #expect(names.answer(try Path(parsing: "/#/io.l5d.k8s/a"), confirmed: 0) == nil)
  }

  @Test("A list may say what its service speaks")
  func declaredProtocols() throws {
    for speaks in EndpointProtocol.declarable {
      let names = try proxyConfiguration("registry: {a: {protocol: \(speaks.rawValue), endpoints: [127.0.0.1:1]}}").names
      let found = try #require(names.answer(try Path(parsing: "/#/registry/a"), confirmed: 0))
      #expect(found.serviceProtocol == speaks && found.endpoints.map(\.text) == ["127.0.0.1:1"])
    }
    let plain = try proxyConfiguration(
      "namers: [{kind: io.l5d.static, names: {a: {endpoints: [{address: '127.0.0.1:1', weight: 2}]}, b: {address: '127.0.0.1:2'}}}]"
    ).names
    for (name, weight) in [("a", 2.0), ("b", 1.0)] {
      let found = try #require(plain.answer(try Path(parsing: "/#/io.l5d.static/\(name)"), confirmed: 0))
      #expect(found.serviceProtocol == .automatic && found.endpoints.map(\.weight) == [weight])
    }
    for (service, problem) in [
      ("{protocol: automatic, endpoints: []}", "registry.a.protocol: expected one of http1, http2, tcp, thrift, mux, thriftmux"),
      ("{protocol: thrift}", "registry.a.endpoints: missing"), ("{endpoint: [127.0.0.1:1]}", "registry.a.endpoint: unknown key"),
      ("{endpoints: [127.0.0.1:1, x]}", "registry.a.endpoints[1]: expected an address"),
    ] {
      #expect(problems("registry: {a: \(service)}").contains { $0.hasPrefix(problem) }, "\(problems("registry: {a: \(service)}"))")
    }
  }

  @Test("docs/configuration-proxy.md holds the table (HEDDLE_UPDATE_DOCS=1 writes it)")
  func documentation() throws {
    let here = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = root.appendingPathComponent("docs/configuration-proxy.md")
    let begin = "<!-- table: written by ProxyConfigurationTests -->\n"
    let end = "<!-- end of table -->\n"
    let text = try String(contentsOf: page, encoding: .utf8)
    let start = try #require(text.range(of: begin))
    let stop = try #require(text.range(of: end))
    let wanted = String(text[..<start.upperBound]) + ProxyKeys.table.markdown + String(text[stop.lowerBound...])
    if ProcessInfo.processInfo.environment["HEDDLE_UPDATE_DOCS"] == "1" {
      try wanted.write(to: page, atomically: true, encoding: .utf8)
    } else {
      #expect(text == wanted)
    }
  }

  @Test("Command line: values, flags, mistakes, help")
  func commandLine() throws {
    let parsed = try ProxyCommandLine.reader.read(["--mesh=a", "--node", "x", "--validate", "--mesh", "b"])
    #expect(parsed.options.map(\.value) == ["a", "x", "b"])
    #expect(parsed.flags == ["--validate"])
    #expect(throws: CommandLineError.self) { try ProxyCommandLine.reader.read(["--mesh"]) }
    let error = #expect(throws: CommandLineError.self) { try ProxyCommandLine.reader.read(["--nod", "x"]) }
    #expect(error?.description == "unknown option --nod; did you mean --node?")
    for setting in ProxyKeys.table.settings {
      if let option = setting.option { #expect(ProxyCommandLine.help.contains(option)) }
    }
    #expect(ProxyProgram.run(arguments: ["--nonsense"]) == 2)
    #expect(ProxyProgram.run(arguments: ["--version"]) == 0)
    #expect(ProxyProgram.run(arguments: ["--validate", "--outbound", "nowhere"]) == 2)
    #expect(ProxyProgram.run(arguments: ["--config", "/nonexistent/heddle.yaml", "--validate"]) == 1)
  }

  private static let token = JoinToken(
    id: "t1", secret: [UInt8](repeating: 1, count: 32), rootHash: [UInt8](repeating: 2, count: 32))

  @Test("An identity: a token with a place to keep what comes; beside the state file unless said otherwise")
  func identity() throws {
    let configuration = try proxyConfiguration(
      "mesh: 10.0.0.1\nstate: {path: /var/lib/heddle/state}\n", environment: ["HEDDLE_JOIN_TOKEN": Self.token.text])
    let identity = try #require(configuration.identity)
    #expect(identity.folder.path == "/var/lib/heddle/state.identity")
    guard case .token(Self.token) = try identity.readProof() else {
      Issue.record("the token is another")
      return
    }
    #expect(identity.isWanted)
    let bare = try proxyConfiguration("mesh: 10.0.0.1\nstate: {path: state}\n").identity
    #expect(bare?.folder.path == "state.identity" && bare?.isWanted == false && bare?.hasProof == false)
    #expect(try proxyConfiguration("mesh: 10.0.0.1\n").identity == nil)
    #expect(try proxyConfiguration("mesh: 10.0.0.1\nidentity: {path: /x}\n").identity?.isWanted == true)
    #expect(try proxyConfiguration("state: {path: /x/state}\n").identity == nil)
  }

  @Test("An identity that cannot be: no mesh, no place, two tokens, a damaged one")
  func wrongIdentity() {
    let token = Self.token.text
    #expect(problems("identity: {path: /x}\n").first?.contains("no mesh to join") == true)
    #expect(problems("mesh: 10.0.0.1\nidentity: {join_token: \(token)}\n").first?.contains("no place for the key") == true)
    #expect(
      problems("mesh: 10.0.0.1\nidentity: {path: /x, join_token: \(token), join_token_file: /y}\n").first?
        .contains("join_token_file too") == true)
    let damaged = problems("mesh: 10.0.0.1\nidentity: {path: /x, join_token: \(token.dropLast(3))}\n")
    #expect(damaged.count == 1 && damaged[0].contains("cut off") && !damaged[0].contains("hj1.t1"))
    let account = "mesh: 10.0.0.1\nidentity: {path: /x, kubernetes_token_file: /token"
    #expect(problems(account + "}\n").first?.contains("nothing tells the controller") == true)
    #expect(problems(account + ", roots: /roots.pem}\n").isEmpty)
    #expect(problems(account + ", roots: /r, join_token_file: /y}\n").first?.contains("kubernetes_token_file too") == true)
    #expect(problems("mesh: 10.0.0.1\nidentity: {path: /x, roots: /r}\n").first?.contains("to use it with") == true)
    #expect(problems("mesh: 10.0.0.1\nidentity: {path: \"\"}\n").first?.contains("path of a folder") == true)
    #expect(problems("mesh: 10.0.0.1\nidentity: {token: x}\n").count == 1)
  }
}
