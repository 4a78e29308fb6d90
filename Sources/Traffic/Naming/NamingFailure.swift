import MeshProtocol

/// Why a name leads nowhere although nothing said so: the rules' fault, except `.name`, which is a namer's.
public enum NamingFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// Rules that lead back to themselves: more than `limit` lookups one after another. `dentries` are those of the loop.
  case loop(limit: Int, path: Path, dentries: [Dentry])
  /// Rules that branch without end: more lookups, or a deeper tree, or a longer path than allowed.
  case tooLarge(path: Path, limit: String)
  /// `/$/…` with a name that nobody knows.
  case unknownNamer(Path)
  /// A namer failed before its first answer for this name.
  case name(Path)

  /// The `heddle-error` of an answer made of it.
  public var code: String {
    switch self {
    case .loop, .tooLarge: "naming-loop"
    case .unknownNamer: "no-route"
    case .name: "binding-timeout"
    }
  }

  /// The rules lead round, or branch, without end.
  public var isLoop: Bool { code == "naming-loop" }

  /// For people: goes into `l5d-err`.
  public var message: String { description }

  public var description: String {
    switch self {
    case .loop(let limit, let path, let dentries):
      "Max recursion level: \(limit) reached in Namer lookup of \(Self.short(path)), through "
        + dentries.map(\.description).joined(separator: ";")
    case .tooLarge(let path, let limit): "naming needs more than \(limit), at \(Self.short(path))"
    case .unknownNamer(let path): "unknown namer: \(Self.short(path))"
    case .name(let path): "naming of \(Self.short(path)) failed"
    }
  }

  /// Loops grow paths; nobody reads a thousand segments.
  private static func short(_ path: Path) -> String { path.count <= 12 ? "\(path)" : "\(path.prefix(12))/…" }
}
