import SystemIO

/// What is counted: who asked, or which attempt went where, or which proxy did it.
enum SeriesKey: Hashable, Sendable {
  case request(service: String, inbound: Bool)
  case attempt(service: String, split: String, branch: String, backend: String, endpoint: String)
  case proxy(id: String, inbound: Bool)
}

/// Cells by series in slots of equal width, the newest `count` slots. Series are numbers of a `SeriesTable`.
struct SlotRing: Sendable {
  /// Seconds.
  let width: UInt64
  private var slots: [Slot]

  private struct Slot: Sendable {
    /// Which slot since the clock's start; nil: never used.
    var number: UInt64?
    var cells: [Int32: GoldenCell] = [:]
  }

  init(width: UInt64, count: Int) {
    self.width = width
    slots = Array(repeating: Slot(), count: count)
  }

  /// Seconds that the ring covers for sure: one slot is always in the making.
  var seconds: UInt64 { width * UInt64(slots.count - 1) }

  /// Changes a series' cell in the present slot. False: the slot is full and does not know the series.
  mutating func update(_ series: Int32, now: Instant, limit: Int, _ body: (inout GoldenCell) -> Void) -> Bool {
    let number = now.nanoseconds / 1_000_000_000 / width
    let index = Int(number % UInt64(slots.count))
    if slots[index].number != number { slots[index] = Slot(number: number) }
    guard slots[index].cells.count < limit || slots[index].cells[series] != nil else { return false }
    body(&slots[index].cells[series, default: GoldenCell()])
    return true
  }

  /// Every cell of the last `seconds`.
  func forEach(last seconds: UInt64, now: Instant, _ body: (Int32, GoldenCell) -> Void) {
    let newest = now.nanoseconds / 1_000_000_000 / width
    let wanted = max(1, (seconds + width - 1) / width)
    for slot in slots {
      guard let number = slot.number, number <= newest, newest - number < wanted else { continue }
      for (series, cell) in slot.cells { body(series, cell) }
    }
  }
}

/// Numbers for series, so that a slot holds no names. Numbers of series unseen for longer than the rings reach back are
/// used again.
struct SeriesTable: Sendable {
  private var numbers: [SeriesKey: Int32] = [:]
  private var keys: [SeriesKey?] = []
  private var seen: [Instant] = []
  private var free: [Int32] = []

  var count: Int { numbers.count }

  func key(_ number: Int32) -> SeriesKey? { keys[Int(number)] }

  mutating func number(_ key: SeriesKey, now: Instant) -> Int32 {
    if let number = numbers[key] {
      seen[Int(number)] = now
      return number
    }
    let number: Int32
    if let reused = free.popLast() {
      number = reused
      keys[Int(number)] = key
      seen[Int(number)] = now
    } else {
      number = Int32(keys.count)
      keys.append(key)
      seen.append(now)
    }
    numbers[key] = number
    return number
  }

  mutating func forget(unseenSince moment: Instant) {
    for index in keys.indices {
      guard let key = keys[index], seen[index] < moment else { continue }
      numbers[key] = nil
      keys[index] = nil
      free.append(Int32(index))
    }
  }
}
