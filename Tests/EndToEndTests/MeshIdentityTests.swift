import Foundation
import TestSupport
import Testing

/// Proxies that join a mesh whose controller takes TLS only.
@Suite(.serialized) struct MeshIdentityTests {
  private static let users = "spiffe://heddle.local/ns/default/sa/users"

  private func mesh(_ more: [String: String] = [:]) throws -> Mesh {
    try Mesh(environment: more.merging(["HEDDLE_MESH_TLS": "required"]) { $1 })
  }

  private func token(_ mesh: Mesh, _ identity: String = "users", uses: Int = 1) throws -> String {
    let answer = try curl(
      mesh.url("/namespaces/default/join-tokens"), body: "{\"identity\": \"\(identity)\", \"ttl\": \"1h\", \"uses\": \(uses)}")
    guard answer.status == 201, let token = answer.json["token"] as? String else {
      throw NeverHappened(description: "a token: \(answer)")
    }
    return token
  }

  private typealias Proxy = (program: RunningProgram, address: String, admin: String)

  private func proxy(_ mesh: Mesh, _ node: String = "edge", token: String?) throws -> Proxy {
    try mesh.startProxy(node, environment: token.map { ["HEDDLE_JOIN_TOKEN": $0] } ?? [:])
  }

  private func readiness(_ proxy: Proxy, says words: String) throws {
    var last = ""
    do {
      try eventually("readiness says '\(words)'") { () -> Void? in
        last = try curl("http://\(proxy.admin)/readyz?verbose").body
        return last.contains(words) ? () : nil
      }
    } catch { throw NeverHappened(description: "\(error); it says: \(last)") }
  }

  private func identity(_ proxy: Proxy) throws -> [String: Any] { try curl("http://\(proxy.admin)/identity").json }

  private func roots(_ proxy: Proxy) throws -> [String] { try identity(proxy)["roots"] as? [String] ?? [] }

  private func renew(_ proxy: Proxy) throws {
    let before = try identity(proxy)["fingerprint"] as? String
    let answer = try curl("-X", "POST", "http://\(proxy.admin)/identity/renew")
    guard answer.status == 202 else { throw NeverHappened(description: "renew: \(answer)") }
    try eventually("another certificate is held") { try identity(proxy)["fingerprint"] as? String != before ? () : nil }
    try readiness(proxy, says: "controller: connected")
  }

  /// A service behind the name `web`, and a rule to it.
  private func serve(_ mesh: Mesh) throws {
    try mesh.register("web-v1", mesh.startService("v1").address)
    try mesh.route("/svc/web", "/#/registry/web-v1")
  }

  private func answers(_ proxy: Proxy) throws {
    try eventually("the proxy serves") { try curl("-H", "Host: web", "http://\(proxy.address)/").status == 200 ? () : nil }
  }

  @Test func joinsServesAndStartsFromDisk() throws {
    let mesh = try mesh()
    let secret = try token(mesh)
    let first = try proxy(mesh, token: secret)
    try readiness(first, says: "[+] identity: \(Self.users)")
    try readiness(first, says: "controller: connected")
    try serve(mesh)
    try answers(first)
    try eventually("the controller knows who it is") {
      try mesh.proxyStatus("edge")?["identity"] as? String == Self.users ? () : nil
    }
    #expect(try curl("http://\(first.admin)/metrics").body.contains("heddle_identity_renewals_total{result=\"ok\"} 1\n"))
    #expect(!first.program.text.contains(secret))

    // One use, and it is used.
    let second = try proxy(mesh, "other", token: secret)
    try readiness(second, says: "[-] identity: no certificate yet: the controller refuses a certificate")
    #expect(try curl("http://\(second.admin)/readyz").status == 503)

    // Without a controller and without the token it starts from its disk.
    mesh.killController()
    first.program.kill()
    _ = try first.program.exitCode()
    let again = try proxy(mesh, token: nil)
    try readiness(again, says: "[+] identity: \(Self.users)")
    try answers(again)
    try mesh.restartController()
    try readiness(again, says: "controller: connected")
    #expect(try curl("http://\(again.admin)/metrics").body.contains("heddle_identity_renewals_total{result=\"ok\"} 0\n"))
  }

  @Test func withoutAnIdentityAProxyIsToldWhy() throws {
    let mesh = try mesh()
    let plain = try proxy(mesh, token: nil)
    try readiness(plain, says: "this mesh port takes TLS only")
    #expect(try curl("http://\(plain.admin)/readyz").status == 503)
  }

