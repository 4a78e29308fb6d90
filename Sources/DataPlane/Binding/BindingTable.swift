import Memory
import MeshProtocol
import SystemIO
import Traffic

/// What asking for a binding gave.
enum BindingLookup {
  case found(Int32)
  /// The request's own dentries cannot be read; the text says where.
  case badDtab(String)
  /// The request's own dentries lead where only an operator may.
  case denied(String)
  /// The table is full of names in use.
  case full
}

/// All bindings of one worker, by identified name. Bounded; names in use stay.
struct BindingTable: ~Copyable {
  /// Bindings per worker. Beyond it, after bindings that were never routable are let go, a new name gets `overload`. 10 000.
  static let limit = 10_000
  /// How long a name that bound to nothing is remembered: 5 s.
  static let negativeLifetime = Duration.seconds(5)
  /// How long an unused binding stays: 10 minutes.
  static let idleLifetime = Duration.seconds(600)

  private var table: ByteTable
  private(set) var bindings: [Binding] = []
  private var free: [Int32] = []

  init(seed: UInt64) { table = ByteTable(seed: seed) }

  var count: Int { bindings.count - free.count }

  subscript(i: Int32) -> Binding {
    _read { yield bindings[Int(i)] }
    _modify { yield &bindings[Int(i)] }
  }

  /// Whether the slot still holds the binding that had this serial. False for -1.
  func holds(_ i: Int32, _ serial: UInt32) -> Bool { i >= 0 && bindings[Int(i)].serial == serial }

  /// The binding of these bytes, if there is one.
  func find(_ key: Span<UInt8>) -> Int32? { table.find(key) }

  /// Adds a binding under its key.
  mutating func insert(_ binding: Binding) -> Int32 {
    let i: Int32
    if let reused = free.popLast() {
      i = reused
      let serial = bindings[Int(i)].serial
      bindings[Int(i)] = binding
      bindings[Int(i)].serial = serial
    } else {
      i = Int32(truncatingIfNeeded: bindings.count)
      bindings.append(binding)
    }
    let key = binding.key
    table.insert(key.span, i)
    return i
  }

  /// All slots, free ones included.
  var indices: Range<Int32> { 0..<Int32(truncatingIfNeeded: bindings.count) }

  /// Takes a binding out. The caller has given back its clusters and series.
  mutating func remove(_ i: Int32) {
    let key = bindings[Int(i)].key
    table.remove(key.span)
    bindings[Int(i)].isFree = true
    bindings[Int(i)].serial &+= 1
    bindings[Int(i)].leaves = []
    bindings[Int(i)].waiters = []
    free.append(i)
  }

  /// Whether this binding may go now.
  func isDisposable(_ i: Int32, at now: Instant, underPressure: Bool) -> Bool {
    let binding = bindings[Int(i)]
    guard !binding.isFree, binding.inFlight == 0, binding.waiters.isEmpty else { return false }
    if now >= binding.lastUsed + Self.idleLifetime { return true }
    let isNegative = binding.leaves.isEmpty
    let isOverride = !binding.local.isEmpty
    return now >= binding.lastUsed + Self.negativeLifetime && (isNegative || (underPressure && isOverride))
  }
}
