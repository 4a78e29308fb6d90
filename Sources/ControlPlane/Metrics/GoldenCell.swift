import Telemetry

/// Counts and durations of one series in one slot of time: small, since there are many. Durations are the filled
/// buckets of `HistogramScale`, ascending, packed as 16 bits of index and 48 of count.
struct GoldenCell: Sendable {
  var success: UInt64 = 0
  var failure: UInt64 = 0
  private(set) var durations: [UInt64] = []

  private static let countBits: UInt64 = 48
  private static let countMask: UInt64 = (1 << 48) - 1

  var total: UInt64 { success.addingSaturating(failure) }

  /// Adds a part of a report.
  mutating func add(_ count: UInt64, isSuccess: Bool, _ sparse: SparseHistogram) {
    if isSuccess { success = success.addingSaturating(count) } else { failure = failure.addingSaturating(count) }
    merge(zip(sparse.buckets, sparse.counts).map { Self.pack(UInt64($0), $1) })
  }

  /// Adds the same with durations told apart only by a quarter of a power of two, for series that are very many.
  mutating func addCoarsely(_ count: UInt64, isSuccess: Bool, _ sparse: SparseHistogram) {
    if isSuccess { success = success.addingSaturating(count) } else { failure = failure.addingSaturating(count) }
    var coarse: [UInt64] = []
    for (bucket, count) in zip(sparse.buckets, sparse.counts) {
      let middle = UInt64(bucket & ~15 | 8)
      if let last = coarse.last, last >> Self.countBits == middle {
        coarse[coarse.count - 1] = Self.pack(middle, (last & Self.countMask).addingSaturating(count))
      } else {
        coarse.append(Self.pack(middle, count))
      }
    }
    merge(coarse)
  }

  mutating func merge(_ other: GoldenCell) {
    success = success.addingSaturating(other.success)
    failure = failure.addingSaturating(other.failure)
    merge(other.durations)
  }

  /// The duration in milliseconds that a share of the values does not exceed; nil without values.
  func quantiles(_ shares: [Double]) -> [Double?] {
    let sparse = SparseHistogram(
      buckets: durations.map { UInt32(truncatingIfNeeded: $0 >> Self.countBits) },
      counts: durations.map { $0 & Self.countMask },
      sum: 0)
    // The indexes ascend and are in range since they came out of a SparseHistogram.
    guard let sparse else { return shares.map { _ in nil } }
    let histogram = Histogram(sparse)
    return shares.map { histogram.quantile($0).map { Double($0) / 1000 } }
  }

  private static func pack(_ bucket: UInt64, _ count: UInt64) -> UInt64 { bucket << countBits | min(count, countMask) }

  /// Merges two ascending lists.
  private mutating func merge(_ other: [UInt64]) {
    if durations.isEmpty {
      durations = other
      return
    }
    var merged: [UInt64] = []
    merged.reserveCapacity(durations.count + other.count)
    var (i, j) = (0, 0)
    while i < durations.count, j < other.count {
      let (a, b) = (durations[i] >> Self.countBits, other[j] >> Self.countBits)
      if a == b {
        let sum = (durations[i] & Self.countMask).addingSaturating(other[j] & Self.countMask)
        merged.append(Self.pack(a, sum))
        i += 1
        j += 1
      } else if a < b {
        merged.append(durations[i])
        i += 1
      } else {
        merged.append(other[j])
        j += 1
      }
    }
    merged += durations[i...]
    merged += other[j...]
    durations = merged
  }
}
