/// The buckets of a histogram that are not empty, as they travel between threads and over the mesh stream.
public struct SparseHistogram: Sendable, Equatable {
  /// Bucket indexes, ascending, each below `HistogramScale.bucketCount`.
  public private(set) var buckets: [UInt16]
  /// As many counts as there are buckets, none of them 0.
  public private(set) var counts: [UInt64]
  /// Sum of all durations in microseconds, each at most 60 s.
  public private(set) var sum: UInt64

  /// No value.
  public init() {
    buckets = []
    counts = []
    sum = 0
  }

  /// Takes foreign data. `nil` unless the indexes ascend and are in range and there are as many counts.
  public init?(buckets: [UInt32], counts: [UInt64], sum: UInt64) {
    guard buckets.count == counts.count else { return nil }
    var last = -1
    for bucket in buckets {
      guard bucket < HistogramScale.bucketCount, Int(bucket) > last else { return nil }
      last = Int(bucket)
    }
    self.buckets = buckets.map { UInt16(truncatingIfNeeded: $0) }
    self.counts = counts
    self.sum = sum
  }

  /// How many values, saturating.
  public var count: UInt64 { counts.reduce(0) { $0.addingSaturating($1) } }
  /// Whether nothing was counted.
  public var isEmpty: Bool { buckets.isEmpty }

  mutating func append(bucket: Int, count: UInt64) {
    buckets.append(UInt16(truncatingIfNeeded: bucket))
    counts.append(count)
  }

  mutating func setSum(_ sum: UInt64) { self.sum = sum }
}

/// A distribution of durations. Rows of 64 buckets exist only where there are values, so a quiet series is small.
public struct Histogram: Sendable, Equatable {
  private var rows: [[UInt64]] = Array(repeating: [], count: HistogramScale.rows)
  /// How many values, saturating.
  public private(set) var count: UInt64 = 0
  /// Sum of all durations in microseconds, saturating.
  public private(set) var sum: UInt64 = 0

  /// No value.
  public init() {}

  /// The counts of a sparse one.
  public init(_ sparse: SparseHistogram) {
    merge(sparse)
  }

  /// Counts one duration in microseconds; more than 60 s count as 60 s.
  public mutating func record(_ microseconds: UInt64) {
    let value = min(microseconds, HistogramScale.longest)
    add(1, bucket: HistogramScale.bucket(of: value))
    sum = sum.addingSaturating(value)
  }

  /// Adds what another one counted.
  public mutating func merge(_ other: Histogram) {
    other.forEachBucket { add($1, bucket: $0) }
    sum = sum.addingSaturating(other.sum)
  }

  /// Adds what a sparse one counted.
  public mutating func merge(_ sparse: SparseHistogram) {
    for (bucket, count) in zip(sparse.buckets, sparse.counts) { add(count, bucket: Int(bucket)) }
    sum = sum.addingSaturating(sparse.sum)
  }

  /// What came on top of an `earlier` state of this histogram. Counts that went down count as none.
  public func delta(since earlier: Histogram) -> Histogram {
    var result = Histogram()
    forEachBucket { bucket, count in
      let before = earlier.count(inBucket: bucket)
      if count > before { result.add(count - before, bucket: bucket) }
    }
    result.sum = sum > earlier.sum ? sum - earlier.sum : 0
    return result
  }

  /// How many values fell into a bucket; 0 for an index out of range.
  public func count(inBucket bucket: Int) -> UInt64 {
    guard bucket >= 0, bucket < HistogramScale.bucketCount else { return 0 }
    let row = rows[bucket / HistogramScale.rowLength]
    return row.isEmpty ? 0 : row[bucket % HistogramScale.rowLength]
  }

  /// The duration in microseconds that a share of the values does not exceed: the highest of its bucket, so at most
  /// 1/64 too high. `share` is clamped to 0…1. `nil` when there are no values.
  public func quantile(_ share: Double) -> UInt64? {
    guard count > 0 else { return nil }
    let clamped = share.isNaN ? 0 : max(0, min(share, 1))
    let wanted = max(1, (clamped * Double(count)).rounded(.up))
    var seen = 0.0
    var last = 0
    for (number, row) in rows.enumerated() where !row.isEmpty {
      for (sub, value) in row.enumerated() where value > 0 {
        last = number * HistogramScale.rowLength + sub
        seen += Double(value)
        if seen >= wanted { return ceiling(last) }
      }
    }
    return ceiling(last)
  }

  /// The filled buckets in ascending order.
  public func sparse() -> SparseHistogram {
    var result = SparseHistogram()
    forEachBucket { result.append(bucket: $0, count: $1) }
    result.setSum(sum)
    return result
  }

  /// How many values are at or below each of `HistogramScale.bounds`.
  public func cumulativeCounts() -> [UInt64] {
    var counts = [UInt64](repeating: 0, count: HistogramScale.bounds.count)
    forEachBucket { bucket, count in
      let bound = HistogramScale.bound(ofBucket: bucket)
      counts[bound] = counts[bound].addingSaturating(count)
    }
    for index in 1..<counts.count { counts[index] = counts[index].addingSaturating(counts[index - 1]) }
    return counts
  }

  private func ceiling(_ bucket: Int) -> UInt64 {
    min(HistogramScale.highest(ofBucket: bucket), HistogramScale.longest)
  }

  private func forEachBucket(_ body: (Int, UInt64) -> Void) {
    for (number, row) in rows.enumerated() where !row.isEmpty {
      for (sub, count) in row.enumerated() where count > 0 { body(number * HistogramScale.rowLength + sub, count) }
    }
  }

  private mutating func add(_ amount: UInt64, bucket: Int) {
    guard bucket >= 0, bucket < HistogramScale.bucketCount, amount > 0 else { return }
    let row = bucket / HistogramScale.rowLength
    if rows[row].isEmpty { rows[row] = Array(repeating: 0, count: HistogramScale.rowLength) }
    let sub = bucket % HistogramScale.rowLength
    rows[row][sub] = rows[row][sub].addingSaturating(amount)
    count = count.addingSaturating(amount)
  }
}

extension UInt64 {
  /// The sum, or the greatest number where it would not fit: counters fed by a peer must never trap.
  public func addingSaturating(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
