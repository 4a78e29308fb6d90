import MeshProtocol
import TestSupport
import Testing

@Suite struct PrintingTests {
  /// Shortest decimals that read back the same, without exponent: Linkerd's two decimals made 0.001 into 0.00.
  @Test(
    arguments: [
      (1, "1"), (0, "0"), (0.5, "0.5"), (0.9, "0.9"), (0.001, "0.001"), (0.1 + 0.2, "0.30000000000000004"),
      (99.9, "99.9"),
      (1_000_000, "1000000"), (1e15, "1000000000000000"), (123_456_789.125, "123456789.125"), (1e-7, "0.0000001"),
      (1.5e-10, "0.00000000015"), (12.5e-5, "0.000125"), (1 / 3, "0.3333333333333333"),
    ] as [(Double, String)])
  func weight(_ value: Double, _ text: String) throws {
    let weight = try #require(Weight(value))
    #expect(weight.description == text)
    #expect(Double(text) == value)
  }

  @Test func everyWeightReadsBackTheSame() throws {
    var random = SeededRandom(seed: 5)
    var values = [Double.leastNonzeroMagnitude, Double.leastNormalMagnitude, 1e15, 0.1]
    while values.count < 3000 {
      let value = Double(bitPattern: random.next())
      if Weight(value) != nil { values.append(value) }
    }
    for value in values {
      let text = "\(try #require(Weight(value)))*/a & /b"
      guard case .union(let branches) = try NameTree<Path>(parsing: text) else {
        Issue.record("no union: \(text)")
        continue
      }
      #expect(branches[0].weight.value == value, "\(text)")
    }
  }

  @Test(arguments: [
    ("/a|/b&/c", "/a | /b & /c"),
    ("0.90*/a&/b", "0.9*/a & /b"),
    ("(/a&/b)&/c", "(/a & /b) & /c"),
    ("(/a|/b)|/c", "(/a | /b) | /c"),
    ("2*(/a|/b)&3*(/c&/d)", "2*(/a | /b) & 3*(/c & /d)"),
    ("(/a&/b)|/c", "/a & /b | /c"),
    ("1*/a&1.0*/b", "/a & /b"),
  ])
  func tree(_ text: String, _ printed: String) throws {
    #expect(try NameTree<Path>(parsing: text).description == printed)
  }

  @Test func emptyShellsAreNegative() {
    #expect(NameTree<Path>.alt([]).description == "~")
    #expect(NameTree<Path>.union([]).description == "~")
  }

  /// One byte outside the label characters, and every byte of the segment is escaped.
  @Test func segments() throws {
    #expect(try #require(Segment("a b")).description == "\\x61\\x20\\x62")
    #expect(try #require(Segment("ä")).description == "\\xc3\\xa4")
    #expect(try #require(Segment("ä")).text == "ä")
    #expect(try #require(Segment("a.b-c_d:8$#%")).description == "a.b-c_d:8$#%")
    #expect(Segment("") == nil)
    #expect(Segment(bytes: [UInt8]()) == nil)
    for byte in UInt8.min...UInt8.max {
      let segment = try #require(Segment(bytes: [byte, 0x61]))
      #expect(segment.bytes == [byte, 0x61])
      #expect(try Path(parsing: "/\(segment)").segments == [segment])
    }
  }

  @Test func segmentsAreOrderedByBytes() throws {
    let all = try (UInt8.min...UInt8.max).map { try #require(Segment(bytes: [$0])) }
    #expect(all == all.sorted())
    #expect(Set(all).count == 256)
  }
}
