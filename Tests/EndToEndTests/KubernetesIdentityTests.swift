import Foundation
import Testing

/// Proxies that join by the token of their Kubernetes service account; the API server is `fake_token_review.py`.
@Suite(.serialized) struct KubernetesIdentityTests {
  private final class Cluster {
    let folder = try! ScratchFolder()
    let mesh: Mesh
    private let server: RunningProgram
    private let address: String
    var kubeconfig: String { folder.path + "/kubeconfig" }
    var token: String { folder.path + "/token" }
    var roots: String { folder.path + "/roots.pem" }

    init() throws {
      let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("fake_token_review.py")
      server = try RunningProgram("/usr/bin/python3", [script.path, "controllers-own"])
      address = try server.address("listen")
      let file = folder.path + "/kubeconfig"
      try """
      current-context: c
      contexts: [{name: c, context: {cluster: k, user: u}}]
      clusters: [{name: k, cluster: {server: "http://\(address)"}}]
      users: [{name: u, user: {token: controllers-own}}]
      """.write(toFile: file, atomically: true, encoding: .utf8)
      mesh = try Mesh(
        controller: "identity: {kubernetes: {enabled: true, kubeconfig: \(file)}}", environment: ["HEDDLE_MESH_TLS": "required"])
      let authorities = try curl("http://\(mesh.rest)/v1/identity").json["authorities"] as? [[String: Any]]
      guard let root = authorities?.first?["certificate"] as? String else { throw NeverHappened(description: "a root") }
      try root.write(toFile: roots, atomically: true, encoding: .utf8)
    }

    func know(_ token: String, of namespace: String, audience: String = "heddle") throws {
      let answer = try curl("-X", "PUT", "http://\(address)/token", "--data-binary", "\(token) \(namespace) users \(audience)")
      guard answer.status == 200 else { throw NeverHappened(description: "know: \(answer)") }
    }

    func rotate(to text: String) throws { try text.write(toFile: token, atomically: true, encoding: .utf8) }

    func endServer() throws {
      server.kill()
      _ = try server.exitCode()
    }

    func startProxy() throws -> (program: RunningProgram, address: String, admin: String) {
      try mesh.startProxy("edge", environment: ["HEDDLE_KUBERNETES_TOKEN_FILE": token, "HEDDLE_IDENTITY_ROOTS": roots])
    }
  }

  private func readiness(_ admin: String, says words: String) throws {
    var last = ""
    do {
      try eventually("readiness says '\(words)'") { () -> Void? in
        last = try curl("http://\(admin)/readyz?verbose").body
        return last.contains(words) ? () : nil
      }
    } catch { throw NeverHappened(description: "\(error); it says: \(last)") }
  }

  @Test func aTokenThatRotatesGivesTheAccountsIdentity() throws {
    let cluster = try Cluster()
    try cluster.know("token-of-users", of: "default")
    try cluster.know("token-for-others", of: "default", audience: "https://kubernetes.default.svc")
    try cluster.know("token-from-elsewhere", of: "elsewhere")
    try cluster.rotate(to: "token-long-past")
    let proxy = try cluster.startProxy()
    try readiness(proxy.admin, says: "the service-account token is not accepted: [invalid bearer token, service account token has expired]")
    #expect(try curl("http://\(proxy.admin)/readyz").status == 503)
    try cluster.rotate(to: "token-for-others")
    try readiness(proxy.admin, says: "is invalid for the target audiences")
    try cluster.rotate(to: "token-from-elsewhere")
    try readiness(
      proxy.admin, says: "the certificate is for spiffe://heddle.local/ns/elsewhere/sa/users, and this proxy belongs to namespace default")
    try cluster.rotate(to: "token-of-users\n")
    try readiness(proxy.admin, says: "[+] identity: spiffe://heddle.local/ns/default/sa/users")
    try readiness(proxy.admin, says: "controller: connected")
    try eventually("the controller knows who it is") {
      try cluster.mesh.proxyStatus("edge")?["identity"] as? String == "spiffe://heddle.local/ns/default/sa/users" ? () : nil
    }
    try cluster.mesh.register("web-v1", cluster.mesh.startService("v1").address)
    try cluster.mesh.route("/svc/web", "/#/registry/web-v1")
    try eventually("it serves") { try curl("-H", "Host: web", "http://\(proxy.address)/").status == 200 ? () : nil }
    for secret in ["token-of-users", "token-for-others", "token-long-past", "controllers-own"] {
      #expect(!proxy.program.text.contains(secret) && !cluster.mesh.controller.text.contains(secret))
    }
  }

  @Test func anAPIServerThatIsAwayIsSaidWhereItIsLookedFor() throws {
    let cluster = try Cluster()
    try cluster.rotate(to: "token-of-users")
    try cluster.endServer()
    let proxy = try cluster.startProxy()
    try readiness(proxy.admin, says: "the Kubernetes API server cannot be asked")
    let shown = try cluster.mesh.heddle("identity", "show")
    #expect(shown.code == 0 && shown.output.contains("the Kubernetes API server cannot be asked"), "\(shown)")
    try eventually("the controller's log says it") {
      cluster.mesh.controller.text.contains("the Kubernetes API server cannot be asked") ? () : nil
    }
  }
}
