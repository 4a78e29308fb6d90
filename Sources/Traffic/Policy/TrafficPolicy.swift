import MeshProtocol

/// What one entry says of the names under its prefix. What it leaves open is as a shorter prefix has it, or the default.
public struct TrafficPolicy: Hashable, Sendable {
  /// How calls are classified.
  public struct Classes: Hashable, Sendable {
    public var declared: [Int16: ResponseClass] = [:]
    public var otherDeclared: ResponseClass?
    public var application: [Int32: ResponseClass] = [:]
    public var otherApplication: ResponseClass?
    public var error: ResponseClass?

    public init() {}
  }

  /// How often, and at what price, a request is tried again.
  public struct Retries: Hashable, Sendable {
    public var most: Int?
    public var share: Double?
    public var floor: Double?
    /// Nanoseconds.
    public var window: UInt64?
    /// Nanoseconds.
    public var shortestPause: UInt64?
    /// Nanoseconds.
    public var longestPause: UInt64?
    public var buffer: Int?

    public init() {}
  }

  /// Of logical names.
  public var prefix: Prefix
  public var classes = Classes()
  public var retries = Retries()

  public init(prefix: Prefix) { self.prefix = prefix }

  /// Takes what `other`, whose prefix is longer, says more.
  mutating func take(_ other: TrafficPolicy) {
    classes.declared.merge(other.classes.declared) { $1 }
    classes.application.merge(other.classes.application) { $1 }
    // Who says what all others count as means all that are not named beside it.
    if let declared = other.classes.otherDeclared {
      (classes.declared, classes.otherDeclared) = (other.classes.declared, declared)
    }
    if let application = other.classes.otherApplication {
      (classes.application, classes.otherApplication) = (other.classes.application, application)
    }
    classes.error = other.classes.error ?? classes.error
    retries.most = other.retries.most ?? retries.most
    retries.share = other.retries.share ?? retries.share
    retries.floor = other.retries.floor ?? retries.floor
    retries.window = other.retries.window ?? retries.window
    retries.shortestPause = other.retries.shortestPause ?? retries.shortestPause
    retries.longestPause = other.retries.longestPause ?? retries.longestPause
    retries.buffer = other.retries.buffer ?? retries.buffer
  }

  /// - Parameter base: what counts where this says nothing.
  func classifier(over base: CallClassifier) -> CallClassifier {
    CallClassifier(
      declared: classes.declared, otherDeclared: classes.otherDeclared ?? base.otherDeclared,
      application: classes.application, otherApplication: classes.otherApplication ?? base.otherApplication,
      error: classes.error ?? base.error)
  }

  var retryPolicy: RetryPolicy {
    var policy = RetryPolicy()
    policy.most = retries.most ?? policy.most
    policy.budget.share = retries.share ?? policy.budget.share
    policy.budget.floor = retries.floor ?? policy.budget.floor
    policy.budget.window = retries.window ?? policy.budget.window
    policy.backoff = RetryBackoff(
      shortest: retries.shortestPause ?? policy.backoff.shortest,
      longest: retries.longestPause ?? policy.backoff.longest)
    policy.buffer = retries.buffer ?? policy.buffer
    return policy
  }
}

/// What holds for one logical name.
public struct NamePolicy: Hashable, Sendable {
  public let classifier: CallClassifier
  public let retries: RetryPolicy

  public init(classifier: CallClassifier = CallClassifier(), retries: RetryPolicy = RetryPolicy()) {
    self.classifier = classifier
    self.retries = retries
  }
}

/// All policies: for each name those whose prefixes match it are merged, the longest wins.
public struct PolicyTable: Sendable {
  /// By length of prefix, the shortest first.
  private let entries: [TrafficPolicy]
  private let base: CallClassifier

  /// - Parameters:
  ///   - entries: of equally long prefixes the later wins.
  ///   - base: how calls are classified where no entry says.
  public init(_ entries: [TrafficPolicy] = [], over base: CallClassifier = CallClassifier()) {
    let ordered = entries.enumerated().sorted {
      ($0.element.prefix.count, $0.offset) < ($1.element.prefix.count, $1.offset)
    }
    self.entries = ordered.map(\.element)
    self.base = base
  }

  /// What holds for this logical name; nil when no entry is for it.
  public func policy(of name: Path) -> NamePolicy? {
    let matching = entries.filter { $0.prefix.matches(name) }
    guard var merged = matching.first else { return nil }
    for entry in matching.dropFirst() { merged.take(entry) }
    return NamePolicy(classifier: merged.classifier(over: base), retries: merged.retryPolicy)
  }
}
