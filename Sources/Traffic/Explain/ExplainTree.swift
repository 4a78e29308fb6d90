import MeshProtocol

/// How a name binds, for people: a plain tree of what was looked up, which rule and revision led on, what each end is,
/// what is chosen and why. The controller's and the proxy's `/resolve` answer with it.
public struct ExplainTree: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// A path was looked up; the children are the rules that match, preferred first.
    case lookup
    /// Written with `|`.
    case alternatives
    /// Written with `&`, or a split.
    case union
    /// A concrete name.
    case leaf
    case negative, fail, empty, failure
  }

  public enum State: String, Hashable, Sendable, CaseIterable {
    case bound, pending, negative, failed, fail, empty
  }

  public var kind: Kind
  /// The path looked up, or the concrete name; empty for what has none.
  public var path: String
  /// What a concrete name leaves over; empty when nothing.
  public var residual = ""
  /// The rule that led here from the node above; nil at the root and inside a rule's tree.
  public var rule: Rule?
  public var state: State
  /// The part of all requests for the name that come here by naming, 0 to 1; health may send them to a later `|`
  /// alternative. They come to an end here when `state` is not bound.
  public var part: Double
  /// Why it is chosen or not, and what is missing. Empty when there is nothing to say.
  public var reason = ""
  /// In a union: the backend's name, when a split made it.
  public var branch = ""
  /// In a union: as written.
  public var weight: Double?
  /// In a union: the part of the union's requests that comes here, 0 to 1.
  public var share: Double?
  /// Of a union: the part of its requests that no branch takes, 0 to 1.
  public var missingShare = 0.0
  /// Of a union: what it does with the share of a branch that is not bound.
  public var onUnbound: OnUnbound?
  /// Of a concrete name: the split nearest to it, and its branch; nil when none was passed.
  public var crossing: SplitCrossing?
  /// Of a failure: the `heddle-error` of its answers.
  public var code = ""
  public var children: [ExplainTree] = []

  public struct Rule: Hashable, Sendable {
    /// `file`, `rules`, `splits`, `context`, `request`, or `built-in`.
    public var tier: String
    /// The rule's id, the split's name, the number of the dentry, or the built-in name.
    public var id: String
    /// The revision that made it what it is; 0 when it has none.
    public var revision: UInt64
    /// As people write it, `/svc => /host`; empty for built-in names.
    public var dentry: String

    public init(tier: String, id: String, revision: UInt64, dentry: String) {
      self.tier = tier
      self.id = id
      self.revision = revision
      self.dentry = dentry
    }
  }

  public init(kind: Kind, path: String, state: State, part: Double) {
    self.kind = kind
    self.path = path
    self.state = state
    self.part = part
  }

  /// Whether requests come here by naming.
  public var isChosen: Bool { part > 0 }
}
