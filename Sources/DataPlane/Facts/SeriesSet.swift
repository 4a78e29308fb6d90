import Telemetry

/// Keys with a number each, a fixed count of histogram slots per key, filled when first used.
struct SeriesSet<Key: Hashable>: ~Copyable {
  private struct Series {
    var key: Key?
    var holders: Int
    var isActive: Bool
    var idleSince: UInt64?
  }

  private let slots: Int
  private let overflow: Key
  private var index: [Key: Int32] = [:]
  private var series: [Series] = []
  private var histograms: [Int32] = []
  private var free: [Int32] = []

  init(slots: Int, overflow: Key) {
    self.slots = slots
    self.overflow = overflow
  }

  var count: Int { index.count }

  func key(_ number: Int32) -> Key? { series[Int(number)].key }

  /// The number of a key, held once more; `isFull` sends a new key to the overflow series.
  mutating func hold(_ key: Key, isFull: Bool) -> (series: Int32, isFolded: Bool) {
    if let known = index[key] {
      series[Int(known)].holders += 1
      return (known, false)
    }
    if isFull, key != overflow { return (hold(overflow, isFull: false).series, true) }
    let number = makeNumber()
    series[Int(number)] = Series(key: key, holders: 1, isActive: false, idleSince: nil)
    index[key] = number
    return (number, false)
  }

  mutating func release(_ number: Int32) {
    guard series[Int(number)].holders > 0 else { return }
    series[Int(number)].holders -= 1
  }

  mutating func touch(_ number: Int32) { series[Int(number)].isActive = true }

  /// The histogram of one slot of a series, made when it is first asked for.
  mutating func histogram(_ number: Int32, slot: Int, in arena: inout HistogramArena) -> Int32 {
    let place = Int(number) &* slots &+ slot
    series[Int(number)].isActive = true
    let known = histograms[place]
    if known >= 0 { return known }
    let made = arena.makeSeries()
    histograms[place] = made
    return made
  }

  /// Hands over what each slot counted since the last time. Series without records are not looked at.
  mutating func drain(from arena: inout HistogramArena, _ body: (Key, Int, SparseHistogram) -> Void) {
    for number in series.indices where series[number].isActive {
      guard let key = series[number].key else { continue }
      for slot in 0..<slots where histograms[number * slots + slot] >= 0 {
        let duration = arena.drain(histograms[number * slots + slot])
        if !duration.isEmpty { body(key, slot, duration) }
      }
    }
  }

  /// Lets go of series that nobody holds and nobody used for `idleTime`. Call after `drain`.
  mutating func expire(now: UInt64, idleTime: UInt64, in arena: inout HistogramArena) {
    for number in series.indices where series[number].key != nil {
      if series[number].isActive || series[number].holders > 0 {
        series[number].isActive = false
        series[number].idleSince = nil
      } else if let since = series[number].idleSince {
        if now >= since, now - since >= idleTime { remove(number, in: &arena) }
      } else {
        series[number].idleSince = now
      }
    }
  }

  private mutating func remove(_ number: Int, in arena: inout HistogramArena) {
    if let key = series[number].key { index[key] = nil }
    series[number].key = nil
    for slot in 0..<slots where histograms[number * slots + slot] >= 0 {
      arena.remove(histograms[number * slots + slot])
      histograms[number * slots + slot] = -1
    }
    free.append(Int32(truncatingIfNeeded: number))
  }

  private mutating func makeNumber() -> Int32 {
    if let reused = free.popLast() { return reused }
    series.append(Series(key: nil, holders: 0, isActive: false, idleSince: nil))
    histograms.append(contentsOf: repeatElement(-1, count: slots))
    return Int32(truncatingIfNeeded: series.count &- 1)
  }
}
