import MeshProtocol
import Traffic

/// How names are bound, whatever listener asked for them.
public struct BindingPolicy: Sendable {
  /// Which rules a trusted caller's request may bring along.
  public var overrides = OverridePolicy()
  /// What decides between alternatives written with `|`.
  public var failover = RouteTree.Failover.health
  /// How answers to names are classified, and what is tried again.
  public var policies = PolicyTable()

  /// The defaults.
  public init() {}
}

/// Which rules a request may bring along (`l5d-dtab`, and `l5d-ctx-dtab` from the proxies before).
public struct OverridePolicy: Sendable {
  public enum Mode: Sendable {
    /// Any caller's.
    case allow
    /// Nobody's: 403 `override-denied`.
    case deny
    /// Only those signed with this key; what travels on is signed again.
    case signed(OverrideKey)
  }

  public var mode = Mode.allow
  /// Prefixes that a request may have rules for, with all that is below; empty = any.
  public var prefixes: [Prefix] = []
  /// System names (`/$/…`) to which a request's rules may lead.
  public var systemNames: [Prefix] = []

  /// Everything allowed but system names.
  public init() {}

  /// The first dentry that this policy does not let through, nil when all may pass.
  func refused(_ local: [RuleEntry]) -> Dentry? {
    guard !prefixes.isEmpty else { return nil }
    return local.first { entry in !prefixes.contains { $0.covers(entry.dentry.prefix) } }?.dentry
  }
}

/// The secret with which rules of requests are signed: HMAC-SHA-256 (RFC 2104), in lower-case hexadecimal.
public struct OverrideKey: Sendable {
  /// Fewer bytes could be guessed.
  public static let leastBytes = 16

  private let key: [UInt8]

  /// Nil when there are fewer than `leastBytes` bytes.
  public init?(_ key: [UInt8]) {
    guard key.count >= Self.leastBytes else { return nil }
    self.key = key
  }

  /// The signature of what one header says, its lines joined by a line feed.
  public func signature(of lines: [String]) -> String {
    let text = Array(lines.joined(separator: "\n").utf8)
    return HMACSHA256.authenticate(text.span, key: key.span).map { byte in
      String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }.joined()
  }

  /// Compares in constant time.
  public func isSignature(_ given: [UInt8], of lines: [String]) -> Bool {
    let expected = Array(signature(of: lines).utf8)
    guard given.count == expected.count else { return false }
    return zip(given, expected).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}

extension Prefix {
  /// Whether every path that `other` matches is matched by this one: as long or shorter, element by element as wide.
  func covers(_ other: Prefix) -> Bool {
    count <= other.count && zip(elements, other.elements).allSatisfy { $0 == .any || $0 == $1 }
  }
}