  @Test func renewsUnderTrafficWithoutALostRequest() throws {
    let mesh = try mesh()
    let edge = try proxy(mesh, token: token(mesh))
    try readiness(edge, says: "controller: connected")
    try serve(mesh)
    try answers(edge)
    let callers = try Callers(2, through: edge.address, host: "web")
    for _ in 0..<5 { try renew(edge) }
    try mesh.route("/svc/other", "/#/registry/web-v1")
    let seen = try callers.stop()
    #expect(seen.failed.isEmpty && seen.refused == 0 && seen.total > 0, "\(seen)")
    #expect(try curl("http://\(edge.admin)/metrics").body.contains("heddle_identity_renewals_total{result=\"ok\"} 6\n"))
  }

  /// Item 84.
  @Test func theRootChangesUnderTraffic() throws {
    let mesh = try mesh(["HEDDLE_LOG_LEVEL": "info"])
    let edge = try proxy(mesh, token: token(mesh))
    try readiness(edge, says: "controller: connected")
    try serve(mesh)
    try answers(edge)
    let old = try roots(edge)
    #expect(old.count == 1)
    let callers = try Callers(2, through: edge.address, host: "web")
    let rotated = try curl("-X", "POST", "http://\(mesh.rest)/v1/identity/authorities:rotate")
    #expect((200..<300).contains(rotated.status), "\(rotated)")
    try eventually("the proxy trusts both roots") { try roots(edge).count == 2 ? () : nil }
    let activated = try curl("-X", "POST", "http://\(mesh.rest)/v1/identity/authorities:activate")
    #expect((200..<300).contains(activated.status), "\(activated)")
    try renew(edge)
    #expect(try roots(edge).count == 2 && roots(edge).contains(old[0]))
    // Who joins after the change joins the same mesh.
    let late = try proxy(mesh, "late", token: token(mesh, "late"))
    try readiness(late, says: "controller: connected")
    #expect(try Set(roots(late)) == Set(roots(edge)))
    // The controller comes back, and so does everyone.
    mesh.killController()
    try mesh.restartController()
    try readiness(edge, says: "controller: connected")
    try readiness(late, says: "controller: connected")
    let seen = try callers.stop()
    #expect(seen.failed.isEmpty && seen.refused == 0 && seen.total > 0, "\(seen)")
  }

  @Test func aStrangersControllerLearnsNothing() throws {
    let (mesh, stranger) = (try mesh(), try mesh())
    let edge = try stranger.startProxy("edge", environment: ["HEDDLE_JOIN_TOKEN": token(mesh)])
    try readiness(edge, says: "signed by nobody we trust")
    #expect(try curl("http://\(edge.admin)/readyz").status == 503)
    let faults = try curl("http://\(stranger.rest)/metrics").body.split(separator: "\n")
      .filter { $0.hasPrefix("heddle_mesh_tls_faults_total{") }
    #expect(faults.count == 1 && faults[0].hasPrefix("heddle_mesh_tls_faults_total{reason=\"alert\"} "), "\(faults)")
    #expect(try curl("http://\(stranger.rest)/v1/proxies").body.contains("edge") == false)
  }

  @Test func plainAndSecureProxiesShareAPermissivePort() throws {
    let mesh = try Mesh()
    let plain = try proxy(mesh, "plain", token: nil)
    let edge = try proxy(mesh, token: token(mesh))
    try readiness(edge, says: "[+] identity: \(Self.users)")
    try readiness(edge, says: "controller: connected")
    try readiness(plain, says: "controller: connected")
    try serve(mesh)
    try answers(edge)
    try answers(plain)
  }

  // MARK: Between proxies

  /// A caller's proxy and the application's own, behind one mesh.
  private final class Pair {
    let mesh: Mesh
    let caller: Proxy
    let application: Proxy
    private let service: RunningProgram

    init(_ tests: MeshIdentityTests) throws {
      mesh = try tests.mesh()
      let started = try mesh.startService("v1")
      service = started.program
      try mesh.register("web-v1", started.address)
      application = try mesh.startProxy(
        "users",
        environment: [
          "HEDDLE_JOIN_TOKEN": try tests.token(mesh), "HEDDLE_INBOUND": "127.0.0.1:0", "HEDDLE_APPLICATION": started.address,
        ])
      caller = try mesh.startProxy("web", environment: ["HEDDLE_JOIN_TOKEN": try tests.token(mesh, "web")])
      try tests.readiness(application, says: "controller: connected")
      try tests.readiness(caller, says: "controller: connected")
      try mesh.route("/svc/web", "/#/registry/web-v1")
      try tests.answers(caller)
    }

