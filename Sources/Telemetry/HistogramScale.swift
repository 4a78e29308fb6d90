/// The mapping of durations to buckets that every histogram in Heddle shares, and that `mesh.proto` carries by index.
///
/// Log-linear (the idea of HdrHistogram): values below 64 µs have a bucket each; above, each power of two is divided
/// into 64 equal buckets, so that a value is off by at most 1/64 of itself. Longer than 60 s counts as 60 s.
public enum HistogramScale {
  /// Buckets per row, and rows per power of two above the first 64 values.
  public static let rowLength = 64
  /// Durations above this are counted as this: 60 s.
  public static let longest: UInt64 = 60_000_000
  /// Rows 0 (0…63 µs), 1 (64…127 µs), 2 (128…255 µs), … up to the one that holds 60 s.
  public static let rows = 21
  /// Indexes are below this.
  public static let bucketCount = rows * rowLength

  /// The bucket of a duration in microseconds: below `bucketCount` for every value.
  @inlinable
  public static func bucket(of microseconds: UInt64) -> Int {
    let value = min(microseconds, 60_000_000)
    if value < 64 { return Int(truncatingIfNeeded: value) }
    let exponent = 63 &- value.leadingZeroBitCount
    let sub = Int(truncatingIfNeeded: value &>> UInt64(truncatingIfNeeded: exponent &- 6)) & 63
    return (exponent &- 5) &* 64 &+ sub
  }

  /// The smallest duration in microseconds that falls into a bucket; buckets beyond the last are clamped to it.
  public static func lowest(ofBucket bucket: Int) -> UInt64 {
    let index = max(0, min(bucket, bucketCount - 1))
    if index < 64 { return UInt64(index) }
    return UInt64(64 + index % 64) << UInt64(index / 64 - 1)
  }

  /// The largest duration in microseconds that falls into a bucket.
  public static func highest(ofBucket bucket: Int) -> UInt64 {
    let index = max(0, min(bucket, bucketCount - 1))
    if index < 64 { return UInt64(index) }
    return lowest(ofBucket: index) + (UInt64(1) << UInt64(index / 64 - 1)) - 1
  }

  /// The 20 upper bounds that `/metrics` shows, in microseconds, with the text Prometheus gets (seconds).
  public static let bounds: [(microseconds: UInt64, seconds: StaticString)] = [
    (50, "0.00005"), (100, "0.0001"), (250, "0.00025"), (500, "0.0005"), (1_000, "0.001"), (2_500, "0.0025"),
    (5_000, "0.005"), (10_000, "0.01"), (25_000, "0.025"), (50_000, "0.05"), (100_000, "0.1"), (250_000, "0.25"),
    (500_000, "0.5"), (1_000_000, "1"), (2_500_000, "2.5"), (5_000_000, "5"), (10_000_000, "10"), (20_000_000, "20"),
    (30_000_000, "30"), (60_000_000, "60"),
  ]

  /// The index in `bounds` of the first bound that holds a bucket whole. A bucket that a bound cuts counts above it.
  public static func bound(ofBucket bucket: Int) -> Int { boundOfBucket[max(0, min(bucket, bucketCount - 1))] }

  private static let boundOfBucket: [Int] = (0..<bucketCount).map { bucket in
    let highest = min(highest(ofBucket: bucket), longest)
    return bounds.firstIndex { $0.microseconds >= highest } ?? bounds.count - 1
  }
}
