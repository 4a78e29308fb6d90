import TestSupport
import Testing

@testable import Traffic

/// The kept corpus, every split, and random inputs from a seed.
@Suite struct ClientHelloFuzzTests {
  private let corpus: [ByteCase]

  init() throws {
    corpus = try ByteCase.read("client-hellos.txt") { ["needMore", "malformed"].contains($0) ? 1 : 2 }
  }

  private func parse(_ bytes: [UInt8]) -> ClientHello.Parse { ClientHello.parse(bytes.span) }

  private func feed(_ pieces: [[UInt8]]) -> ClientHello.Parse { fed(pieces, unsure: .needMore, parse) }

  @Test func eachLineComesToWhatItSays() {
    #expect(corpus.count > 20)
    for line in corpus {
      switch parse(line.bytes) {
      case .needMore: #expect(line.expected == ["needMore"])
      case .malformed: #expect(line.expected == ["malformed"])
      case .complete(let hello):
        let found = [hello.serverName, hello.applicationProtocols.joined(separator: ",")]
        #expect(line.expected == found.map { $0.isEmpty ? "-" : $0 })
      }
    }
  }

  @Test func everySplitComesToTheSame() {
    for line in corpus {
      let whole = parse(line.bytes)
      forEverySplit(of: line.bytes) { first, second in #expect(feed([first, second]) == whole) }
      #expect(feed(line.bytes.map { [$0] }) == whole)
    }
  }

  @Test func mutatedHellosComeToTheSameInAnyPieces() {
    var mutator = Mutator(
      corpus: corpus.map(\.bytes), alphabet: [0, 1, 2, 3, 4, 16, 0x16, 0x40, 0x7f, 0x80, 0xff], seed: 0xc11e)
    var complete = 0
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      let whole = parse(input)
      #expect(feed(mutator.pieces(of: input, most: 200)) == whole, "\(input)")
      if case .complete(let hello) = whole {
        complete += 1
        #expect(hello.serverName.utf8.count <= 3 * 255 && hello.applicationProtocols.count <= ClientHello.mostProtocols)
        #expect(hello.applicationProtocols.allSatisfy { !$0.isEmpty })
      }
    }
    #expect(complete > fuzzRounds / 50, "too few complete to mean anything: \(complete)")
  }

  /// Bytes without end are refused within the limit; none is kept waiting.
  @Test func randomBytesEnd() {
    var random = SeededRandom(seed: 0x7a15 ^ fuzzSeed)
    for _ in 0..<fuzzRounds {
      var input: [UInt8] = [0x16, 3, UInt8(random.below(5))]
      for _ in 0..<random.below(300) { input.append(UInt8(truncatingIfNeeded: random.next())) }
      let whole = parse(input)
      #expect(feed(random.pieces(of: input, most: 40)) == whole, "\(input)")
    }
    // One byte a record: as many records as the limit has room for.
    let drops = (0...(ClientHello.limit / 6)).flatMap { _ in [0x16, 3, 1, 0, 1, 1] as [UInt8] }
    #expect(parse(drops) == .malformed)
  }
}