    func metric(_ proxy: Proxy, _ name: String) throws -> Int {
      let page = try curl("http://\(proxy.admin)/metrics").body.split(separator: "\n")
      return page.filter { $0.hasPrefix(name) }.reduce(0) { $0 + (Int($1.split(separator: " ").last ?? "") ?? 0) }
    }

    /// Requests that came to the application's proxy.
    func received() throws -> Int { try metric(application, "heddle_requests_total{direction=\"inbound\"") }
  }

  @Test func betweenProxiesItIsMutualTLSByItself() throws {
    let pair = try Pair(self)
    try eventually("requests go by the application's proxy") {
      _ = try curl("-H", "Host: web", "http://\(pair.caller.address)/")
      return try pair.received() > 0 ? () : nil
    }
    let before = try pair.received()
    for version in ["--http1.1", "--http2-prior-knowledge"] {
      for _ in 0..<5 {
        #expect(try curl(all: [version, "-H", "Host: web", "http://\(pair.caller.address)/"]).status == 200)
      }
    }
    try eventually("all of them are counted there") { try pair.received() == before + 10 ? () : nil }
    // One connection for all, and nothing in clear.
    #expect(try pair.metric(pair.application, "heddle_detections_total{direction=\"inbound\",protocol=\"tls\"}") == 1)
    #expect(try pair.metric(pair.application, "heddle_detections_total{direction=\"inbound\",protocol=\"http1\"}") == 0)
  }

  /// A pod with two applications: other proxies are told of each at which port of its proxy it is taken for.
  @Test func eachApplicationOfAHostHasItsOwnPort() throws {
    let mesh = try mesh()
    let services = try ["web", "api"].map { name in
      let started = try mesh.startService(name)
      try mesh.register("\(name)-v1", started.address)
      return (name: name, program: started.program, address: started.address)
    }
    let listeners = services.map { "{name: \($0.name), listen: 127.0.0.1:0, application: \($0.address), service: /svc/\($0.name)}" }
    let application = try mesh.startProxy(
      "users", outbound: "trusted: true\ninbound: {listeners: [\(listeners.joined(separator: ", "))]}",
      environment: ["HEDDLE_JOIN_TOKEN": try token(mesh)])
    let caller = try mesh.startProxy("web", environment: ["HEDDLE_JOIN_TOKEN": try token(mesh, "web")])
    for proxy in [application, caller] { try readiness(proxy, says: "controller: connected") }
    for service in services { try mesh.route("/svc/\(service.name)", "/#/registry/\(service.name)-v1") }
    for service in services {
      try eventually("requests of \(service.name) go by the listener before it") {
        _ = try curl("-H", "Host: \(service.name)", "http://\(caller.address)/")
        let metrics = try curl("http://\(application.admin)/metrics").body
        let counted = "heddle_requests_total{direction=\"inbound\",service=\"/svc/\(service.name)\",class=\"success\"}"
        return metrics.contains(counted) && metrics.contains("heddle_listener_connections_total{listener=\"\(service.name)\"} 1\n")
          ? () : nil
      }
    }
    let metrics = try curl("http://\(application.admin)/metrics").body
    #expect(metrics.contains("heddle_detections_total{direction=\"inbound\",protocol=\"tls\"} 2\n"))
    #expect(metrics.contains("heddle_detections_total{direction=\"inbound\",protocol=\"http1\"} 0\n"))
  }

