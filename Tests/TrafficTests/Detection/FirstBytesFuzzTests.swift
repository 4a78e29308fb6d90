import TestSupport
import Testing

@testable import Traffic

/// The kept corpus, every split, and random inputs from a seed.
@Suite struct FirstBytesFuzzTests {
  private let corpus: [ByteCase]

  init() throws { corpus = try ByteCase.read("first-bytes.txt") { _ in 1 } }

  private func read(_ bytes: [UInt8]) -> FirstBytes { FirstBytes(bytes.span) }

  private func feed(_ pieces: [[UInt8]]) -> FirstBytes { fed(pieces, unsure: .undecided, read) }

  @Test func eachLineComesToWhatItSays() {
    #expect(corpus.count > 25)
    for line in corpus { #expect(line.expected == ["\(read(line.bytes))"], "\(text(line.bytes))") }
  }

  @Test func everySplitComesToTheSame() {
    for line in corpus {
      let whole = read(line.bytes)
      forEverySplit(of: line.bytes) { first, second in #expect(feed([first, second]) == whole, "\(text(line.bytes))") }
      #expect(feed(line.bytes.map { [$0] }) == whole)
    }
  }

  @Test func mutatedBytesComeToTheSameInAnyPieces() {
    var mutator = Mutator(
      corpus: corpus.map(\.bytes), alphabet: bytes("GETPRISM /HTP.012-_\r\n\0\u{16}\u{3}\u{4}"), seed: 0xf185)
    var found: [String: Int] = [:]
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      let whole = read(input)
      found["\(whole)", default: 0] += 1
      #expect(feed(mutator.pieces(of: input, most: 12)) == whole, "\(input)")
    }
    for one in ["undecided", "tls", "http1", "http2", "other"] {
      #expect(found[one, default: 0] > fuzzRounds / 200, "\(found)")
    }
  }

  /// A line around the limit, where what has no end is taken for HTTP/1.
  @Test func longLinesComeToTheSameInAnyPieces() {
    var random = SeededRandom(seed: 0xf186 ^ fuzzSeed)
    for _ in 0..<max(1, fuzzRounds / 100) {
      let length = FirstBytes.limit - 40 + random.below(80)
      let end = random.below(2) == 0 ? " HTTP/1.1\r\n" : ""
      let input = bytes("GET /" + String(repeating: "a", count: length) + end)
      #expect(feed(random.pieces(of: input, most: 4000)) == read(input), "\(length) \(end)")
    }
  }
}
