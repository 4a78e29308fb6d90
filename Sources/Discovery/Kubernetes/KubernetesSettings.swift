import MeshProtocol
import Serving
import Settings
import SystemIO

/// Which API server a `kubernetes` namer asks: the keys that its two kinds share.
struct KubernetesPlace: Sendable, Hashable {
  private let given: SourcePlace?
  private let kubeconfig: String?
  private let context: String?
  private let tokenFile: String?

  init(_ reader: Reader) {
    kubeconfig = reader.text("kubeconfig")
    context = reader.text("context")
    tokenFile = reader.text("tokenFile")
    given = reader.givenPlace(host: "localhost", port: 8001)
    if given != nil, kubeconfig != nil { reader.fault("kubeconfig", "is given beside another place or tls") }
    if context != nil, kubeconfig == nil { reader.fault("context", "needs kubeconfig") }
  }

  /// The configured place; else the kubeconfig's; else that of the cluster that we run in; else `kubectl proxy` on this machine.
  func access() throws -> KubernetesAccess {
    var access: KubernetesAccess
    if let kubeconfig {
      access = try Kubeconfig.read(kubeconfig).access(context: context)
    } else if let given {
      access = KubernetesAccess(given)
    } else {
      access =
        KubernetesAccess.inCluster()
        ?? KubernetesAccess(SourcePlace(base: HTTPBase(origin: HTTPOrigin(host: "localhost", port: 8001))))
    }
    if let tokenFile { access.token = .file(tokenFile) }
    return access
  }
}

/// `kind: io.l5d.k8s`
struct KubernetesSettings: NamerSettings {
  static let kind = "io.l5d.k8s"
  private let place: KubernetesPlace

  init(_ reader: Reader) { place = KubernetesPlace(reader) }

  func makeNamer(_ context: NamerContext) throws -> any Namer { try KubernetesNamer(context, place.access()) }
}

/// `kind: io.l5d.k8s.ns`: names without a namespace, which is that of the pod.
struct KubernetesNamespaceSettings: NamerSettings {
  static let kind = "io.l5d.k8s.ns"
  private let place: KubernetesPlace
  private let variable: String

  init(_ reader: Reader) {
    place = KubernetesPlace(reader)
    variable = reader.text("envVar") ?? "POD_NAMESPACE"
  }

  func makeNamer(_ context: NamerContext) throws -> any Namer {
    guard let name = environment(variable), let segment = Segment(name) else {
      throw SourceFault("the environment variable \(variable), which names the namespace, is not set")
    }
    return FixedNamespaceNamer(try KubernetesNamer(context, place.access()), namespace: segment)
  }
}
