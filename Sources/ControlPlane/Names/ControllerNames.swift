import Discovery
import MeshProtocol

/// Every concrete name that this controller answers for: the registry's at once, a namer's when it has answered.
struct ControllerNames: NameDirectory {
  let controller: Controller
  let discovery: DiscoveryService

  func look(_ name: Path, from namespace: String, within patience: Duration) async -> NamedEndpoints {
    switch ConcreteName(name, askedFrom: namespace, claims: discovery.claims) {
    case .registry(let registry):
      NamedEndpoints(registry, controller.endpoints(registry.service.namespace, registry.service.service))
    case .discovered(let path): NamedEndpoints(await discovery.look(path, within: patience), after: nil)
    case .unknown(let reason): NamedEndpoints(.negative, because: reason)
    }
  }
}
