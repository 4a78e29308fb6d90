import Discovery
import MeshProtocol

/// Every concrete name that this controller answers for: the registry's at once, a namer's when it has answered.
struct ControllerNames: NameDirectory {
  let registry: RegistryNames
  let discovery: DiscoveryService

  func look(_ name: Path, from namespace: String, within patience: Duration) async -> DiscoveredName {
    if discovery.claims(name) { return await discovery.look(name, within: patience) }
    return await registry.look(name, from: namespace, within: patience)
  }
}
