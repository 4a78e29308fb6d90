import Memory
import TestSupport
import Testing

@Suite struct BytesTests {
  @Test func aWordIsEightBytesFromTheLowestUp() {
    let data: [UInt8] = [9, 1, 2, 3, 4, 5, 6, 7, 8]
    check(word(data, at: 1) == 0x0807_0605_0403_0201)
  }

  @Test func aWordBeyondTheEndTraps() async {
    await #expect(processExitsWith: .failure) {
      let data = [UInt8](repeating: 0, count: 8)
      _ = word(data, at: 1)
    }
    await #expect(processExitsWith: .failure) {
      let data = [UInt8](repeating: 0, count: 8)
      _ = word(data, at: -1)
    }
    await #expect(processExitsWith: .failure) {
      let data = [UInt8](repeating: 0, count: 8)
      _ = word(data, at: .max)
    }
  }

  @Test func lowerCaseConcernsCapitalsAlone() {
    for byte in UInt8.min...UInt8.max {
      let expected = (65...90).contains(byte) ? byte + 32 : byte
      check(lowercased(byte) == expected)
      for lane in 0..<8 as Range<UInt64> {
        // Neighbours of every kind: nothing may leak from one byte to the next.
        for neighbour in [0x00, 0x41, 0x5a, 0x7f, 0x80, 0xff] as [UInt64] {
          let others = neighbour &* 0x0101_0101_0101_0101 & ~(0xff << (lane * 8))
          let folded = lowercased(others | UInt64(byte) << (lane * 8))
          check(UInt8(truncatingIfNeeded: folded >> (lane * 8)) == expected)
        }
      }
    }
  }

  @Test func equalityLooksAtEveryByte() {
    for length in 0..<40 {
      let a = (0..<length).map { UInt8($0) }
      check(bytesEqual(a, a))
      check(!bytesEqual(a, (a + [0])))
      for at in 0..<length {
        var b = a
        b[at] ^= 0x80
        check(!bytesEqual(a, b))
      }
    }
  }

  @Test func theRestIsWhatNoWholeWordHolds() {
    for length in 0..<40 {
      let data = (0..<length).map { UInt8($0 + 1) }
      var expected: UInt64 = 0
      for (lane, at) in (length & ~7..<length).enumerated() { expected |= UInt64(data[at]) << UInt64(lane * 8) }
      check(rest(data.span) == expected, "\(length)")
    }
  }

  @Test func findsTheFirstByteWithinItsBounds() {
    for length in 0..<70 {
      let data = [UInt8](repeating: 1, count: length) + [0] + [UInt8](repeating: 0, count: 20)
      for start in 0...length {
        check(firstIndex(of: 0, in: data.span, from: start, to: data.count) == length)
        check(firstIndex(of: 0, in: data.span, from: start, to: length) == length)
        check(firstIndex(of: 2, in: data.span, from: start, to: data.count) == data.count)
      }
    }
  }

  @Test func comparesWithLiterals() {
    let name = bytes("Transfer-Encoding")
    check(equals(name, "Transfer-Encoding") && !equals(name, "transfer-encoding"))
    check(equalsIgnoringCase(name, "transfer-encoding"))
    check(!equalsIgnoringCase(name, "transfer-encodinG"))  // literals are in lower case
    check(!equalsIgnoringCase(name, "transfer-encodin"))
    check(!equalsIgnoringCase(bytes("Transfer\u{0d}Encoding"), "transfer-encoding"))
    check(!equalsIgnoringCase(bytes("HOST"), "h0st"))
    check(equals([], "") && equalsIgnoringCase([], ""))
  }

  @Test func theHashLooksAtEveryByteTheLengthAndTheSeed() {
    var seen: Set<UInt64> = []
    var made = 0
    for length in 0..<40 {
      var data = [UInt8](repeating: 0, count: length)
      seen.insert(hash(data, seed: 1))
      made += 1
      for at in 0..<length {
        for bit in 0..<8 as Range<UInt8> {
          data[at] ^= 1 << bit
          seen.insert(hash(data, seed: 1))
          made += 1
          data[at] ^= 1 << bit
        }
      }
    }
    check(seen.count == made)
    let data = bytes("users.example.com")
    check(hash(data, seed: 1) == hash(data, seed: 1))
    check(Set((0..<1000).map { hash(data, seed: $0) }).count == 1000)
  }

  @Test func theHashSpreadsLikeChance() {
    // 4096 names over 4096 places: a random function fills 63.2 % of them, with a deviation of 0.5 points.
    for mask in [0xfff as UInt64, 0xfff << 20, 0xfff << 52] {
      var places: Set<UInt64> = []
      for i in 0..<4096 { places.insert(hash(bytes("service-\(i).default"), seed: 42) & mask) }
      check((2480...2700).contains(places.count))
    }
  }
}
