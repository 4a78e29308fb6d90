import MeshProtocol

/// What is known of one concrete name at one moment, after grace and last-good rules: what proxies may be told.
public struct DiscoveredName: Sendable {
  public enum State: String, Hashable, Sendable, CaseIterable {
    /// No source has answered yet.
    case pending
    case negative
    case bound
    /// The source failed before its first answer.
    case failed
  }

  /// As it was asked for, whole: `/#/io.l5d.k8s/prod/http/users/v2`.
  public let name: Path
  /// Grows with every change of this name and is never given again, also over restarts of the program.
  public let version: UInt64
  public let state: State
  /// Why it is not bound; or, of a bound name, why it is not fresh. Empty when there is nothing to say.
  public let reason: String
  /// The part of `name` that the source took, prefix included; `name` itself unless bound.
  public let id: Path
  /// What is left of `name`.
  public let residual: Path
  /// By address, ascending; each address once. Empty unless bound.
  public let endpoints: [FoundEndpoint]
  public let serviceProtocol: FoundProtocol?

  public init(
    name: Path, version: UInt64, state: State, reason: String = "", id: Path, residual: Path = .root,
    endpoints: [FoundEndpoint] = [], serviceProtocol: FoundProtocol? = nil
  ) {
    self.name = name
    self.version = version
    self.state = state
    self.reason = reason
    self.id = id
    self.residual = residual
    self.endpoints = endpoints
    self.serviceProtocol = serviceProtocol
  }
}
