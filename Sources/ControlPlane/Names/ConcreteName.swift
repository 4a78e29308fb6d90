import MeshProtocol

/// A concrete name that a proxy asks for, as this controller understands it.
enum ConcreteName: Hashable, Sendable {
  /// A service of the registry.
  case registry(RegistryName)
  /// A namer's, whole; what of it is id and what residual is the namer's to say.
  case discovered(Path)
  /// Nobody here answers such names; the text says why.
  case unknown(reason: String)

  struct RegistryName: Hashable, Sendable {
    let service: RegistryService
    /// The part of the name that the registry took.
    let id: String
    /// What is left, "/" for nothing.
    let residual: String
  }

  /// Reads `/#/registry/<service>[/…]` and `/#/registry.ns/<namespace>/<service>[/…]`, asked for by a proxy of
  /// `namespace`, and the names that one of the configured namers claims.
  init(_ text: String, askedFrom namespace: String, claims: (Path) -> Bool) {
    guard let path = try? Path(parsing: text) else {
      self = .unknown(reason: "not a path")
      return
    }
    self.init(path, askedFrom: namespace, claims: claims)
  }

  init(_ path: Path, askedFrom namespace: String, claims: (Path) -> Bool) {
    let labels = path.segments.prefix(3).map(\.text)
    switch (labels.first, labels.dropFirst().first) {
    case ("#", "registry"): self = Self.registry(path, namespace: namespace, serviceAt: 2)
    case ("#", "registry.ns"):
      self =
        labels.count > 2
        ? Self.registry(path, namespace: labels[2], serviceAt: 3) : .unknown(reason: "the name has no namespace")
    case _ where claims(path): self = .discovered(path)
    case ("#", let namer?): self = .unknown(reason: "no namer /#/\(namer) is configured")
    default: self = .unknown(reason: "not a concrete name: it does not begin with /#/")
    }
  }

  private static func registry(_ path: Path, namespace: String, serviceAt index: Int) -> ConcreteName {
    guard path.count > index else { return .unknown(reason: "the name has no service") }
    let service = RegistryService(namespace: namespace, service: path.segments[index].text)
    let residual = path.dropFirst(index + 1).description
    return .registry(RegistryName(service: service, id: path.prefix(index + 1).description, residual: residual))
  }
}

/// Which service of the registry.
struct RegistryService: Hashable, Sendable {
  let namespace: String
  let service: String
}
