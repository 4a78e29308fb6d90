import Foundation
import Serving
import Settings
import SystemIO
import TLS
import TestSupport
import Testing

@testable import Discovery

/// Sources behind TLS: what `tls:` and a kubeconfig say of trust, certificates and names.
@Suite final class SecureSourceTests {
  private static let authority = Result { try TestAuthority() }
  private static let leaf = Result { try authority.get().leaf("source", names: ["IP:127.0.0.1", "DNS:source.test"]) }
  private static let caller = Result { try authority.get().leaf("caller", names: ["DNS:caller"], usage: "clientAuth") }

  private let folder: String
  private let consul: FakeConsul
  private let name = "/#/io.l5d.consul/dc1/web"

  init() throws {
    folder = NSTemporaryDirectory() + "heddle-source-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    consul = try FakeConsul()
    consul.set("web", [FakeConsul.instance("10.0.0.1")])
    try write("ca.pem", Self.authority.get().certificate)
    try write("me.pem", Self.caller.get().certificate)
    try write("me.key", Self.caller.get().key)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func write(_ name: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
  }

  /// Kept until the test has ended.
  private var relays: [TLSRelay] = []

  private func relay(to address: SocketAddress, clients: Bool = false, saysGoodbye: Bool = true) throws -> TLSRelay {
    let relay = try TLSRelay(
      to: address.port, Self.leaf.get(), clients: clients ? Self.authority.get().certificate : nil,
      saysGoodbye: saysGoodbye)
    relays.append(relay)
    return relay
  }

  /// - Parameter tls: what `tls:` says; the folder stands for `$`.
  private func discovering(_ relay: TLSRelay, _ tls: String?) throws -> Discovering {
    let keys = tls.map { "\ntls: {\($0.replacingOccurrences(of: "$", with: folder))}" } ?? ""
    return try Discovering("kind: io.l5d.consul\nurl: https://127.0.0.1:\(relay.port)\(keys)")
  }

  @Test(arguments: [
    "caFile: $/ca.pem", "caFile: $/ca.pem, serverName: source.test", "insecureSkipVerify: true",
    "caFile: $/ca.pem, certFile: $/me.pem, keyFile: $/me.key",
  ])
  func asksWhomItTrusts(tls: String) async throws {
    let relay = try relay(to: consul.server.address, clients: tls.contains("certFile"))
    let discovering = try discovering(relay, tls)
    #expect(await discovering.wants(name, bound: ["10.0.0.1:80"]))
  }

  @Test(arguments: [
    (nil, "signed by nobody we trust"), ("caFile: $/ca.pem, serverName: other.test", "for another name"),
    ("caFile: $/none.pem", "none.pem: "), ("caFile: $/me.key", "there is no PEM certificate in it"),
    ("certFile: $/ca.pem, keyFile: $/me.key", "does not belong"),
  ])
  func saysWhyItDoesNotAsk(tls: String?, reason: String) async throws {
    let discovering = try discovering(try relay(to: consul.server.address), tls)
    let state = await discovering.want(name) { $0.state == .failed }
    #expect(state?.reason.contains(reason) == true, "\(state?.reason ?? "nothing told")")
    #expect(consul.server.requests.isEmpty)
  }

  @Test func callersWithoutACertificateAreRefused() async throws {
    let discovering = try discovering(try relay(to: consul.server.address, clients: true), "caFile: $/ca.pem")
    #expect(await discovering.want(name) { $0.state == .failed } != nil)
    #expect(consul.server.requests.isEmpty)
  }

  /// An answer without a length ends where the connection ends. Whoever cuts the connection cannot say `close_notify`: his cut
  /// is no end, or the half of a list would be believed.
  @Test(arguments: [false, true]) func anAnswerCutWithoutCloseNotifyIsNotBelieved(saysGoodbye: Bool) async throws {
    let link = try FaultyLink(to: consul.server.address)
    defer { link.end() }
    let relay = try relay(to: link.address, saysGoodbye: saysGoodbye)
    let discovering = try discovering(relay, "caFile: $/ca.pem")
    #expect(await discovering.wants(name, bound: ["10.0.0.1:80"]))
    link.set(.saying("HTTP/1.1 200 OK\r\nX-Consul-Index: 1\r\nConnection: close\r\n\r\n[]"))
    #expect(await discovering.wait(name) { saysGoodbye ? $0.state == .negative : !$0.reason.isEmpty } != nil)
    #expect(await eventually { link.accepted >= 3 })
    #expect(discovering.told.all.last?.endpoints.isEmpty == saysGoodbye, "\(discovering.told.all)")
    link.set(.none)
    #expect(await discovering.wait(name) { $0.has(["10.0.0.1:80"]) && $0.reason.isEmpty } != nil)
  }

  @Test func aFileThatComesLaterCounts() async throws {
    let discovering = try discovering(try relay(to: consul.server.address), "caFile: $/late.pem")
    #expect(await discovering.want(name) { $0.state == .failed } != nil)
    try write("late.pem", Self.authority.get().certificate)
    #expect(await discovering.sees(name, bound: ["10.0.0.1:80"]))
  }

  @Test func aKubeconfigsCertificatesAreUsed() async throws {
    let cluster = try FakeKubernetes()
    cluster.put(FakeKubernetes.services, FakeKubernetes.service("web"))
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.1"]))
    let relay = try relay(to: cluster.server.address, clients: true)
    let data = try Data(Self.caller.get().certificate).base64EncodedString()
    let config = """
      current-context: main
      contexts: [{name: main, context: {cluster: one, user: me}}]
      clusters:
        - name: one
          cluster: {server: "https://127.0.0.1:\(relay.port)", certificate-authority: ca.pem, tls-server-name: source.test}
      users: [{name: me, user: {client-certificate-data: \(data), client-key: me.key}}]
      """
    try write("kubeconfig", Array(config.utf8))
    let discovering = try Discovering("kind: io.l5d.k8s\nkubeconfig: \(folder)/kubeconfig")
    #expect(await discovering.wants("/#/io.l5d.k8s/prod/http/web", bound: ["10.0.0.1:8080"]))
  }

  @Test func renewedFilesAreTakenAndBrokenOnesAreNot() throws {
    try write("mine.pem", Self.authority.get().certificate)
    var now = Instant.now()
    let trust = SourceTrust(authorities: .file("\(folder)/mine.pem"))
    let security = SourceSecurity(trust, log: silent) { now }.client
    let first = try security.context()
    try write("mine.pem", TestAuthority("Other").certificate)
    #expect(try security.context() === first)
    now = now + SourceSecurity.freshness
    let second = try security.context()
    #expect(second !== first)
    now = now + SourceSecurity.freshness
    #expect(try security.context() === second)
    try write("mine.pem", [0x61])
    now = now + SourceSecurity.freshness
    #expect(try security.context() === second)
    try write("mine.pem", Self.authority.get().certificate)
    now = now + SourceSecurity.freshness
    #expect(try security.context() !== second)
  }

  @Test(arguments: [
    ("kind: io.l5d.consul, url: \"http://a:1\", tls: {}", "namers[0].tls", "http://a:1 is not https"),
    ("kind: io.l5d.consul, tls: {certFile: /a}", "namers[0].tls.keyFile", "come together"),
    ("kind: io.l5d.etcd, tls: {keyFile: /a}", "namers[0].tls.certFile", "come together"),
    ("kind: io.l5d.marathon, tls: {caFle: /a}", "namers[0].tls.caFle", "caFile"),
    ("kind: io.l5d.swarm, url: \"unix:///a\", tls: {}", "namers[0].tls", "is not https"),
    ("kind: io.l5d.k8s, kubeconfig: /a, tls: {}", "namers[0].kubeconfig", "beside"),
  ])
  func saysWhatIsWrongWithTheKeys(entry: String, path: String, message: String) throws {
    let problems = ProblemList()
    _ = NamerConfiguration(try Node(yaml: Array("namers: [{\(entry)}]".utf8))["namers"], problems: problems)
    let problem = problems.problems.first
    #expect(problem?.path == path, "\(problems.problems)")
    #expect(problem.map { "\($0)".contains(message) } == true, "\(problems.problems)")
  }
}
