/// Names a slot of a `Slab` and which of its successive tenants is meant, so that an event for one that left finds
/// nobody.
///
/// 56 bits: a 32-bit index and a 24-bit generation. The top 8 bits of a 64-bit word stay free for the kind of thing
/// that the handle names (`token(kind:)`). A stale handle could match again only after 2²⁴ − 1 further tenants of its
/// slot.
public struct Handle: Hashable, Sendable {
  /// The slot.
  public let index: UInt32
  /// The tenant, 1 … 2²⁴ − 1; 0 only in `none`.
  public let generation: UInt32

  /// Matches nothing, in any slab.
  public static var none: Handle { Handle(index: .max, generation: 0) }
  static var lastGeneration: UInt32 { 0xff_ffff }

  /// Of `generation` the lower 24 bits count.
  public init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation & Handle.lastGeneration
  }

  /// The handle in `bits`; the top 8 bits are not looked at.
  public init(bits: UInt64) {
    self.init(index: UInt32(truncatingIfNeeded: bits), generation: UInt32(truncatingIfNeeded: bits &>> 32))
  }

  /// Generation and index in the lower 56 bits.
  public var bits: UInt64 { UInt64(generation) &<< 32 | UInt64(index) }

  /// The next tenant of the same slot. After the last generation comes 1: 0 is nobody's.
  public var successor: Handle {
    Handle(index: index, generation: generation == Handle.lastGeneration ? 1 : generation &+ 1)
  }

  /// The handle with `kind` in the top 8 bits.
  public func token(kind: UInt8) -> UInt64 { UInt64(kind) &<< 56 | bits }

  /// What `token(kind:)` put into the top 8 bits.
  public static func kind(of token: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: token &>> 56) }
}
