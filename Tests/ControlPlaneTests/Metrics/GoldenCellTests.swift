import Telemetry
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct GoldenCellTests {
  /// Merging cells in any order gives the quantiles of one histogram that saw everything.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func mergedCellsAreOneHistogram(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var whole = Histogram()
    var cell = GoldenCell()
    for _ in 0..<50 {
      var part = Histogram()
      for _ in 0..<random.below(40) {
        let value = UInt64(1) << UInt64(random.below(26)) | UInt64(random.below(64))
        part.record(value)
        whole.record(value)
      }
      var other = GoldenCell()
      other.add(part.count, isSuccess: true, part.sparse())
      cell.merge(other)
    }
    #expect(cell.success == whole.count)
    let shares = [0.01, 0.5, 0.95, 0.99, 1]
    #expect(cell.quantiles(shares) == shares.map { whole.quantile($0).map { Double($0) / 1000 } })
  }

  @Test func coarseDurationsAreWithinAQuarterOfAPowerOfTwo() throws {
    var histogram = Histogram()
    for value in [100, 1000, 10_000, 100_000] as [UInt64] { histogram.record(value) }
    var cell = GoldenCell()
    cell.addCoarsely(4, isSuccess: true, histogram.sparse())
    for (share, exact) in [(0.25, 0.1), (0.5, 1.0), (0.75, 10), (1, 100)] {
      let value = try #require(cell.quantiles([share])[0])
      #expect(value > exact * 0.8 && value < exact * 1.25)
    }
  }

  @Test func countsSaturate() {
    var cell = GoldenCell()
    let sparse = SparseHistogram(buckets: [5], counts: [.max], sum: .max) ?? SparseHistogram()
    for _ in 0..<3 { cell.add(.max, isSuccess: false, sparse) }
    #expect(cell.failure == .max && cell.total == .max && cell.durations.count == 1)
    #expect(cell.quantiles([0.5]) == [0.005])
  }

  @Test func emptyCellHasNoQuantiles() {
    #expect(GoldenCell().quantiles([0.5]) == [nil])
  }
}
