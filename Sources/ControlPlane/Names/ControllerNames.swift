import Discovery
import MeshProtocol

/// Every concrete name that this controller answers for: the registry's at once, a namer's when it has answered.
struct ControllerNames: NameDirectory {
  let registry: RegistryNames
  let discovery: DiscoveryService

  func look(_ name: Path, from namespace: String, within patience: Duration) async -> DiscoveredName {
    let own = await registry.look(name, from: namespace, within: patience)
    // Numeric addresses are nobody's to look up, whatever a namer says of `/$/inet`.
    guard own.endpoints.isEmpty, discovery.claims(name) else { return own }
    return await discovery.look(name, within: patience)
  }
}
