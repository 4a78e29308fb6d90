import MeshProtocol
import Testing
import Traffic

@testable import DataPlane

/// Authorizations before the application, for callers without an identity; those with one are in `MeshPeerTests`' world.
@Suite struct AuthorizeTests {
  private func proxy(_ service: ScriptedServer, _ rules: AuthorizationRule..., dryRun: Bool = false) throws
    -> ProxyHarness
  {
    var policy = ListenerPolicy()
    policy.application = InboundApplication(
      name: Path(labels: ["$", "inet", "127.0.0.1", "\(service.port)"])!, service: "/svc/users")
    let proxy = try ProxyHarness(dtab: "", policy: policy)
    try swap(
      proxy, ["users": Authorization(target: .everyWorkload, mode: dryRun ? .dryRun : .enforce, rules: rules)], 2)
    return proxy
  }

  private func swap(_ proxy: ProxyHarness, _ all: [String: Authorization], _ generation: UInt64) throws {
    let table = RoutingTable(
      generation: generation, rules: RuleIndex(), authorizations: AuthorizationTable(all, for: nil), changed: [])
    proxy.worker.send(.run(table))
    try proxy.wait { notices in
      notices.contains { if case .running(_, let running) = $0 { running == generation } else { false } }
    }
  }

  /// `decision authorization count`, in order.
  private func counted(_ proxy: ProxyHarness, _ ticket: UInt64 = 1) throws -> [String] {
    try proxy.collect(ticket: ticket).authorizations.map { "\($0.verdict.rawValue) \($0.authorization) \($0.count)" }
      .sorted()
  }

  private let open = AuthorizationRule(from: [.anyone], methods: ["GET"], paths: ["/open"])

  @Test func untilThereIsAConfigurationNobodyIsLetIn() throws {
    let service = try ScriptedServer.saying("app")
    let proxy = try proxy(service)
    proxy.worker.send(
      .run(RoutingTable(generation: 3, rules: RuleIndex(), authorizations: .undecided, changed: [])))
    try proxy.wait { notices in
      notices.contains { if case .running(_, 3) = $0 { true } else { false } }
    }
    let refused = try proxy.get("web")
    #expect(refused.status == 503 && refused.field("heddle-error") == "binding-timeout")
    let bytes = try proxy.connect()
    try bytes.send("\u{0}\u{1}")
    #expect(try bytes.readBytes(patience: RawConnection.patience) == nil)
    #expect(service.requests.isEmpty)
    #expect(try counted(proxy) == [])
    try swap(proxy, [:], 4)
    #expect(try proxy.get("web").body == "app")
  }

  @Test func onlyWhatARuleAllowsReachesTheApplication() throws {
    let service = try ScriptedServer.saying("app")
    let proxy = try proxy(service, open)
    #expect(try proxy.get("web", path: "/open/x?y").body == "app")
    for path in ["/", "/opened", "/open/../x", "/open/%2e%2e/x", "/open%2f", "*"] {
      let answer = try proxy.get("web", path: path)
      #expect(answer.status == (path == "*" ? 400 : 403), "\(path)")
      #expect(path == "*" || answer.field("heddle-error") == "unauthorized", "\(path)")
    }
    #expect(try proxy.send("DELETE /open HTTP/1.1\r\nHost: web\r\n\r\n").status == 403)
    #expect(service.requests.count == 1)
    #expect(try counted(proxy) == ["allowed users 1", "denied users 6"])
    #expect(try counted(proxy, 2) == [])
  }

  @Test func aRefusedRequestEndsNoConnection() throws {
    let service = try ScriptedServer.saying("app")
    let proxy = try proxy(service, open)
    let connection = try proxy.connect()
    for path in ["/closed", "/open", "/closed", "/open"] {
      try connection.send("GET \(path) HTTP/1.1\r\nHost: web\r\n\r\n")
      #expect(try connection.readAnswer().status == (path == "/open" ? 200 : 403))
    }
  }

  @Test func gRPCHearsItsOwnCode() throws {
    let service = try ScriptedServer.saying("app")
    let proxy = try proxy(service, open)
    let client = try proxy.caller()
    let call = client.request(
      "POST", "/shop.Users/Get", authority: "web", headers: [("content-type", "application/grpc"), ("te", "trailers")],
      body: [0, 0, 0, 0, 0])
    client.run { client.isOver(call) }
    #expect(client.heads[call]?["grpc-status"] == "7" && client.heads[call]?["heddle-error"] == "unauthorized")
    #expect(service.requests.isEmpty)
  }

  @Test func aConnectionOfBytesIsResetUnlessARuleLeavesMethodsAndPathsOpen() throws {
    let service = try ScriptedServer { connection, _, _ in
      while let received = try connection.readBytes(patience: RawConnection.patience) { try connection.send(received) }
    }
    let proxy = try proxy(service, AuthorizationRule(from: [.anyone], paths: ["/"]))
    let refused = try proxy.connect()
    try refused.send("*1\r\n$4\r\nPING\r\n")
    #expect(try refused.endsByReset())
    try swap(proxy, ["b": Authorization(target: .everyWorkload, rules: [AuthorizationRule(from: [.anyone])])], 3)
    let taken = try proxy.connect()
    try taken.send("*1\r\n$4\r\nPING\r\n")
    #expect(try taken.read { $0.hasSuffix("PING\r\n") }.closed == false)
    #expect(try counted(proxy) == ["allowed b 1", "denied users 1"])
  }

  @Test func aDryRunIsCountedAndRefusesNothing() throws {
    let service = try ScriptedServer.saying("app")
    let proxy = try proxy(service, open, dryRun: true)
    #expect(try proxy.get("web", path: "/closed").body == "app")
    #expect(try proxy.get("web", path: "/open").body == "app")
    #expect(try counted(proxy) == ["allowed  1", "would_deny users 1"])
  }

  @Test func changesHoldForTheNextRequestAndNothingIsMiscounted() throws {
    let service = try ScriptedServer.saying("app")
    let proxy = try proxy(service, open)
    let connection = try proxy.connect()
    func ask() throws -> Int {
      try connection.send("GET /closed HTTP/1.1\r\nHost: web\r\n\r\n")
      return try connection.readAnswer().status
    }
    #expect(try ask() == 403)
    try swap(
      proxy,
      [
        "a": Authorization(target: .everyWorkload),
        "users": Authorization(target: .everyWorkload, rules: [AuthorizationRule(from: [.anyone])]),
      ], 3)
    #expect(try ask() == 200)
    try swap(proxy, ["locked": Authorization(target: .everyWorkload)], 4)
    #expect(try ask() == 403)
    try swap(proxy, [:], 5)
    #expect(try ask() == 200)
    #expect(try counted(proxy) == ["allowed users 1", "denied locked 1", "denied users 1"])
  }
}
