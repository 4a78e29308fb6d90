import TestSupport
import Testing

@testable import ControlPlane

struct SortKeyTests {
  @Test func appendingNeverMakesKeysLonger() throws {
    var keys: [SortKey] = []
    for _ in 0..<10_000 { keys.append(try #require(SortKey.between(keys.last, nil))) }
    #expect(keys == keys.sorted())
    #expect(keys.allSatisfy { $0.bytes.count <= 8 })
  }

  @Test func insertingAtOnePlaceStaysWithinTheLimit() throws {
    let last = try #require(SortKey.between(nil, nil))
    var before: SortKey?
    for _ in 0..<10_000 {
      let key = try #require(SortKey.between(before, last))
      #expect(before.map { $0 < key } ?? true)
      #expect(key < last)
      before = key
    }
    var first = last
    for _ in 0..<10_000 {
      let key = try #require(SortKey.between(nil, first))
      #expect(key < first)
      first = key
    }
  }

  @Test func thereIsAlwaysAPlaceBetweenRandomNeighboursUntilItSaysSo() throws {
    var random = SeededRandom(seed: 11)
    var keys: [SortKey] = []
    for _ in 0..<3000 {
      let at = random.below(keys.count + 1)
      let (low, high) = (at > 0 ? keys[at - 1] : nil, at < keys.count ? keys[at] : nil)
      let key = try #require(SortKey.between(low, high))
      #expect(low.map { $0 < key } ?? true)
      #expect(high.map { key < $0 } ?? true)
      #expect(key.bytes.count <= 256)
      #expect(SortKey(hex: key.hex) == key)
      keys.insert(key, at: at)
    }
  }

  @Test func saysThatThereIsNoRoom() throws {
    let low = try #require(SortKey.between(nil, nil))
    var high = try #require(SortKey.between(low, nil))
    var count = 0
    while let key = SortKey.between(low, high) {
      high = key
      count += 1
    }
    #expect(count > 500)
  }

  @Test func refusesBrokenHex() {
    #expect(SortKey(hex: "0") == nil)
    #expect(SortKey(hex: "zz") == nil)
  }
}

struct RuleSequenceTests {
  @Test func keepsOrderUnderRandomChangesAndLeavesCopiesAlone() throws {
    var random = SeededRandom(seed: 3)
    var sequence = RuleSequence()
    var model: [SortKey: String] = [:]
    for step in 0..<4000 {
      let key = SortKey(bytes: [UInt8(random.below(40)), UInt8(1 + random.below(200))])
      if random.below(3) == 0 {
        sequence.remove(at: key)
        model[key] = nil
      } else {
        sequence.insert("r\(step)", at: key)
        model[key] = "r\(step)"
      }
    }
    let expected = model.sorted { $0.key < $1.key }
    #expect(sequence.ids() == expected.map(\.value))
    #expect(sequence.count == model.count)
    #expect(sequence.first?.id == expected.first?.value)
    #expect(sequence.last?.id == expected.last?.value)
    let middle = expected[expected.count / 2]
    #expect(sequence.before(middle.key)?.id == expected[expected.count / 2 - 1].value)
    #expect(sequence.ids(after: middle.key, limit: 3) == expected[(expected.count / 2 + 1)...].prefix(3).map(\.value))
    let copy = sequence
    for entry in expected { sequence.remove(at: entry.key) }
    #expect(sequence.count == 0)
    #expect(copy.ids() == expected.map(\.value))
  }
}