  /// Item 84, on the way between two proxies, and a controller that is gone for a while.
  @Test func neitherRenewalsNorRootsNorAnOutageCostARequest() throws {
    let pair = try Pair(self)
    try eventually("requests go by the application's proxy") {
      _ = try curl("-H", "Host: web", "http://\(pair.caller.address)/")
      return try pair.received() > 0 ? () : nil
    }
    let callers = try Callers(2, through: pair.caller.address, host: "web")
    for proxy in [pair.caller, pair.application] { try renew(proxy) }
    #expect(try curl("-X", "POST", "http://\(pair.mesh.rest)/v1/identity/authorities:rotate").status < 300)
    for proxy in [pair.caller, pair.application] {
      try eventually("both trust both roots") { try roots(proxy).count == 2 ? () : nil }
    }
    #expect(try curl("-X", "POST", "http://\(pair.mesh.rest)/v1/identity/authorities:activate").status < 300)
    for proxy in [pair.caller, pair.application] { try renew(proxy) }
    pair.mesh.killController()
    let before = try pair.received()
    try eventually("traffic goes on without a controller") { try pair.received() > before ? () : nil }
    try pair.mesh.restartController()
    for proxy in [pair.caller, pair.application] { try readiness(proxy, says: "controller: connected") }
    let seen = try callers.stop()
    #expect(seen.failed.isEmpty && seen.refused == 0 && seen.total > 0, "\(seen)")
  }

  /// An authority in files, which somebody replaces: SIGHUP takes it over, and what is broken leaves the old one in force.
  @Test func theOperatorsAuthorityIsReplacedWhileItRuns() throws {
    let folder = try ScratchFolder()
    let (first, second) = (try TestAuthority.selfSigned("First"), try TestAuthority.selfSigned("Second"))
    func write(_ certificate: [UInt8], _ key: [UInt8], roots: [UInt8]) throws {
      for (name, bytes) in [("ca.pem", certificate), ("ca.key", key), ("roots.pem", roots)] {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder.path)/\(name)"), options: .atomic)
      }
    }
    try write(first.certificate, first.key, roots: first.certificate)
    let (chain, key, roots) = (folder.path + "/ca.pem", folder.path + "/ca.key", folder.path + "/roots.pem")
    let mesh = try Mesh(
      controller: "identity: {ca: {certificate: \(chain), key: \(key), bundle: \(roots)}}",
      environment: ["HEDDLE_MESH_TLS": "required"])
    let edge = try proxy(mesh, token: token(mesh))
    try readiness(edge, says: "controller: connected")
    func subject() throws -> String? {
      let shown = try curl("http://\(mesh.rest)/v1/identity").json["authorities"] as? [[String: Any]]
      return shown?.last?["subject"] as? String
    }
    #expect(try subject() == "CN=First")

    try write(second.certificate, first.key, roots: first.certificate + second.certificate)
    mesh.controller.signal(SIGHUP)
    try eventually("a key that does not fit is said") { () -> Void? in
      try mesh.heddle("identity", "show").object["failure"] != nil ? () : nil
    }
    #expect(try subject() == "CN=First")
    #expect(try curl("http://\(mesh.rest)/readyz?verbose").body.contains("the files of identity.ca are of no use"))
    try renew(edge)

