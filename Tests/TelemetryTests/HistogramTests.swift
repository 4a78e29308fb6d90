import Testing

@testable import Telemetry

@Suite("Histogram")
struct HistogramTests {
  @Test("Every bucket begins where the one before ends")
  func bucketsAreContiguous() {
    for bucket in 1..<HistogramScale.bucketCount {
      #expect(HistogramScale.lowest(ofBucket: bucket) == HistogramScale.highest(ofBucket: bucket - 1) + 1)
    }
    for bucket in 0..<HistogramScale.bucket(of: HistogramScale.longest) {
      #expect(HistogramScale.bucket(of: HistogramScale.lowest(ofBucket: bucket)) == bucket)
      #expect(HistogramScale.bucket(of: HistogramScale.highest(ofBucket: bucket)) == bucket)
    }
  }

  @Test("Each power of two from 64 µs has 64 buckets")
  func subBuckets() {
    for exponent in 6..<25 {
      let first = HistogramScale.bucket(of: 1 << UInt64(exponent))
      let last = HistogramScale.bucket(of: (1 << UInt64(exponent + 1)) - 1)
      #expect(last - first == 63)
    }
  }

  @Test("More than 60 s counts as 60 s, and no value is out of range", arguments: [60_000_000, 60_000_001, .max])
  func longest(_ value: UInt64) {
    #expect(HistogramScale.bucket(of: value) == HistogramScale.bucket(of: 60_000_000))
    #expect(HistogramScale.bucket(of: value) < HistogramScale.bucketCount)
    var histogram = Histogram()
    histogram.record(value)
    #expect(histogram.quantile(1) == 60_000_000)
    #expect(histogram.sum == 60_000_000)
  }

  @Test("Quantiles agree with sorted values within 1/64")
  func quantiles() throws {
    var histogram = Histogram()
    var values: [UInt64] = []
    var state: UInt64 = 42
    for _ in 0..<10_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let value = (state >> 33) % 5_000_000
      values.append(value)
      histogram.record(value)
    }
    values.sort()
    for share in [0.0, 0.01, 0.5, 0.95, 0.99, 1.0] {
      let exact = values[max(0, Int((share * 10_000).rounded(.up)) - 1)]
      let found = try #require(histogram.quantile(share))
      #expect(found >= exact)
      #expect(Double(found) <= Double(exact) * (1 + 1.0 / 64) + 1)
    }
    #expect(histogram.count == 10_000)
    #expect(histogram.sum == values.reduce(0, +))
    #expect(Histogram().quantile(0.5) == nil)
    #expect(histogram.quantile(.nan) != nil)
  }

  @Test("Merging, deltas and the sparse form keep every count")
  func algebra() throws {
    var first = Histogram()
    for value: UInt64 in [0, 1, 63, 64, 1000, 59_999_999] { first.record(value) }
    let earlier = first
    var second = Histogram()
    for value: UInt64 in [1000, 1001, 7_000_000] { second.record(value) }
    first.merge(second)
    #expect(first.count == 9)
    #expect(first.delta(since: earlier) == second)
    #expect(Histogram(first.sparse()) == first)
    let sparse = second.sparse()
    let back = try #require(
      SparseHistogram(buckets: sparse.buckets.map(UInt32.init), counts: sparse.counts, sum: sparse.sum))
    #expect(back == sparse)
  }

  @Test("Foreign sparse data that does not fit is refused; sums saturate")
  func foreign() throws {
    #expect(SparseHistogram(buckets: [1], counts: [], sum: 0) == nil)
    #expect(SparseHistogram(buckets: [2, 1], counts: [1, 1], sum: 0) == nil)
    #expect(SparseHistogram(buckets: [1, 1], counts: [1, 1], sum: 0) == nil)
    #expect(SparseHistogram(buckets: [UInt32(HistogramScale.bucketCount)], counts: [1], sum: 0) == nil)
    let huge = try #require(SparseHistogram(buckets: [5], counts: [.max], sum: .max))
    var histogram = Histogram(huge)
    histogram.merge(huge)
    #expect(histogram.count == .max)
    #expect(histogram.quantile(0.5) == 5)
    var bounded = BoundedHistogram()
    bounded.merge(huge)
    bounded.merge(huge)
    #expect(bounded.sum == .max)
  }

  @Test("The shown bounds are 20, ascending, and hold what is below them")
  func bounds() {
    #expect(HistogramScale.bounds.count == 20)
    for index in 1..<20 {
      #expect(HistogramScale.bounds[index - 1].microseconds < HistogramScale.bounds[index].microseconds)
    }
    var histogram = Histogram()
    for value: UInt64 in [1, 40, 90, 2000, 59_000_000] { histogram.record(value) }
    let cumulative = histogram.cumulativeCounts()
    #expect(cumulative.first == 2)
    #expect(cumulative[1] == 3)
    #expect(cumulative.last == 5)
    var bounded = BoundedHistogram()
    bounded.merge(histogram.sparse())
    #expect(bounded.counts.reduce(0, +) == 5)
  }
}

@Suite("HistogramArena")
struct HistogramArenaTests {
  @Test("Draining gives what was recorded, once, per series")
  func drain() {
    var arena = HistogramArena()
    let (a, b) = (arena.makeSeries(), arena.makeSeries())
    var expected = Histogram()
    for value: UInt64 in [3, 3, 70, 90_000_000] {
      arena.record(a, value)
      expected.record(value)
    }
    arena.record(b, 5)
    #expect(arena.drain(a) == expected.sparse())
    #expect(arena.drain(a).isEmpty)
    #expect(arena.drain(b).count == 1)
  }

  @Test("A removed series' memory is used again, empty")
  func remove() {
    var arena = HistogramArena()
    let first = arena.makeSeries()
    arena.record(first, 1000)
    arena.remove(first)
    let second = arena.makeSeries()
    #expect(second == first)
    arena.record(second, 2000)
    let drained = arena.drain(second)
    #expect(drained.count == 1)
    #expect(drained.sum == 2000)
  }
}
