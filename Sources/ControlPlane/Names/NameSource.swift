import Discovery
import MeshProtocol

/// The namers, as the mesh stream asks them. What they find comes back as `DiscoveredName`s, from another thread.
protocol NameSource: Sendable {
  /// Whether a configured namer answers for such names.
  func claims(_ name: Path) -> Bool
  /// Asks for a name from now on; what is known of it is told at once, or as soon as there is something.
  func want(_ name: Path)
  /// Takes one `want` back.
  func release(_ name: Path)
}

extension DiscoveryService: NameSource {}

/// A controller without namers.
struct NoNamers: NameSource {
  func claims(_ name: Path) -> Bool { false }
  func want(_ name: Path) {}
  func release(_ name: Path) {}
}

/// What is known of a concrete name now, for people and for other programs: `resolve`, namerd's API.
protocol NameDirectory: Sendable {
  /// Waits for the first answer of a namer that was not asked before, at most `patience`; then the name is pending.
  func look(_ name: Path, from namespace: String, within patience: Duration) async -> NamedEndpoints
}

/// A directory of nothing.
struct NoNames: NameDirectory {
  func look(_ name: Path, from namespace: String, within patience: Duration) async -> NamedEndpoints {
    NamedEndpoints(.negative, because: "nobody answers for names here")
  }
}
