import Serving
import Testing

@testable import Discovery

@Suite struct KubernetesAccessTests {
  @Test func findsTheClusterThatItRunsIn() {
    let variables = ["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"]
    let access = KubernetesAccess.inCluster(environment: { variables[$0] }, directory: "/account")
    #expect(access?.place.base.description == "https://10.96.0.1:443")
    #expect(access?.token == .file("/account/token"))
    #expect(access?.place.trust.authorities == .file("/account/ca.crt"))
    #expect(KubernetesAccess.inCluster(environment: { _ in nil }) == nil)
    #expect(KubernetesAccess.inCluster(environment: { $0.hasSuffix("HOST") ? "x" : "0" }) == nil)
  }

  private static let file = """
    apiVersion: v1
    kind: Config
    current-context: main
    contexts:
      - {name: main, context: {cluster: one, user: me}}
      - {name: other, context: {cluster: two, user: robot}}
      - {name: lost, context: {cluster: none}}
      - {name: cloud, context: {cluster: two, user: cloud}}
    clusters:
      - name: one
        cluster: {server: "https://one:6443", certificate-authority: ca.pem, tls-server-name: kubernetes}
      - name: two
        cluster: {server: "http://two:8001/proxy", insecure-skip-tls-verify: true}
    users:
      - {name: me, user: {client-certificate-data: AQID, client-key: /keys/me}}
      - {name: robot, user: {tokenFile: robot.token, token: ignored}}
      - {name: cloud, user: {exec: {command: aws}}}
    """

  private func access(_ context: String? = nil) throws -> KubernetesAccess {
    try Kubeconfig(Array(Self.file.utf8), path: "/etc/me/.kube/config").access(context: context)
  }

  @Test func readsContexts() throws {
    let main = try access()
    #expect(main.place.base.description == "https://one:6443" && main.token == nil)
    #expect(main.place.trust.authorities == .file("/etc/me/.kube/ca.pem"))
    #expect(main.place.trust.certificate == .text([1, 2, 3]) && main.place.trust.key == .file("/keys/me"))
    #expect(main.place.trust.serverName == "kubernetes" && !main.place.trust.acceptsAnyServer)
    let other = try access("other")
    #expect(other.place.base.description == "http://two:8001/proxy" && other.place.trust.acceptsAnyServer)
    #expect(other.token == .file("/etc/me/.kube/robot.token"))
  }

  @Test(arguments: [
    ("nobody", "contexts has no entry nobody"), ("lost", "clusters has no entry none"),
    ("cloud", "the user cloud gets credentials by exec, which is not supported: use a token or a certificate"),
  ])
  func saysWhatIsMissing(context: String, message: String) {
    #expect(throws: Kubeconfig.Fault(message)) { try access(context) }
  }

  @Test(arguments: [
    "{", "[]", "contexts: 3", "current-context: a\ncontexts: [{name: a, context: {cluster: a}}]\nclusters: [{name: a}]",
  ])
  func refusesWhatIsNoKubeconfig(text: String) {
    #expect(throws: Kubeconfig.Fault.self) { try Kubeconfig(Array(text.utf8), path: "c").access() }
  }
}
