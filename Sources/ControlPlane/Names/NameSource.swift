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
