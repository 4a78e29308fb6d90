import Foundation
import HTTP
import MeshProtocol
import TLS
import Testing

@testable import DataPlane

@Suite("A proxy joins the mesh, and stays in it", .serialized)
struct JoinTests {
  private static let users = "spiffe://test.mesh/ns/default/sa/users"
  private let mesh: MeshAuthority

  init() throws { mesh = try MeshAuthority() }

  private func proxy(_ controller: SigningController, _ folder: String, token: JoinToken?) throws -> RunningProxy {
    var yaml = "mesh: 127.0.0.1:\(controller.port)\nidentity:\n  path: \(folder)/identity\n"
    if let token { yaml += "  join_token: \(token.text)\n" }
    return try RunningProxy(yaml, workers: 1)
  }

  private func metric(_ proxy: RunningProxy, _ name: String) throws -> String? {
    let page = try proxy.admin("/metrics").text ?? ""
    return page.split(separator: "\n").first { $0.hasPrefix(name) }.map { String($0.dropFirst(name.count).drop { $0 == " " }) }
  }

  private func fingerprint(_ proxy: RunningProxy) throws -> Substring? {
    let view = try proxy.admin("/identity").text ?? ""
    return view.range(of: "\"fingerprint\":\"").map { view[$0.upperBound...].prefix(64) }
  }

  @Test("With a token it gets its certificate, and its stream is mutual TLS with the capability; then it starts from disk")
  func joins() throws {
    try withFolder { folder in
      let controller = try SigningController(mesh)
      defer { controller.kill() }
      let first = try proxy(controller, folder, token: mesh.token())
      #expect(controller.heard("Sync by \(Self.users)"))
      #expect(controller.heard("hello rules,splits,routes,authorizations,identity"))
      #expect(controller.said.first == "Sign by nobody")
      #expect(try eventually { try first.readiness().contains("[+] identity: \(Self.users)") })
      #expect(try metric(first, "heddle_identity_renewals_total{result=\"ok\"}") == "1")
      #expect(try first.admin("/config").text?.contains("hj1.") == false)
      let held = try fingerprint(first)
      first.end()
      // Without the token, and without asking anyone.
      let second = try proxy(controller, folder, token: nil)
      defer { second.end() }
      #expect(eventually { controller.said.filter { $0 == "Sync by \(Self.users)" }.count == 2 })
      #expect(try fingerprint(second) == held && held != nil)
      #expect(controller.said.filter { $0.hasPrefix("Sign") }.count == 1)
    }
  }

  @Test("Item 85: never had a certificate and nobody answers: not ready, with the reason; one that has one starts without")
  func noController() throws {
    try withFolder { folder in
      let controller = try SigningController(mesh)
      controller.kill()
      let first = try proxy(controller, folder, token: mesh.token())
      #expect(try first.admin("/readyz").status == 503)
      #expect(try eventually { try first.readiness().contains("[-] identity: no certificate yet: 127.0.0.1:\(controller.port)") })
      let back = try SigningController(mesh, port: controller.port)
      #expect(back.heard("Sync by \(Self.users)"))
      first.end()
      back.kill()
      let second = try proxy(controller, folder, token: nil)
      defer { second.end() }
      #expect(try second.readiness().contains("[+] identity: \(Self.users)"))
    }
  }

  @Test("Without a token there is nothing to join with, which readiness says")
  func noToken() throws {
    try withFolder { folder in
      let controller = try SigningController(mesh)
      defer { controller.kill() }
      let proxy = try proxy(controller, folder, token: nil)
      defer { proxy.end() }
      #expect(try proxy.readiness().contains("[-] identity: no certificate, and no token to get one with"))
      #expect(try proxy.admin("/identity/renew", method: "POST").status == 409)
      #expect(controller.said.isEmpty)
    }
  }

