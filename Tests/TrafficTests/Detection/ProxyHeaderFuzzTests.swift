import TestSupport
import Testing

@testable import Traffic

/// The kept corpus, every split, and random inputs from a seed.
@Suite struct ProxyHeaderFuzzTests {
  private let corpus: [ByteCase]

  init() throws {
    corpus = try ByteCase.read("proxy-headers.txt") { ["needMore", "malformed"].contains($0) ? 1 : 2 }
  }

  private func parse(_ bytes: [UInt8]) -> ProxyHeader.Parse { ProxyHeader.parse(bytes.span) }

  private func feed(_ pieces: [[UInt8]]) -> ProxyHeader.Parse { fed(pieces, unsure: .needMore, parse) }

  @Test func eachLineComesToWhatItSays() {
    #expect(corpus.count > 30)
    for line in corpus {
      switch parse(line.bytes) {
      case .needMore: #expect(line.expected == ["needMore"], "\(text(line.bytes))")
      case .malformed: #expect(line.expected == ["malformed"], "\(text(line.bytes))")
      case .complete(let header, let length): #expect(line.expected == ["\(length)", header.source ?? "-"])
      }
    }
  }

  @Test func everySplitComesToTheSame() {
    for line in corpus {
      let whole = parse(line.bytes)
      forEverySplit(of: line.bytes) { first, second in #expect(feed([first, second]) == whole, "\(text(line.bytes))") }
      #expect(feed(line.bytes.map { [$0] }) == whole)
    }
  }

  @Test func mutatedHeadersComeToTheSameInAnyPieces() {
    var mutator = Mutator(
      corpus: corpus.map(\.bytes), alphabet: bytes("PROXY TCP46UNKW 012569.:af\r\n\0!\u{11}"), seed: 0x9047)
    var complete = 0
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      let whole = parse(input)
      #expect(feed(mutator.pieces(of: input, most: 30)) == whole, "\(input)")
      if case .complete(let header, let length) = whole {
        complete += 1
        #expect((1...ProxyHeader.longestBinary).contains(length) && length <= input.count)
        #expect((header.source == nil) == (header.destination == nil))
        // What follows the header says nothing about it.
        #expect(parse(Array(input[..<length])) == whole)
      }
    }
    #expect(complete > fuzzRounds / 50, "too few complete to mean anything: \(complete)")
  }

  @Test func bytesWithoutEndAreRefused() {
    var random = SeededRandom(seed: 0x9048 ^ fuzzSeed)
    for _ in 0..<fuzzRounds {
      let start = random.below(2) == 0 ? bytes("PROXY ") : bytes("\r\n\r\n\0\r\nQUIT\n")
      let tail = (0..<random.below(40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let input = start + tail
      #expect(feed(random.pieces(of: input, most: 9)) == parse(input), "\(input)")
    }
    #expect(parse(bytes("PROXY " + String(repeating: "x", count: ProxyHeader.longestText))) == .malformed)
  }
}
