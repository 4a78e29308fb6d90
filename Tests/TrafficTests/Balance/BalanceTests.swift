import Testing
import Traffic

@Suite struct BalanceTests {
  @Test func lessLoadedOfTwoWins() {
    var random = FastRandom(seed: 1)
    for _ in 0..<200 {
      #expect(P2C.pick(count: 2, using: &random) { [5.0, 3.0][$0] } == 1)
      #expect(P2C.pick(count: 1, using: &random) { _ in 9 } == 0)
    }
  }

  @Test func twoDifferentNodesAreAsked() {
    var random = FastRandom(seed: 2)
    for count in 2...9 {
      for _ in 0..<200 {
        var asked: [Int] = []
        _ = P2C.pick(count: count, using: &random) { node in
          asked.append(node)
          return 0
        }
        #expect(Set(asked).count == 2)
        #expect(asked.allSatisfy { (0..<count).contains($0) })
      }
    }
  }

  /// Equal loads: everybody alike. Loads that grow with picks: nobody far ahead.
  @Test func spread() {
    var random = FastRandom(seed: 3)
    var equal = [Int](repeating: 0, count: 10)
    var loaded = [Int](repeating: 0, count: 10)
    for _ in 0..<20_000 {
      equal[P2C.pick(count: 10, using: &random) { _ in 1 }] += 1
      loaded[P2C.pick(count: 10, using: &random) { Double(loaded[$0]) }] += 1
    }
    #expect(equal.allSatisfy { abs($0 - 2000) < 250 }, "\(equal)")
    #expect(loaded.allSatisfy { abs($0 - 2000) < 5 }, "\(loaded)")
  }

  @Test func randomNumbers() {
    var a = FastRandom(seed: 7)
    var b = FastRandom(seed: 7)
    var c = FastRandom(seed: 8)
    let first = (0..<100).map { _ in a.next() }
    #expect(first == (0..<100).map { _ in b.next() })
    #expect(first != (0..<100).map { _ in c.next() })
    var counts = [Int](repeating: 0, count: 7)
    var sum = 0.0
    for _ in 0..<70_000 {
      counts[a.below(7)] += 1
      let unit = a.unit()
      #expect(unit >= 0 && unit < 1)
      sum += unit
    }
    #expect(counts.allSatisfy { abs($0 - 10_000) < 400 }, "\(counts)")
    #expect(abs(sum / 70_000 - 0.5) < 0.01)
    #expect(a.below(1) == 0)
  }

  /// Published output of xoshiro256** for the state 1, 2, 3, 4 begins so; here the state comes from a seed, so the
  /// generator is checked against a plain second writing of it.
  @Test func isXoshiro() {
    var random = FastRandom(seed: 99)
    var state: [UInt64] = (0..<4).map { splitMix(99 &+ UInt64($0) &* 0x9e37_79b9_7f4a_7c15) }
    for _ in 0..<100 {
      let expected = rotate(state[1] &* 5, 7) &* 9
      let t = state[1] << 17
      state[2] ^= state[0]
      state[3] ^= state[1]
      state[1] ^= state[2]
      state[0] ^= state[3]
      state[2] ^= t
      state[3] = rotate(state[3], 45)
      #expect(random.next() == expected)
    }
  }

  private func rotate(_ x: UInt64, _ n: Int) -> UInt64 { x << n | x >> (64 - n) }

  private func splitMix(_ seed: UInt64) -> UInt64 {
    var z = seed &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
