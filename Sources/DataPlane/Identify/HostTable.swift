import Memory
import Traffic

/// What is known of one spelling of a host.
struct HostSlot {
  /// The routes that `chain` was looked up in (`RouteTable.version`).
  var version: UInt64
  /// The routes that requests to this host can match; nil when none can.
  var chain: HostChain?
  /// What the host itself is bound to; -1 or another's serial: not known.
  var binding: Int32 = -1
  var serial: UInt32 = 0
}

/// Spellings of hosts, by their bytes as they came: the first look-up of every request. Only hosts that are names.
struct HostTable: ~Copyable {
  /// Spellings remembered. Beyond it all are forgotten and looked at closely once more: callers choose them, so there is
  /// no telling which will come again. Twice the bindings.
  static let limit = 2 * BindingTable.limit

  private let seed: UInt64
  private var table: ByteTable
  private var slots: [HostSlot] = []

  init(seed: UInt64) {
    self.seed = seed
    table = ByteTable(seed: seed)
  }

  var count: Int { slots.count }

  subscript(i: Int32) -> HostSlot {
    _read { yield slots[Int(i)] }
    _modify { yield &slots[Int(i)] }
  }

  func find(_ spelling: Span<UInt8>) -> Int32? { table.find(spelling) }

  /// Remembers a spelling that is not in the table.
  mutating func insert(_ spelling: Span<UInt8>, _ slot: HostSlot) -> Int32 {
    if slots.count >= Self.limit {
      slots.removeAll(keepingCapacity: true)
      table = ByteTable(seed: seed)
    }
    let i = Int32(truncatingIfNeeded: slots.count)
    slots.append(slot)
    table.insert(spelling, i)  // refused (it would lie too far from home): it is looked at closely each time
    return i
  }
}
