import Memory
import Serving
import Settings
import SystemIO

/// Where a Kubernetes API server is, and how it is asked.
public struct KubernetesAccess: Hashable, Sendable {
  var place: SourcePlace
  var token: Secret.Origin?

  init(_ place: SourcePlace) { self.place = place }

  /// Where every pod finds its own credentials.
  static let accountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"
  /// Bytes of a kubeconfig. Why: certificates of several clusters fit, a wrong path does not fill the memory.
  static let kubeconfigLimit = 1 << 20

  /// What a kubeconfig's current context says.
  /// - Throws: what of the file cannot be used, for an operator.
  public init(kubeconfig path: String) throws { self = try Kubeconfig.read(path).access() }

  /// Of the pod that this runs in; nil outside of a cluster.
  public static func inCluster(environment: (String) -> String? = SystemIO.environment) -> KubernetesAccess? {
    inCluster(environment: environment, directory: accountDirectory)
  }

  static func inCluster(environment: (String) -> String?, directory: String) -> KubernetesAccess? {
    guard let host = environment("KUBERNETES_SERVICE_HOST"), !host.isEmpty,
      let port = environment("KUBERNETES_SERVICE_PORT").flatMap({ UInt16($0) }), port > 0
    else { return nil }
    let base = HTTPBase(origin: HTTPOrigin(host: host, port: port, isSecure: true))
    var access = KubernetesAccess(SourcePlace(base: base))
    access.token = .file(directory + "/token")
    access.place.trust.authorities = .file(directory + "/ca.crt")
    return access
  }
}

/// A kubeconfig file, as far as its current context needs it.
struct Kubeconfig {
  struct Fault: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ text: String) { description = text }
  }

  private let root: Node
  /// Relative paths in the file are relative to it.
  private let directory: String

  /// - Parameter path: of the file that the bytes are from.
  init(_ bytes: [UInt8], path: String) throws(Fault) {
    do { root = try Node(yaml: bytes) } catch { throw Fault("\(path): \(error)") }
    directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  static func read(_ path: String) throws(Fault) -> Kubeconfig {
    let bytes: [UInt8]
    do { bytes = try readFile(path, limit: KubernetesAccess.kubeconfigLimit) } catch {
      throw Fault("\(path): \(error)")
    }
    return try Kubeconfig(bytes, path: path)
  }

  /// The way to the cluster of a context; of the current one unless named.
  func access(context name: String? = nil) throws(Fault) -> KubernetesAccess {
    guard let chosen = name ?? root["current-context"]?.string, !chosen.isEmpty else {
      throw Fault("no current-context: name one with context:")
    }
    let context = try entry("contexts", chosen, "context")
    guard let clusterName = context["cluster"]?.string else { throw Fault("the context \(chosen) names no cluster") }
    let cluster = try entry("clusters", clusterName, "cluster")
    guard let server = cluster["server"]?.string, let base = HTTPBase(server) else {
      throw Fault("the cluster \(clusterName) has no server URL that can be read")
    }
    var access = KubernetesAccess(SourcePlace(base: base))
    access.place.trust.authorities = try material(cluster, "certificate-authority")
    access.place.trust.serverName = cluster["tls-server-name"]?.string
    access.place.trust.acceptsAnyServer = cluster["insecure-skip-tls-verify"]?.string == "true"
    guard let userName = context["user"]?.string else { return access }
    try add(try entry("users", userName, "user"), named: userName, to: &access)
    return access
  }

  private func add(_ user: Node, named name: String, to access: inout KubernetesAccess) throws(Fault) {
    for key in ["exec", "auth-provider"] where user[key]?.isNull == false {
      throw Fault("the user \(name) gets credentials by \(key), which is not supported: use a token or a certificate")
    }
    if let path = user["tokenFile"]?.string {
      access.token = .file(absolute(path))
    } else if let token = user["token"]?.string {
      access.token = .value(token)
    }
    access.place.trust.certificate = try material(user, "client-certificate")
    access.place.trust.key = try material(user, "client-key")
  }

  /// The entry of that name in one of the file's lists.
  private func entry(_ list: String, _ name: String, _ key: String) throws(Fault) -> Node {
    guard case .list(let items) = root[list]?.content,
      let node = items.first(where: { $0["name"]?.string == name })?[key]
    else { throw Fault("\(list) has no entry \(name)") }
    return node
  }

  /// `key-data`, in base 64, before `key`, a path.
  private func material(_ node: Node, _ key: String) throws(Fault) -> SourceTrust.Material? {
    if let text = node[key + "-data"]?.string {
      guard let bytes = Base64.decoded(text) else { throw Fault("\(key)-data is not base 64") }
      return .text(bytes)
    }
    return node[key]?.string.map { .file(absolute($0)) }
  }

  private func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : directory + "/" + path }
}

extension Node {
  /// A text that is there.
  fileprivate var string: String? {
    if case .text(let text, _) = content, !isNull { text } else { nil }
  }
}
