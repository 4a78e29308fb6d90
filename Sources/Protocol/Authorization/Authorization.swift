/// Who may call the workloads of one identity. Read and checked (`faults`).
///
/// As soon as one that is enforced targets a proxy, that proxy takes only what a rule of any of them allows; without
/// any it takes everything.
public struct Authorization: Hashable, Sendable {
  public var target: AuthorizationTarget
  public var mode: Mode
  /// Any of these allows; none: nobody may call.
  public var rules: [AuthorizationRule]

  public enum Mode: String, Hashable, Sendable, CaseIterable {
    case enforce
    /// Refuses nothing; what it would refuse is counted.
    case dryRun = "dry_run"
  }

  public init(target: AuthorizationTarget, mode: Mode = .enforce, rules: [AuthorizationRule] = []) {
    self.target = target
    self.mode = mode
    self.rules = rules
  }
}

/// Whose inbound proxy decides.
public enum AuthorizationTarget: Hashable, Sendable, CustomStringConvertible {
  /// Every workload of the namespace.
  case everyWorkload
  /// The workload identity `…/ns/NAMESPACE/sa/` and this, in the namespace of the authorization.
  case workload(String)

  /// Reads `users` or `*`.
  public init(_ text: String) { self = text == "*" ? .everyWorkload : .workload(text) }

  /// Whether it means this name of a workload identity of the namespace; nil: a proxy without identity.
  public func includes(_ name: String?) -> Bool {
    switch self {
    case .everyWorkload: true
    case .workload(let own): own == name
    }
  }

  public var description: String {
    switch self {
    case .everyWorkload: "*"
    case .workload(let name): name
    }
  }
}

/// Calls that are allowed; everything named must hold.
public struct AuthorizationRule: Hashable, Sendable {
  /// Any of these callers.
  public var from: [CallerPattern]
  /// Any of these methods, as they stand (RFC 9110 §9.1); none: every method.
  public var methods: [String]
  /// Paths whose first segments are one of these, in the normal form of paths (`PathForm` in Traffic); none: every
  /// path, also one without such a form.
  public var paths: [String]

  public init(from: [CallerPattern], methods: [String] = [], paths: [String] = []) {
    self.from = from
    self.methods = methods
    self.paths = paths
  }
}

/// Which callers a rule means.
public enum CallerPattern: Hashable, Sendable, CustomStringConvertible {
  /// Also callers without an identity.
  case anyone
  /// Every identity of the mesh.
  case everyIdentity
  /// The identity of this name in the proxy's own namespace and trust domain.
  case name(String)
  /// An identity of the proxy's own trust domain.
  case workload(namespace: String, name: String)
  /// Exactly this identity.
  case identity(SPIFFEID)

  /// Reads `web`, `ns/other/sa/web`, a whole SPIFFE ID, `*` or `anyone`. A text that is none of these becomes a name,
  /// in which `AuthorizationRule` finds a fault.
  public init(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    if text == "anyone" {
      self = .anyone
    } else if text == "*" {
      self = .everyIdentity
    } else if let id = SPIFFEID(text) {
      self = .identity(id)
    } else if parts.count == 4, parts[0] == "ns", parts[2] == "sa" {
      self = .workload(namespace: String(parts[1]), name: String(parts[3]))
    } else {
      self = .name(text)
    }
  }

  /// The one identity that it means to a proxy with the identity `own`; nil when it means many, or, for a proxy
  /// without one, when it does not say the trust domain.
  public func identity(for own: SPIFFEID?) -> SPIFFEID? {
    switch self {
    case .anyone, .everyIdentity: nil
    case .name(let name): own.flatMap { SPIFFEID(trustDomain: $0.trustDomain, namespace: $0.namespace, name: name) }
    case .workload(let namespace, let name):
      own.flatMap { SPIFFEID(trustDomain: $0.trustDomain, namespace: namespace, name: name) }
    case .identity(let id): id
    }
  }

  public var description: String {
    switch self {
    case .anyone: "anyone"
    case .everyIdentity: "*"
    case .name(let name): name
    case .workload(let namespace, let name): "ns/\(namespace)/sa/\(name)"
    case .identity(let id): id.description
    }
  }
}

/// What one authorization may hold. One beyond a limit is refused when it is written.
public enum AuthorizationLimits {
  /// Rules of an authorization: a proxy compiles them whole at every change of one.
  public static let rules = 256
  /// Callers, methods and paths of a rule, each.
  public static let entries = 64
}
