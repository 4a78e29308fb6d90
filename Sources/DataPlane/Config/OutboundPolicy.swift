import MeshProtocol
import TLS
import Traffic

/// What a listener takes its callers' bytes for.
public enum ListenerProtocol: String, Sendable {
  /// HTTP/2 when a connection begins with its preface (RFC 9113 §3.4), else HTTP/1.1.
  case auto
  case http1
  /// With prior knowledge; anything else is closed.
  case http2
}

/// What the outbound listener believes its callers, and what it lets them decide.
public struct OutboundPolicy: Sendable {
  /// False: `l5d-*` and `heddle-*` fields are taken off requests and answers, those that say for whom a request comes
  /// (`x-forwarded-for`) off requests, and answers that the proxy makes have no body.
  public var isTrusted = true
  /// How requests get their names, the first that gives one.
  public var identifiers = Identifier.standard
  public var listenerProtocol = ListenerProtocol.auto
  /// What callers' connections are secured by at first; nil: they are in clear.
  public var security: TLSContext?
  public var overrides = OverridePolicy()
  /// Whether a caller may ask with `heddle-explain` why its request goes where it goes.
  public var explains = true
  /// Protocols that a caller's connection may switch to.
  public var upgrades = UpgradeTokens.standard
  /// Whether CONNECT makes a tunnel to a service.
  public var allowsConnect = false
  /// What decides between alternatives written with `|`.
  public var failover = RouteTree.Failover.health

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
