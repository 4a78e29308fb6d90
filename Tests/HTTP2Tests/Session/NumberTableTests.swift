import TestSupport
import Testing

@testable import HTTP2

@Suite struct NumberTableTests {
  /// Beside a dictionary, with keys that collide (few bits) and keys that do not.
  @Test(arguments: [UInt32(64), 100_000]) func answersAsADictionary(_ range: UInt32) {
    var random = SeededRandom(seed: UInt64(range))
    var table = NumberTable()
    var truth: [UInt32: UInt64] = [:]
    for _ in 0..<20_000 {
      let key = UInt32(random.below(Int(range)) + 1) &* (range == 64 ? 1 << 10 : 1)
      if random.below(3) == 0 {
        table.remove(key)
        truth[key] = nil
      } else {
        let value = random.next()
        table.set(key, value)
        truth[key] = value
      }
      guard table.count == truth.count, table.find(key) == truth[key] else {
        Issue.record("\(key): \(String(describing: table.find(key))) of \(table.count)")
        return
      }
    }
    for (key, value) in truth { #expect(table.find(key) == value) }
    for key in truth.keys { table.remove(key) }
    #expect(table.count == 0)
    #expect(table.find(1) == nil)
  }
}
