import Memory

/// A request method. Unknown ones are `other` and keep their bytes in ``RequestHead/methodRange``.
public enum Method: UInt8, Hashable, Sendable {
  case get, head, post, put, delete, options, trace, patch, connect, other

  /// Has no effect on the server that the caller asked for (RFC 9110 §9.2.1).
  public var isSafe: Bool { self == .get || self == .head || self == .options || self == .trace }

  /// May be sent again without asking (RFC 9110 §9.2.2).
  public var isIdempotent: Bool { isSafe || self == .put || self == .delete }

  /// Methods are case-sensitive (RFC 9110 §9.1): `get` is `other`.
  public init(_ bytes: Span<UInt8>) {
    var packed: UInt64 = 0
    guard bytes.count <= 8 else {
      self = .other
      return
    }
    for i in 0..<bytes.count { packed |= UInt64(bytes[i]) &<< UInt64(8 &* i) }
    self.init(packed: packed)
  }

  /// `packed` holds the letters, the first in the lowest byte, zeros above.
  @inline(__always) init(packed: UInt64) {
    switch packed {
    case ascii("G", "E", "T"): self = .get
    case ascii("H", "E", "A", "D"): self = .head
    case ascii("P", "O", "S", "T"): self = .post
    case ascii("P", "U", "T"): self = .put
    case ascii("D", "E", "L", "E", "T", "E"): self = .delete
    case ascii("O", "P", "T", "I", "O", "N", "S"): self = .options
    case ascii("T", "R", "A", "C", "E"): self = .trace
    case ascii("P", "A", "T", "C", "H"): self = .patch
    case ascii("C", "O", "N", "N", "E", "C", "T"): self = .connect
    default: self = .other
    }
  }

  /// The method's letters; empty for `other`.
  public var text: StaticString {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .trace: "TRACE"
    case .patch: "PATCH"
    case .connect: "CONNECT"
    case .other: ""
    }
  }
}
