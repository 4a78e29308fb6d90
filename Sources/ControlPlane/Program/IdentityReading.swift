import Discovery
import MeshProtocol
import Settings
import SystemIO

/// Reads the keys of identities and the files that they name.
struct IdentityReading {
  private let values: SettingsValues
  private let problems: ProblemList
  private let environment: (String) -> String?

  init(_ values: SettingsValues, environment: @escaping (String) -> String?, _ problems: ProblemList) {
    self.values = values
    self.environment = environment
    self.problems = problems
  }

  func settings(isPermissive: Bool, address: SocketAddress) -> IdentitySettings {
    var settings = IdentitySettings()
    settings.trustDomain = values.text("identity.trust_domain") ?? settings.trustDomain
    if !SPIFFEID.isTrustDomain(settings.trustDomain) {
      fault("identity.trust_domain", "expected 1 to 255 lower-case letters, digits, '.', '-' and '_'")
    }
    settings.leafLifetime = values.duration("identity.leaf_lifetime")
    settings.outageGrace = values.duration("identity.outage_grace")
    settings.rotationOverlap = values.duration("identity.rotation_overlap")
    settings.isPermissive = isPermissive
    settings.names = values.texts("mesh.names") + (address.isUnspecified ? [hostName()] : [address.host])
    for name in settings.names
    where name.isEmpty || name.utf8.count > 253 || name.utf8.contains(where: { $0 <= 0x20 || $0 > 0x7e }) {
      fault("mesh.names", "'\(name.prefix(80))' is neither a DNS name nor a numeric address")
    }
    settings.ownFiles = ownFiles()
    settings.own = settings.ownFiles.flatMap { own($0) }
    settings.kubernetes = kubernetes()
    return settings
  }

  private func kubernetes() -> KubernetesReviewSettings? {
    guard values.boolean("identity.kubernetes.enabled") else { return nil }
    let audience = values.text("identity.kubernetes.audience") ?? ""
    if audience.isEmpty { fault("identity.kubernetes.audience", "expected the name that the proxies' tokens are for") }
    guard let path = values.text("identity.kubernetes.kubeconfig") else {
      guard let access = KubernetesAccess.inCluster(environment: environment) else {
        fault(
          "identity.kubernetes.enabled",
          "the controller runs in no cluster (KUBERNETES_SERVICE_HOST is not set), and there is no kubeconfig")
        return nil
      }
      return KubernetesReviewSettings(access: access, audience: audience)
    }
    do { return KubernetesReviewSettings(access: try KubernetesAccess(kubeconfig: path), audience: audience) } catch {
      fault("identity.kubernetes.kubeconfig", "\(error)")
      return nil
    }
  }

  private func ownFiles() -> OperatorFiles? {
    let (certificate, key) = (values.text("identity.ca.certificate"), values.text("identity.ca.key"))
    let bundle = values.text("identity.ca.bundle")
    guard certificate != nil || key != nil || bundle != nil else { return nil }
    guard let certificate, let key else {
      fault("identity.ca", "a certificate needs its key, and a key its certificate", at: "identity.ca.certificate")
      return nil
    }
    return OperatorFiles(certificate: certificate, key: key, bundle: bundle)
  }

  private func own(_ files: OperatorFiles) -> OperatorAuthority? {
    do throws(OperatorFilesError) { return try files.read() } catch {
      let names = ["identity.ca.certificate", "identity.ca.key", "identity.ca.bundle"]
      fault(names.first { values.text($0) == error.path } ?? names[0], error.description)
      return nil
    }
  }

  private func fault(_ path: String, _ message: String, at key: String? = nil) {
    problems.add(Settings.Problem(path: path, message: message, origin: values.origin(key ?? path)))
  }
}
