/// A map from numbers to numbers: open addressing with linear probing in a table of a power of two, half of it free.
///
/// The home of a key is the key itself without its lowest bit. For hashes that is as good as any; stream ids of one side follow each other
/// by two, so they do not collide at all as long as the oldest is not older than the table is wide. A peer that picks its ids to collide
/// makes a look-up pass as many slots as it has streams open, which its limit bounds.
struct NumberTable: Sendable {
  private struct Slot {
    var key: UInt32 = 0  // 0: free
    var value: UInt64 = 0
  }

  private var slots: [Slot] = []
  private(set) var count = 0

  private static let smallest = 16

  func find(_ key: UInt32) -> UInt64? {
    let slots = slots.span
    if slots.count == 0 { return nil }
    let mask = slots.count &- 1
    var at = Int(key &>> 1) & mask
    while slots[at].key != 0 {
      if slots[at].key == key { return slots[at].value }
      at = (at &+ 1) & mask
    }
    return nil
  }

  /// Gives a key its value, in place of one that it has.
  /// - Parameter key: above 0.
  mutating func set(_ key: UInt32, _ value: UInt64) {
    if (count &+ 1) &* 2 > slots.count { resize(max(Self.smallest, slots.count * 2)) }
    let at = place(of: key)
    if slots[at].key == 0 { count &+= 1 }
    slots[at] = Slot(key: key, value: value)
  }

  /// Forgets a key; one that is not in is left out.
  mutating func remove(_ key: UInt32) {
    if slots.isEmpty { return }
    var hole = place(of: key)
    if slots[hole].key == 0 { return }
    count &-= 1
    // Followers move up instead of leaving a mark: a look-up then ends at the first free slot.
    let mask = slots.count &- 1
    var next = (hole &+ 1) & mask
    while slots[next].key != 0 {
      let home = Int(slots[next].key &>> 1) & mask
      if (next &- home) & mask >= (next &- hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next &+ 1) & mask
    }
    slots[hole] = Slot()
    if count == 0 && slots.count > Self.smallest { slots = [] }  // a burst's is not kept
  }

  /// Where the key is, or a free slot for it.
  private func place(of key: UInt32) -> Int {
    let mask = slots.count &- 1
    var at = Int(key &>> 1) & mask
    while slots[at].key != 0 && slots[at].key != key { at = (at &+ 1) & mask }
    return at
  }

  private mutating func resize(_ size: Int) {
    let old = slots
    slots = Array(repeating: Slot(), count: size)
    for slot in old where slot.key != 0 { slots[place(of: slot.key)] = slot }
  }
}
