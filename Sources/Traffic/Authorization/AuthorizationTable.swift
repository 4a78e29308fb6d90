import HTTP
import MeshProtocol

/// The authorizations that target one proxy, compiled. Immutable, shared by all threads.
///
/// A decision takes a few look-ups of the path's prefixes, however many authorizations there are, and allocates nothing
/// once the scratch has grown.
public final class AuthorizationTable: Sendable {
  /// Names of those that target the proxy: one for its identity before one for every workload, then by name.
  public let authorizations: [String]
  private let enforced: AuthorizationPolicy?
  private let dryRun: AuthorizationPolicy?
  /// By identity: which of the policies' groups is its own.
  private let scopes: [String: Int32]

  /// A table without any authorization.
  public static let empty = AuthorizationTable([:], for: nil)
  /// In place of a table that has not come yet: nobody is let in, for nobody knows who may.
  public static let undecided = AuthorizationTable([:], for: nil)

  /// Whether this is the one that stands for what has not come yet.
  public var isUndecided: Bool { self === Self.undecided }

  /// - Parameters:
  ///   - authorizations: all of the namespace by name; without faults.
  ///   - own: the proxy's identity; nil for a proxy without one, which only those for every workload target.
  public init(_ authorizations: [String: Authorization], for own: SPIFFEID?) {
    let targeting = authorizations.filter { $0.value.target.includes(own?.name) }.sorted {
      ($0.value.target == .everyWorkload ? 1 : 0, $0.key) < ($1.value.target == .everyWorkload ? 1 : 0, $1.key)
    }
    self.authorizations = targeting.map(\.key)
    var scopes: [String: Int32] = [:]
    func policy(_ mode: Authorization.Mode) -> AuthorizationPolicy? {
      let numbered = targeting.enumerated().filter { $1.value.mode == mode }
      guard let first = numbered.first?.offset else { return nil }
      let rules = numbered.flatMap { index, item in
        item.value.rules.enumerated().map { NumberedRule(authorization: index, rule: $0, $1) }
      }
      return AuthorizationPolicy(first: Int32(truncatingIfNeeded: first), rules, for: own, &scopes)
    }
    enforced = policy(.enforce)
    dryRun = policy(.dryRun)
    self.scopes = scopes
  }

  /// Whether nobody needs to ask: no authorization targets the proxy.
  public var isEmpty: Bool { authorizations.isEmpty && !isUndecided }

  /// Which rules can mean the caller with this SPIFFE ID; nil: a caller without one. To be kept: it reads text.
  public func scope(of identity: String?) -> CallerScope {
    guard let identity else { return .anonymous }
    return scopes[identity].map { CallerScope(index: $0) } ?? .unnamed
  }

  /// What becomes of the request whose head stands in `bytes`.
  public func decide(
    _ caller: CallerScope, _ head: borrowing RequestHead, _ bytes: Span<UInt8>, scratch: inout RouteScratch
  ) -> AuthorizationDecision {
    let hasPath = head.form == .origin || head.form == .absolute && head.pathLead != UInt8(ascii: "*")
    let path = hasPath ? bytes.extracting(head.pathRange) : Self.noPath.span
    return decide(caller, method: bytes.extracting(head.methodRange), path: path, scratch: &scratch)
  }

  /// What becomes of a request.
  /// - Parameter path: as it came, its query may follow; empty is `/`. What does not begin with `/`, and what has no
  ///   normal form, is allowed only by rules without paths.
  public func decide(
    _ caller: CallerScope, method: Span<UInt8>, path: Span<UInt8>, scratch: inout RouteScratch
  ) -> AuthorizationDecision {
    scratch.path.removeAll(keepingCapacity: true)
    var hasForm = false
    if enforced?.matchesPaths == true || dryRun?.matchesPaths == true {
      let end = PathForm.pathEnd(path)
      if end == 0 {
        scratch.path.append(UInt8(ascii: "/"))
        hasForm = true
      } else {
        hasForm = path[0] == UInt8(ascii: "/") && PathForm.normalize(path.extracting(0..<end), into: &scratch.path)
      }
    }
    let form = scratch.path
    return AuthorizationDecision(
      enforced: Self.outcome(enforced) { $0.find(caller, method: method, path: form.span, hasForm: hasForm) },
      dryRun: Self.outcome(dryRun) { $0.find(caller, method: method, path: form.span, hasForm: hasForm) })
  }

  /// What becomes of a connection of bytes.
  public func decide(_ caller: CallerScope) -> AuthorizationDecision {
    AuthorizationDecision(
      enforced: Self.outcome(enforced) { $0.findForBytes(caller) },
      dryRun: Self.outcome(dryRun) { $0.findForBytes(caller) })
  }

  private static func outcome(
    _ policy: AuthorizationPolicy?, _ find: (AuthorizationPolicy) -> RuleNumber?
  ) -> AuthorizationDecision.Outcome {
    guard let policy else { return .unrestricted }
    guard let found = find(policy) else { return .denied(authorization: policy.first) }
    return .allowed(authorization: found.authorization, rule: found.rule)
  }

  /// Has no normal form, as a request to the server itself (`OPTIONS *`) or to another (`CONNECT`).
  private static let noPath: [UInt8] = [UInt8(ascii: "*")]
}
