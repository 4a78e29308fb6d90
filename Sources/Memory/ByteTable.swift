/// A map from byte strings to `Int32`: open addressing with linear probing, 16-byte slots, all keys in one run of
/// bytes.
///
/// Keys come from strangers, so the hash takes a random `seed`, and a new key that would lie `probeLimit` slots or more
/// from its home makes the table grow; when it has grown to 16 slots a key, that key is refused.
public struct ByteTable: ~Copyable, Sendable {
  /// Slots from its home within which a new key must find a place. Why: bounds what a flood of colliding names can cost
  /// each look-up; at a load of ½ an honest table stays far below it.
  public static let probeLimit = 64
  /// Bytes of all keys together at most; an insertion beyond is refused.
  public static let keyBytesLimit = Int(UInt32.max)

  private struct Slot {
    var hash: UInt32 = 0  // 0 = empty
    var start: UInt32 = 0
    var length: UInt32 = 0
    var value: Int32 = 0
  }

  private var slots: [Slot] = []
  private var keys: [UInt8] = []
  /// Bytes in `keys` that belong to removed keys.
  private var wasted = 0
  /// Slots that a look-up must try at most: the farthest that an entry was put from its home, and one.
  private var reach = 0
  private let seed: UInt64
  /// Keys in the table.
  public private(set) var count = 0

  /// An empty table. - Parameter seed: Random, from the process's start or later.
  public init(seed: UInt64) { self.seed = seed }

  /// The value of `key`, nil when it is not in the table.
  public func find(_ key: Span<UInt8>) -> Int32? {
    let at = position(key, Self.short(hash(key, seed: seed)))
    return at < 0 ? nil : slots[at].value
  }

  /// Sets the value of `key`. False when the table refuses a new key because of `probeLimit` or `keyBytesLimit`.
  @discardableResult public mutating func insert(_ key: Span<UInt8>, _ value: Int32) -> Bool {
    let short = Self.short(hash(key, seed: seed))
    let at = position(key, short)
    if at >= 0 { slots[at].value = value; return true }
    if keys.count + key.count > Self.keyBytesLimit { return false }
    if slots.count < (count + 1) * 2 { rebuild(max(16, slots.count * 2)) }
    let slot = Slot(hash: short, start: UInt32(keys.count), length: UInt32(key.count), value: value)
    while !place(slot, within: Self.probeLimit) {
      if slots.count >= (count + 1) * 16 { return false }
      rebuild(slots.count * 2)
    }
    unsafe key.withUnsafeBufferPointer { unsafe keys.append(contentsOf: $0) }
    count += 1
    return true
  }

  /// Removes `key` and returns its value, nil when it was not in the table.
  @discardableResult public mutating func remove(_ key: Span<UInt8>) -> Int32? {
    var hole = position(key, Self.short(hash(key, seed: seed)))
    if hole < 0 { return nil }
    let value = slots[hole].value
    wasted += Int(slots[hole].length)
    count -= 1
    let mask = slots.count &- 1
    var next = (hole &+ 1) & mask
    // Shift followers back instead of leaving a tombstone: a look-up then still ends at the first empty slot.
    while slots[next].hash != 0 {
      let home = Int(slots[next].hash) & mask
      if (next &- home) & mask >= (next &- hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next &+ 1) & mask
    }
    slots[hole] = Slot()
    if wasted > 4096 && wasted > keys.count / 2 { rebuild(slots.count) }
    return value
  }

  // MARK: Slots

  /// The lower half of the hash, which is also the home slot; 0 means empty, so it becomes 1.
  private static func short(_ hash: UInt64) -> UInt32 { max(1, UInt32(truncatingIfNeeded: hash)) }

  /// Where `key` is, -1 when it is nowhere.
  private func position(_ key: Span<UInt8>, _ short: UInt32) -> Int {
    let slots = slots.span
    if slots.count == 0 { return -1 }
    let mask = slots.count &- 1
    var at = Int(short) & mask
    for _ in 0..<reach {
      let slot = slots[at]
      if slot.hash == 0 { return -1 }
      if slot.hash == short && slot.length == key.count && isKey(slot, key) { return at }
      at = (at &+ 1) & mask
    }
    return -1
  }

  private func isKey(_ slot: Slot, _ key: Span<UInt8>) -> Bool {
    let start = Int(slot.start)
    return bytesEqual(keys.span.extracting(start..<start &+ Int(slot.length)), key)
  }

  /// Puts `slot` into the first free place from its home on; false when none is among the first `limit`.
  private mutating func place(_ slot: Slot, within limit: Int) -> Bool {
    let mask = slots.count &- 1
    let home = Int(slot.hash) & mask
    for distance in 0..<limit where slots[(home &+ distance) & mask].hash == 0 {
      slots[(home &+ distance) & mask] = slot
      reach = max(reach, distance &+ 1)
      return true
    }
    return false
  }

  /// Moves all entries into `size` slots, a power of two above twice `count`, and drops the bytes of removed keys.
  /// Entries that are in stay in, however far from home, so this cannot fail.
  private mutating func rebuild(_ size: Int) {
    let old = slots
    let oldKeys = keys
    slots = Array(repeating: Slot(), count: size)
    keys = []
    keys.reserveCapacity(oldKeys.count - wasted)
    reach = 0
    wasted = 0
    for var slot in old where slot.hash != 0 {
      let start = Int(slot.start)
      slot.start = UInt32(keys.count)
      keys.append(contentsOf: oldKeys[start..<start + Int(slot.length)])
      let placed = place(slot, within: size)
      precondition(placed, "half of the slots are free")
    }
  }
}
