import MeshProtocol

/// How a logical name leads to concrete ones by the rules alone: which step went where, whatever is bound or ready now.
///
/// Immutable. It stays right until a rule changes that matches one of the paths it went through.
public final class Delegation: Sendable {
  /// The name that was asked for.
  public let path: Path
  public let tree: DelegatedTree
  /// Every path looked up on the way, repeated when it was looked up again.
  public let visited: [Path]
  /// The concrete names that can be reached, each once: what to watch.
  public let concreteNames: [Path]
  /// The first `/$/…` path to which a request's own rules lead; nil when they lead to none.
  /// An operator may allow some (`overrides.allow`); others are answered with `override-denied`.
  public let requestedSystemPaths: [Path]

  init(path: Path, tree: DelegatedTree, visited: [Path], concreteNames: [Path], requestedSystemPaths: [Path]) {
    self.path = path
    self.tree = tree
    self.visited = visited
    self.concreteNames = concreteNames
    self.requestedSystemPaths = requestedSystemPaths
  }

  /// Whether a change of rules with these prefixes (added, removed or altered) could make this delegation another one.
  /// Never false when it would; may be true when it would not.
  public func isAffected(by prefixes: [Prefix]) -> Bool {
    prefixes.contains { prefix in visited.contains { prefix.matches($0) } }
  }

  /// The first system path a request's own rules lead to that none of `allowed` covers.
  public func deniedOverride(allowing allowed: [Prefix]) -> Path? {
    requestedSystemPaths.first { path in !allowed.contains { $0.matches(path) } }
  }
}

/// One node of a delegation.
public indirect enum DelegatedTree: Sendable {
  /// A path was looked up: the trees of all rules that match, preferred first; or what the built-in namers made of it.
  /// These *implied* alternatives fall through by naming only. Empty: no rule matches, and there is no such name.
  case lookup(path: Path, steps: [DelegationStep])
  /// Alternatives written with `|`: by naming, and by policy also by health.
  case alternatives([DelegatedTree])
  case union(DelegatedUnion)
  case leaf(ConcreteLeaf)
  case negative, fail, empty
  case failure(NamingFailure)
}

/// One way on from a path.
public struct DelegationStep: Sendable {
  public enum Source: Sendable {
    case rule(RuleEntry)
    /// A built-in name, such as `/$/io.buoyant.hostportPfx`.
    case namer(String)
  }

  public let source: Source
  public let tree: DelegatedTree
}

public struct DelegatedUnion: Sendable {
  public struct Branch: Sendable {
    public let weight: Weight
    /// The backend's name when a split made this union; else empty.
    public let name: String
    public let tree: DelegatedTree
  }

  public let branches: [Branch]
  public let onUnbound: OnUnbound
}

/// A concrete name at the end of a branch.
public struct ConcreteLeaf: Hashable, Sendable {
  /// What is watched: `/#/registry/users-v1`, `/$/inet/10.0.0.1/8080`.
  public let name: Path
  /// What is left of the path.
  public let residual: Path
  /// The splits passed on the way, outermost first.
  public let crossings: [SplitCrossing]

  /// The split nearest to the endpoints; empty when there was none.
  public var split: String { crossings.last?.split ?? "" }
  /// Its branch.
  public var branch: String { crossings.last?.branch ?? "" }
}

public struct SplitCrossing: Hashable, Sendable {
  public let split: String
  public let branch: String
}
