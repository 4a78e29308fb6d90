import Discovery
import MeshProtocol
import Settings

/// Reads `registry` and `namers` of a proxy's file.
///
/// ```yaml
/// registry: {users-v1: [127.0.0.1:8081]}
/// namers:
///   - kind: io.l5d.static        # also beside `mesh:`
///     names: {web: [127.0.0.1:8083]}
///   - kind: io.l5d.fs            # without a controller only
///     rootDir: /etc/heddle/names
/// ```
struct NamerKeys {
  /// What the file itself lists; it goes before all that is watched.
  let lists: StaticNames
  /// What is watched: the file's namers, and those that need no configuration. Of no use beside `mesh:`.
  let namers: NamerConfiguration

  /// What is wrong is noted in `problems`.
  /// - Parameter isStandalone: whether there is no controller, whose namers would answer.
  init(registry: Node?, namers node: Node?, isStandalone: Bool, problems: ProblemList) {
    var lists: [Reader] = []
    var watched: [Reader] = []
    for entry in NamerConfiguration.entries(node, problems: problems) {
      switch Self.place(of: entry.text("kind")) {
      case .file: lists.append(entry)
      case .proxy where isStandalone: watched.append(entry)
      case .proxy: entry.fault("kind", "works without mesh only: the controller's namers answer such names")
      case .controller: entry.fault("kind", "is a controller's namer: a proxy holds no credentials for other systems")
      case .nowhere(let fault): entry.fault("kind", fault, hint: "a proxy's file knows \(Self.known)")
      }
    }
    namers = NamerConfiguration(watched, kinds: NamerKinds.local)
    self.lists = StaticNames(registry: registry, lists: lists, problems: problems)
  }

  /// Where a kind of namers is at home.
  private enum Place {
    case file, proxy, controller
    case nowhere(String)
  }

  private static func place(of kind: String?) -> Place {
    guard let kind else { return .nowhere("missing") }
    if kind == StaticNames.kind { return .file }
    if NamerKinds.local.contains(where: { $0.kind == kind }) { return .proxy }
    if NamerKinds.all.contains(where: { $0.kind == kind }) { return .controller }
    return .nowhere("unknown namer \(kind)")
  }

  private static var known: String {
    ([StaticNames.kind] + NamerKinds.local.map { $0.kind }).joined(separator: ", ")
  }
}
