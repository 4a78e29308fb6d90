/// Many small histograms of one thread in flat arrays: recording costs an index computation and an add, no allocation
/// once a series' rows exist, no reference counting. Draining keeps the rows for the next interval.
public struct HistogramArena {
  /// One 64-bucket row per entry of 64 counters.
  private var counters: [UInt32] = []
  private var freeRows: [Int32] = []
  /// `HistogramScale.rows` entries per series: the row's number, or -1.
  private var rowOf: [Int32] = []
  private var sums: [UInt64] = []
  private var freeSeries: [Int32] = []

  /// No series.
  public init() {}

  /// A new, empty series.
  public mutating func makeSeries() -> Int32 {
    if let reused = freeSeries.popLast() { return reused }
    rowOf.append(contentsOf: repeatElement(-1, count: HistogramScale.rows))
    sums.append(0)
    return Int32(truncatingIfNeeded: sums.count &- 1)
  }

  /// Counts a duration in microseconds; `series` must come from `makeSeries`.
  public mutating func record(_ series: Int32, _ microseconds: UInt64) {
    let value = min(microseconds, HistogramScale.longest)
    let bucket = HistogramScale.bucket(of: value)
    let place = Int(series) &* HistogramScale.rows &+ (bucket &>> 6)
    var row = rowOf[place]
    if row < 0 {
      row = makeRow()
      rowOf[place] = row
    }
    let counter = Int(row) &* HistogramScale.rowLength &+ (bucket & 63)
    // Four thousand million in one bucket between two drains cannot happen; if it did, the count would stay there.
    if counters[counter] < .max { counters[counter] &+= 1 }
    sums[Int(series)] &+= value
  }

  /// Takes what a series counted and starts it anew. Its rows stay allocated.
  public mutating func drain(_ series: Int32) -> SparseHistogram {
    var result = SparseHistogram()
    for number in 0..<HistogramScale.rows {
      let row = rowOf[Int(series) * HistogramScale.rows + number]
      guard row >= 0 else { continue }
      let start = Int(row) * HistogramScale.rowLength
      for sub in 0..<HistogramScale.rowLength where counters[start + sub] > 0 {
        result.append(bucket: number * HistogramScale.rowLength + sub, count: UInt64(counters[start + sub]))
        counters[start + sub] = 0
      }
    }
    result.setSum(sums[Int(series)])
    sums[Int(series)] = 0
    return result
  }

  /// Gives a series' memory back. Its number may be handed out again.
  public mutating func remove(_ series: Int32) {
    for number in 0..<HistogramScale.rows {
      let place = Int(series) * HistogramScale.rows + number
      guard rowOf[place] >= 0 else { continue }
      let start = Int(rowOf[place]) * HistogramScale.rowLength
      for sub in 0..<HistogramScale.rowLength { counters[start + sub] = 0 }
      freeRows.append(rowOf[place])
      rowOf[place] = -1
    }
    sums[Int(series)] = 0
    freeSeries.append(series)
  }

  private mutating func makeRow() -> Int32 {
    if let reused = freeRows.popLast() { return reused }
    counters.append(contentsOf: repeatElement(0, count: HistogramScale.rowLength))
    return Int32(truncatingIfNeeded: counters.count / HistogramScale.rowLength &- 1)
  }
}
