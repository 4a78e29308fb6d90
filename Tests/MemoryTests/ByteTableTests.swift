import Memory
import TestSupport
import Testing

@Suite struct ByteTableTests {
  @Test func findsNothingInAnEmptyTable() {
    var table = ByteTable(seed: 1)
    check(table.find(bytes("a")) == nil && table.remove(bytes("a")) == nil && table.count == 0)
  }

  @Test func holdsTheEmptyKeyAndReplacesValues() {
    var table = ByteTable(seed: 1)
    check(table.insert([], -5))
    check(table.insert(bytes("a"), 1) && table.insert(bytes("a"), 2))
    check(table.find([]) == -5 && table.find(bytes("a")) == 2 && table.count == 2)
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func behavesLikeADictionaryWhateverIsDone(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var table = ByteTable(seed: random.next())
    var model: [[UInt8]: Int32] = [:]
    for step in 0..<6000 {
      // Long keys now and then, so that removed bytes are dropped many times over.
      let name = "name-\(random.below(600))" + String(repeating: "x", count: random.below(4) == 0 ? 90 : 0)
      let key = bytes(name)
      if random.below(100) < (step / 1000 % 2 == 0 ? 70 : 30) {
        check(table.insert(key, Int32(step)))
        model[key] = Int32(step)
      } else {
        let expected = model.removeValue(forKey: key)
        let removed = table.remove(key)
        check(removed == expected, "seed \(seed), step \(step)")
      }
      let probe = bytes("name-\(random.below(600))")
      let found = table.find(probe)
      check(found == model[probe] && table.count == model.count, "seed \(seed), step \(step)")
    }
    for (key, value) in model {
      let found = table.find(key)
      check(found == value)
    }
  }

  @Test func refusesAFloodOfCollidingKeysAndKeepsServing() {
    // Names that all begin at the same slot of any table up to 4096 slots: what someone could send who knew the seed.
    let seed: UInt64 = 7
    let flood = (0...).lazy.map { bytes("host-\($0)") }.filter { hash($0, seed: seed) & 0xfff == 0x123 }.prefix(70)
    var table = ByteTable(seed: seed)
    var taken: [[UInt8]] = []
    for key in flood where table.insert(key, Int32(taken.count)) { taken.append(key) }
    check(taken.count == ByteTable.probeLimit)
    for (value, key) in taken.enumerated() {
      let found = table.find(key)
      check(found == Int32(value))
    }
    let honest = bytes("honest.example.com")
    check(table.insert(honest, 99) && table.find(honest) == 99)
    check(table.remove(taken[3]) == 3)
    check(table.find(taken[63]) == 63 && table.find(taken[3]) == nil)
  }
}