  @Test("A token that the controller refuses: not ready with its words; one in a file that is replaced is taken up")
  func refusedToken() throws {
    try withFolder { folder in
      let controller = try SigningController(mesh)
      defer { controller.kill() }
      let file = URL(fileURLWithPath: folder + "/token")
      try Data(mesh.token(secret: 8).text.utf8).write(to: file)
      let proxy = try RunningProxy(
        "mesh: 127.0.0.1:\(controller.port)\nidentity: {path: \(folder)/identity, join_token_file: \(folder)/token}\n", workers: 1)
      defer { proxy.end() }
      #expect(try eventually { try proxy.readiness().contains("the join token is not known") })
      #expect(try metric(proxy, "heddle_identity_renewals_total{result=\"failed\"}") != "0")
      try Data("nonsense".utf8).write(to: file)
      #expect(try eventually(within: 60) { try proxy.readiness().contains("it is no join token") })
      try Data((mesh.token().text + "\n").utf8).write(to: file)
      #expect(try eventually(within: 60) { try proxy.readiness().contains("[+] identity") })
    }
  }

  private func account(_ controller: SigningController, _ folder: String) throws -> RunningProxy {
    try RunningProxy(
      """
      mesh: 127.0.0.1:\(controller.port)
      identity: {path: \(folder)/identity, kubernetes_token_file: \(folder)/token, roots: \(folder)/roots.pem}
      """, workers: 1)
  }