    try write(second.certificate, second.key, roots: first.certificate + second.certificate)
    mesh.controller.signal(SIGHUP)
    try eventually("the new authority signs") { try subject() == "CN=Second" ? () : nil }
    try eventually("the proxy trusts both") { try self.roots(edge).count == 2 ? () : nil }
    try renew(edge)
    #expect(try mesh.heddle("identity", "show").object["failure"] == nil)
  }

  /// What the handshake with a TLS listener comes to for whoever has these files of a proxy.
  private func shake(_ address: String, _ folder: String) throws -> String {
    let program = try open(address, folder)
    program.kill()
    return program.text
  }

  /// The same, and stays.
  private func open(_ address: String, _ folder: String) throws -> RunningProgram {
    let program = try RunningProgram(
      "/usr/bin/openssl",
      [
        "s_client", "-connect", address, "-cert", "\(folder)/leaf.pem", "-key", "\(folder)/key.pem", "-alpn", "heddle/1,h2",
        "-ign_eof", "-tls1_3",
      ])
    try eventually("the handshake with \(address) has come to something") { () -> Void? in
      program.text.contains("alert") || program.text.contains("read R BLOCK") ? () : nil
    }
    return program
  }

  /// No overlap: whoever has a certificate of the stolen root is out at once, and who is connected goes on with one of the new.
  @Test func aStolenRootIsWithdrawnAtOnce() throws {
    let pair = try Pair(self)
    try eventually("requests go by the application's proxy") {
      _ = try curl("-H", "Host: web", "http://\(pair.caller.address)/")
      return try pair.received() > 0 ? () : nil
    }
    let stolen = pair.mesh.folder.path + "/stolen"
    try FileManager.default.copyItem(atPath: pair.mesh.statePath("web") + ".identity", toPath: stolen)
    let inbound = try pair.application.program.address("inbound")
    let listeners = [pair.mesh.mesh, inbound]
    for listener in listeners { #expect(try !shake(listener, stolen).contains("alert"), "\(listener)") }
    let old = try roots(pair.caller)
    // Whoever has it is connected to both, too.
    let thief = try listeners.map { try open($0, stolen) }
    let connections = "heddle_detections_total{direction=\"inbound\",protocol=\"tls\"}"
    let before = try pair.metric(pair.application, connections)

    let authorities = try pair.mesh.heddle("identity", "show").object["authorities"] as? [[String: Any]]
    let id = try #require(authorities?.first?["id"] as? String)
    let alone = try pair.mesh.heddle("identity", "withdraw", id)
    #expect(alone.code != 0 && alone.complaint.contains("--replace"), "\(alone)")
    #expect(try pair.mesh.heddle("identity", "withdraw", id, "--replace").code == 0)
    for proxy in [pair.caller, pair.application] {
      try eventually("it trusts the new root alone") { try roots(proxy).count == 1 && roots(proxy) != old ? () : nil }
    }
    try eventually("requests go by new connections") { () -> Void? in
      guard try curl("-H", "Host: web", "http://\(pair.caller.address)/").status == 200 else { return nil }
      return try pair.metric(pair.application, connections) > before ? () : nil
    }
    for listener in listeners { #expect(try shake(listener, stolen).contains("alert"), "\(listener)") }
    for program in thief { try eventually("the thief's connections end") { program.isRunning ? nil : () } }
    // What was connected before is cut, and comes back with certificates of the new root.
    try eventually("the controller hangs up on those of before") {
      () -> Void? in
      try curl("http://\(pair.mesh.rest)/metrics").body.contains("heddle_certificates_issued_total{kind=\"renewal\"} 2\n") ? () : nil
    }
    for proxy in [pair.caller, pair.application] { try readiness(proxy, says: "controller: connected") }
    let late = try self.proxy(pair.mesh, "late", token: token(pair.mesh, "late"))
    try readiness(late, says: "controller: connected")
    #expect(try roots(late) == roots(pair.caller))
  }

  @Test func whoMayCallIsSaidByAuthorizations() throws {
    let pair = try Pair(self)
    try eventually("requests go by the application's proxy") {
      _ = try curl("-H", "Host: web", "http://\(pair.caller.address)/")
      return try pair.received() > 0 ? () : nil
    }
    func authorize(_ body: String) throws {
      let answer = try curl(
        all: [
          "-X", "PUT", "-H", "content-type: application/json", "-d", body,
          pair.mesh.url("/namespaces/default/authorizations/users?wait=applied&timeout=20s"),
        ])
      try #require(answer.status < 300 && answer.body.contains("\"pending\":[]"), "\(answer)")
    }
    func ask(_ path: String, _ method: String = "GET") throws -> CurlAnswer {
      try curl("-X", method, "-H", "Host: web", "http://\(pair.caller.address)\(path)")
    }
    try authorize(#"{"target": "users", "rules": [{"from": ["web"], "methods": ["GET"], "paths": ["/open"]}]}"#)
    #expect(try ask("/open/door").status == 200)
    for (path, method) in [("/open/door", "POST"), ("/closed", "GET"), ("/open/../closed", "GET"), ("/openly", "GET")] {
      let refused = try curl(
        all: ["--path-as-is", "-X", method, "-H", "Host: web", "http://\(pair.caller.address)\(path)"])
      #expect(refused.status == 403 && refused.head.contains("heddle-error: unauthorized"), "\(method) \(path): \(refused)")
    }
    try authorize(#"{"target": "users", "mode": "dry_run", "rules": [{"from": ["other"]}]}"#)
    #expect(try ask("/closed").status == 200)
    try authorize(#"{"target": "users", "rules": [{"from": ["other"]}]}"#)
    #expect(try ask("/open/door").status == 403)
    try eventually("decisions are counted") {
      let name = "heddle_authorizations_total{decision="
      return try pair.metric(pair.application, name + "\"denied\",authorization=\"users\"}") == 5
        && pair.metric(pair.application, name + "\"would_deny\",authorization=\"users\"}") == 1
        && pair.metric(pair.application, name + "\"allowed\",authorization=\"users\"}") == 1 ? () : nil
    }
  }
}
