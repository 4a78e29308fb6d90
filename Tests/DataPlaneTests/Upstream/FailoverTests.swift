import MeshProtocol
import SystemIO
import Testing
import Traffic

@testable import DataPlane

/// Alternatives written with `|` when the endpoints of the first are gone.
@Suite struct FailoverTests {
  /// A port on which nobody listens.
  private func deadPort() throws -> UInt16 {
    let listener = try Socket.listen(on: SocketAddress(host: "127.0.0.1", port: 0)!)
    return listener.localAddress()!.port
  }

  private func set(_ name: String, _ ports: [UInt16], version: UInt64 = 1) throws -> EndpointSet {
    EndpointSet(
      name: try Path(parsing: name), version: version, state: .bound,
      endpoints: ports.map { Endpoint(address: .loopback(port: $0), text: "127.0.0.1:\($0)") })
  }

  /// Makes the worker ask for the names and answers before any request of the test needs them.
  private func settle(_ proxy: ProxyHarness, _ sets: [EndpointSet]) throws {
    let connection = try proxy.connect()
    try connection.send("GET / HTTP/1.1\r\nHost: web\r\nheddle-explain: only\r\n\r\n")
    for set in sets {
      try proxy.wait { $0.contains { if case .wants(_, set.name) = $0 { true } else { false } } }
      proxy.worker.send(.endpoints(set))
    }
    #expect(try connection.readAnswer().status == 200)
    _ = try proxy.describe(.bindings)
  }

  @Test func noRequestIsLostWhenTheFirstIsDown() throws {
    let backup = try ScriptedServer.saying("backup")
    let proxy = try ProxyHarness(dtab: "/svc => /#/k8s | /#/consul")
    try settle(proxy, [try set("/#/k8s/web", [try deadPort(), try deadPort()]), try set("/#/consul/web", [backup.port])])
    let connection = try proxy.connect()
    for n in 0..<20 {
      try connection.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\nabc")
      #expect(try connection.readAnswer().body == "backup", "request \(n)")
    }
    #expect(backup.requests.count == 20)
    let sent = try #require(backup.requests.first)
    #expect(RawAnswer.field("l5d-dst-client", in: sent) == "/#/consul/web", "the lines of the leaf that took it")
    #expect(sent.hasSuffix("abc"))
  }

  @Test func chunkedBodiesMoveAsWell() throws {
    let backup = try ScriptedServer.saying("backup")
    let proxy = try ProxyHarness(dtab: "/svc => /#/k8s/a/longer/name | /#/c")
    try settle(proxy, [try set("/#/k8s/a/longer/name/web", [try deadPort()]), try set("/#/c/web", [backup.port])])
    let answer = try proxy.send(
      "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    #expect(answer.body == "backup")
    let sent = try #require(backup.requests.first)
    #expect(sent.contains("transfer-encoding: chunked") && sent.hasSuffix("3\r\nabc\r\n0\r\n\r\n"), "\(sent)")
  }

  @Test func anEmptyFirstYieldsAtOnce() throws {
    let backup = try ScriptedServer.saying("backup")
    let proxy = try ProxyHarness(dtab: "/svc => /#/k8s | /#/consul")
    try settle(proxy, [try set("/#/k8s/web", []), try set("/#/consul/web", [backup.port])])
    #expect(try proxy.get("web").body == "backup")
  }

  @Test func byNamingOnlyADownFirstStays() throws {
    let backup = try ScriptedServer.saying("backup")
    var binding = BindingPolicy()
    binding.failover = .naming
    let proxy = try ProxyHarness(dtab: "/svc => /#/k8s | /#/consul", binding: binding)
    try settle(proxy, [try set("/#/k8s/web", [try deadPort()]), try set("/#/consul/web", [backup.port])])
    #expect(try proxy.get("web").status == 502)
    #expect(backup.requests.isEmpty)
  }

  @Test func branchesOfAUnionDoNotStandByForEachOther() throws {
    let other = try ScriptedServer.saying("other")
    let proxy = try ProxyHarness(dtab: "/svc => 1 * /#/a & 1 * /#/b")
    try settle(proxy, [try set("/#/a/web", [try deadPort()]), try set("/#/b/web", [other.port])])
    var failed = 0
    for _ in 0..<20 where try proxy.get("web").status != 200 { failed += 1 }
    #expect(failed == 10)
  }

  @Test func whatYieldedIsTriedWithoutRiskingARequest() throws {
    let port = try deadPort()
    let backup = try ScriptedServer.saying("backup")
    let proxy = try ProxyHarness(dtab: "/svc => /#/k8s | /#/consul")
    try settle(proxy, [try set("/#/k8s/web", [port]), try set("/#/consul/web", [backup.port])])
    #expect(try proxy.get("web").body == "backup")
    let back = try Socket.listen(on: SocketAddress(host: "127.0.0.1", port: port)!)
    var probed = false
    try wait {
      if case .connection = back.accept() { probed = true }
      return probed
    }
    // Connectable again, and not yet for long enough.
    #expect(try proxy.get("web").body == "backup")
  }
}