  private func write(_ text: String, _ file: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: file)) }

  @Test("With a service account's token, by the roots of a file; the token's file is read for each attempt, for it rotates")
  func kubernetesToken() throws {
    try withFolder { folder in
      let controller = try SigningController(mesh)
      defer { controller.kill() }
      try write("stale\n", folder + "/token")
      let proxy = try account(controller, folder)
      defer { proxy.end() }
      #expect(try eventually { try proxy.readiness().contains("roots.pem: open: No such file") })
      #expect(controller.said.isEmpty)
      try write(String(decoding: mesh.root.pem, as: UTF8.self), folder + "/roots.pem")
      #expect(try eventually { try proxy.readiness().contains("the account token has expired") })
      #expect(try !proxy.readiness().contains("stale"))
      try write("", folder + "/token")
      #expect(try eventually(within: 60) { try proxy.readiness().contains("it is no service-account token") })
      try write("fresh\n", folder + "/token")
      #expect(try eventually(within: 60) { try proxy.readiness().contains("[+] identity: \(Self.users)") })
      #expect(controller.heard("Sync by \(Self.users)"))
      #expect(try !proxy.admin("/config").text!.contains("fresh"))
      // Later its certificate speaks for it.
      let shown = controller.said.filter { $0.hasPrefix("account token") }.count
      #expect(try proxy.admin("/identity/renew", method: "POST").status == 202)
      #expect(controller.heard("Sign by \(Self.users)"))
      #expect(controller.said.filter { $0.hasPrefix("account token") }.count == shown)
    }
  }

  @Test("A controller that none of the roots has signed sees no service account's token")
  func kubernetesTokenForStrangers() throws {
    try withFolder { folder in
      let stranger = try SigningController(try MeshAuthority("stranger"))
      defer { stranger.kill() }
      try write("fresh", folder + "/token")
      try write(String(decoding: mesh.root.pem, as: UTF8.self), folder + "/roots.pem")
      let proxy = try account(stranger, folder)
      defer { proxy.end() }
      #expect(try eventually { try proxy.readiness().contains("signed by nobody we trust") })
      #expect(stranger.said.allSatisfy { $0.hasPrefix("TLS") })
    }
  }

  /// Nothing secret goes to whoever is not the controller that the token names.
  @Test("A controller of another root, and a workload in the controller's place, see no token")
  func wrongController() throws {
    try withFolder { folder in
      let stranger = try SigningController(try MeshAuthority("stranger"))
      defer { stranger.kill() }
      let first = try proxy(stranger, folder, token: mesh.token())
      #expect(try eventually { try first.readiness().contains("signed by nobody we trust") })
      first.end()
      let key = PrivateKey()
      let leaf = try mesh.issue(Self.users, for: CertificateRequest(key))
      let context = try TLSContext(
        .server,
        TLSSettings(
          trust: .certificates(pem: mesh.root.pem), peer: .optional,
          identities: [TLSIdentity(chain: [leaf, mesh.root], key: key)], protocols: ["h2"]))
      let workload = try SigningController(mesh, context: context)
      defer { workload.kill() }
      let second = try proxy(workload, folder, token: mesh.token())
      defer { second.end() }
      #expect(try eventually { try second.readiness().contains("another mesh identity") })
      #expect((stranger.said + workload.said).allSatisfy { $0.hasPrefix("TLS") })
    }
  }

  @Test("Answers that are of no use are refused with the reason", arguments: [0, 1, 2, 3, 4])
  func badAnswers(_ kind: Int) throws {
    try withFolder { folder in
      var manners = SigningController.Manners()
      let words: String
      switch kind {
      case 0: (manners.signsAnotherKey, words) = (true, "for another key")
      case 1: (manners.uri, words) = ("spiffe://test.mesh/ns/other/sa/users", "belongs to namespace default")
      case 2: (manners.trustDomain, words) = ("other.mesh", "the trust bundle is of other.mesh")
      case 3: (manners.omitsOwnRoot, manners.moreRoots, words) = (true, [try MeshAuthority("x").root], "no root of the bundle")
      default: (manners.omitsOwnRoot, words) = (true, "0 roots")
      }
      let controller = try SigningController(mesh, manners)
      defer { controller.kill() }
      let proxy = try proxy(controller, folder, token: mesh.token())
      defer { proxy.end() }
      let isSaid = try eventually { try proxy.readiness().contains(words) }
      let readiness = try proxy.readiness()
      #expect(isSaid, "\(readiness)")
      #expect(!controller.said.contains { $0.hasPrefix("Sync") })
      // It does not stay with that: a better answer is taken.
      controller.change { $0 = SigningController.Manners() }
      #expect(controller.heard("Sync by \(Self.users)"))
    }
  }

  @Test("It renews with the certificate it holds, and presents the new one from then on")
  func renews() throws {
    try withFolder { folder in
      let controller = try SigningController(mesh)
      defer { controller.kill() }
      let proxy = try proxy(controller, folder, token: mesh.token())
      defer { proxy.end() }
      #expect(controller.heard("Sync by \(Self.users)"))
      let old = try fingerprint(proxy)
      #expect(try proxy.admin("/identity/renew", method: "POST").status == 202)
      #expect(controller.heard("Sign by \(Self.users)"))
      #expect(try eventually { try fingerprint(proxy) != old })
      #expect(eventually { controller.said.filter { $0 == "Sync by \(Self.users)" }.count == 2 })
      #expect(try metric(proxy, "heddle_identity_renewals_total{result=\"ok\"}") == "2")
    }
  }

  @Test("Item 84: a certificate past two thirds of its life is renewed by itself; a controller that refuses raises the alarm")
  func dueAndRefused() throws {
    try withFolder { folder in
      let controller = try SigningController(mesh)
      defer { controller.kill() }
      // Most of its life is over when it comes back from disk.
      controller.change { ($0.begins, $0.lifetime) = (-3000, 3100) }
      let first = try proxy(controller, folder, token: mesh.token())
      #expect(controller.heard("Sync by \(Self.users)"))
      first.end()
      controller.change { $0.refusal = GRPCStatus(.permissionDenied, "not today") }
      let second = try proxy(controller, folder, token: nil)
      #expect(try eventually { try second.readiness().contains("ALARM") })
      #expect(try eventually { try second.readiness().contains("not today") })
      #expect(try metric(second, "heddle_identity_alarm") == "1")
      #expect(try second.readiness().contains("[+] identity: \(Self.users)"))
      controller.change { ($0.refusal, $0.begins, $0.lifetime) = (nil, -300, 3600) }
      #expect(try eventually(within: 90) { try metric(second, "heddle_identity_alarm") == "0" })
      second.end()
    }
  }

  @Test("An outage longer than the certificate's life, within the grace: it comes back with the old one, and renews")
  func outage() throws {
    try withFolder { folder in
      let controller = try SigningController(mesh)
      controller.change { ($0.begins, $0.lifetime) = (-3000, 2900) }  // already over
      let first = try proxy(controller, folder, token: mesh.token())
      #expect(controller.heard("Sync by \(Self.users), expired"))
      first.end()
      controller.kill()
      let second = try proxy(controller, folder, token: nil)
      defer { second.end() }
      #expect(try second.readiness().contains("certificate expired"))
      #expect(try second.readiness().contains("[+] identity"))
      let back = try SigningController(mesh, port: controller.port)
      defer { back.kill() }
      #expect(back.heard("Sign by \(Self.users), expired"))
      #expect(back.heard("Sync by \(Self.users)"))
      #expect(try eventually { try second.readiness().contains("valid for") })
    }
  }

  @Test("An outage longer than the grace: it joins anew when it has a token")
  func outageBeyondTheGrace() throws {
    try withFolder { folder in
      let controller = try SigningController(mesh)
      defer { controller.kill() }
      controller.change { ($0.begins, $0.lifetime, $0.grace) = (-30_000, 20_000, 60) }
      let first = try proxy(controller, folder, token: mesh.token())
      #expect(eventually { controller.said.contains("Sign by nobody") })
      #expect(try eventually { try first.readiness().contains("certificate expired") })
      first.end()
      controller.change { ($0.begins, $0.lifetime) = (-300, 3600) }
      let signs = controller.said.filter { $0 == "Sign by nobody" }.count
      let second = try proxy(controller, folder, token: mesh.token())
      defer { second.end() }
      #expect(try eventually { try second.readiness().contains("valid for") })
      #expect(controller.said.filter { $0 == "Sign by nobody" }.count > signs)
    }
  }

  @Test("Item 84: the roots change while it runs, with both trusted meanwhile; it says what it trusts and survives a restart")
  func rotation() throws {
    try withFolder { folder in
      let next = try MeshAuthority("next root")
      let controller = try SigningController(mesh)
      let proxy = try proxy(controller, folder, token: mesh.token())
      #expect(controller.heard("Sync by \(Self.users)"))
      controller.change { $0.moreRoots = [next.root] }
      controller.sendTrust(5)
      #expect(controller.heard("trusts 5"))
      #expect(try proxy.admin("/identity").text?.contains(hexadecimal(next.root)) == true)
      controller.kill()
      // The controller presents and issues by the new root now.
      let both = try next.controllerContext(trusting: [mesh.root])
      let after = try SigningController(next, port: controller.port, context: both)
      #expect(after.heard("Sync by \(Self.users)"))
      #expect(try proxy.admin("/identity/renew", method: "POST").status == 202)
      #expect(after.heard("Sign by \(Self.users)"))
      #expect(try eventually { try proxy.admin("/identity").text?.contains(hexadecimal(mesh.root)) == false })
      #expect(eventually { after.said.filter { $0.hasPrefix("hello") }.count == 2 })
      after.sendTrust(6)
      #expect(after.heard("trusts 6"))
      proxy.end()
      let second = try self.proxy(after, folder, token: nil)
      defer {
        second.end()
        after.kill()
      }
      #expect(try second.admin("/identity").text?.contains(hexadecimal(next.root)) == true)
      #expect(eventually { after.said.filter { $0 == "Sync by \(Self.users)" }.count >= 3 })
    }
  }

  @Test("A bundle of another trust domain, or without roots, is refused; what was trusted stays")
  func badBundle() throws {
    try withFolder { folder in
      let controller = try SigningController(mesh)
      defer { controller.kill() }
      let proxy = try proxy(controller, folder, token: mesh.token())
      defer { proxy.end() }
      #expect(controller.heard("Sync by \(Self.users)"))
      controller.change { $0.trustDomain = "evil.mesh" }
      controller.sendTrust(2)
      #expect(try eventually { try metric(proxy, "heddle_identity_bundles_refused_total") == "1" })
      controller.change { ($0.trustDomain, $0.omitsOwnRoot) = ("test.mesh", true) }
      controller.sendTrust(3)
      #expect(try eventually { try metric(proxy, "heddle_identity_bundles_refused_total") == "2" })
      controller.change { $0.omitsOwnRoot = false }
      controller.sendTrust(4)
      #expect(controller.heard("trusts 4"))
      #expect(!controller.said.contains("trusts 2") && !controller.said.contains("trusts 3"))
    }
  }

  @Test("A root that has gone and signed ours: the next certificate is asked for at once")
  func rootGone() throws {
    try withFolder { folder in
      let other = try MeshAuthority("other root")
      let controller = try SigningController(mesh)
      defer { controller.kill() }
      let proxy = try proxy(controller, folder, token: mesh.token())
      defer { proxy.end() }
      #expect(controller.heard("Sync by \(Self.users)"))
      controller.change { ($0.omitsOwnRoot, $0.moreRoots) = (true, [other.root]) }
      controller.sendTrust(2)
      #expect(controller.heard("trusts 2"))
      #expect(controller.heard("Sign by \(Self.users)"))
    }
  }

  private func hexadecimal(_ certificate: Certificate) -> String {
    certificate.facts.fingerprint.map { String(format: "%02x", $0) }.joined()
  }
}
