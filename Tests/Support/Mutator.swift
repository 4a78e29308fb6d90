import Foundation

/// Rounds of each random-feeding test: `HEDDLE_FUZZ_ROUNDS`, which `make fuzz` sets high, else 5000, so that `make test`
/// stays brief.
public let fuzzRounds = max(1, environmentNumber("HEDDLE_FUZZ_ROUNDS") ?? 5000)

/// Mixed into every seed: `HEDDLE_FUZZ_SEED`, else 0. A failing run is repeated by setting it again.
public let fuzzSeed = UInt64(truncatingIfNeeded: environmentNumber("HEDDLE_FUZZ_SEED") ?? 0)

private func environmentNumber(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }

/// Makes wrong inputs out of right ones. The same seed gives the same inputs.
///
/// The edits are those that find most in practice (Zalewski, "afl technical details", "havoc" and "splice"): bits and bytes
/// changed, runs removed, doubled or put in, bytes that mean something to the format, two entries joined, and numbers that
/// could be lengths moved to their edges.
public struct Mutator: Sendable {
  public var random: SeededRandom
  private let corpus: [[UInt8]]
  private let alphabet: [UInt8]

  /// - Parameters:
  ///   - corpus: right inputs, at least one; best one for each feature of the format.
  ///   - alphabet: bytes that mean something to the format.
  public init(corpus: [[UInt8]], alphabet: [UInt8], seed: UInt64) {
    precondition(!corpus.isEmpty && !alphabet.isEmpty)
    self.corpus = corpus
    self.alphabet = alphabet
    random = SeededRandom(seed: seed ^ fuzzSeed)
  }

  /// The same for texts.
  public init(corpus: [String], alphabet: String, seed: UInt64) {
    self.init(corpus: corpus.map { Array($0.utf8) }, alphabet: Array(alphabet.utf8), seed: seed)
  }

  /// An entry as it is.
  public mutating func good() -> [UInt8] { corpus[random.below(corpus.count)] }

  /// An entry after one to four edits.
  public mutating func next() -> [UInt8] { edited(good()) }

  /// `whole` after one to four edits.
  public mutating func edited(_ whole: [UInt8]) -> [UInt8] {
    var copy = whole
    for _ in 0...random.below(4) { edit(&copy) }
    return copy
  }

  private mutating func edit(_ bytes: inout [UInt8]) {
    switch random.below(8) {
    case 0: changeBit(&bytes)
    case 1: if let at = place(bytes) { bytes[at] = UInt8(truncatingIfNeeded: random.next()) }
    case 2: if let at = place(bytes) { bytes[at] = alphabet[random.below(alphabet.count)] }
    case 3: bytes.removeSubrange(run(bytes))
    case 4: bytes.insert(contentsOf: bytes[run(bytes)], at: random.below(bytes.count + 1))
    case 5: bytes.insert(contentsOf: word(), at: random.below(bytes.count + 1))
    case 6: splice(&bytes)
    default: changeLength(&bytes)
    }
  }

  private mutating func place(_ bytes: [UInt8]) -> Int? { bytes.isEmpty ? nil : random.below(bytes.count) }

  private mutating func changeBit(_ bytes: inout [UInt8]) {
    if let at = place(bytes) { bytes[at] ^= 1 << UInt8(random.below(8)) }
  }

  /// Mostly a few bytes, at times much of it.
  private mutating func run(_ bytes: [UInt8]) -> Range<Int> {
    let start = random.below(bytes.count + 1)
    let most = random.below(8) == 0 ? bytes.count : 8
    return start..<min(bytes.count, start + random.below(most + 1))
  }

  private mutating func word() -> [UInt8] { (0...random.below(4)).map { _ in alphabet[random.below(alphabet.count)] } }

  /// The front of this and the end of another entry.
  private mutating func splice(_ bytes: inout [UInt8]) {
    let other = good()
    bytes = Array(bytes.prefix(random.below(bytes.count + 1)) + other.suffix(random.below(other.count + 1)))
  }

  /// A decimal number gets another value, or one to four bytes become an edge of a binary length.
  private mutating func changeLength(_ bytes: inout [UInt8]) {
    let digits = bytes.indices.filter { (0x30...0x39).contains(bytes[$0]) }
    if random.below(2) == 0, !digits.isEmpty {
      let numbers = ["0", "1", "00", "-1", "255", "65536", "4294967296", "9223372036854775807", "18446744073709551616"]
      let at = digits[random.below(digits.count)]
      bytes.replaceSubrange(at...at, with: Array(numbers[random.below(numbers.count)].utf8))
    } else if let at = place(bytes) {
      let edge: UInt8 = [0, 1, 0x7f, 0x80, 0xff][random.below(5)]
      for i in at..<min(bytes.count, at + 1 + random.below(4)) { bytes[i] = edge }
    }
  }

  /// `whole` in random pieces of up to `most` bytes.
  public mutating func pieces(of whole: [UInt8], most: Int) -> [[UInt8]] { random.pieces(of: whole, most: most) }
}
