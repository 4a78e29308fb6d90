/// The hash of a set of encoded messages: the sum modulo 2^128 of each message's first 16 bytes of SHA-256, read as a
/// big-endian number. Adding or taking away one message costs one hash, whatever the size of the set, and order is
/// nothing.
///
/// It finds lost and mixed-up updates, not forgery: both ends trust each other's transport.
public struct SetHash: Hashable, Sendable, CustomStringConvertible {
  /// The sum.
  public var value: UInt128

  /// The hash of the empty set.
  public static let empty = SetHash(value: 0)

  public init(value: UInt128) { self.value = value }

  /// The hash of a set with this one message.
  public init(of message: Span<UInt8>) {
    let digest = SHA256.digest(message)
    value = digest.prefix(16).reduce(0) { $0 &<< 8 | UInt128($1) }
  }

  /// The hash of a set with this one message.
  public init(of message: [UInt8]) { self.init(of: message.span) }

  /// Reads the 16 bytes of the wire; nil when there are not exactly 16.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 16 else { return nil }
    value = bytes.reduce(0) { $0 &<< 8 | UInt128($1) }
  }

  /// The 16 bytes of the wire, most significant first.
  public var bytes: [UInt8] {
    (0..<16).map { UInt8(truncatingIfNeeded: value &>> UInt128(120 &- 8 &* $0)) }
  }

  /// Puts a message's hash, or another set without common members, into the set.
  public mutating func insert(_ other: SetHash) { value &+= other.value }

  /// Takes a member's hash out of the set.
  public mutating func remove(_ other: SetHash) { value &-= other.value }

  /// 32 hexadecimal digits.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }
}
