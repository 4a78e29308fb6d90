/// A place in the order of rules: bytes compared one by one, a proper prefix first. Read as the fraction `0.b1b2b3…`
/// to base 256, so a place between any two others can be named and inserting a rule moves no other.
struct SortKey: Hashable, Comparable, Sendable {
  /// Never ends with 0, so that equal fractions are equal bytes.
  let bytes: [UInt8]

  /// In bytes; below what the mesh stream takes (`ResourceLimits.sortKey`). Keys grow by 4 bytes for about 65 000
  /// insertions before one rule (16 after one). At the limit the answer is to write the whole dtab anew, which
  /// spreads the keys.
  static let longest = 240

  /// How far apart neighbours are put while there is room: 2^44 rules fit behind the first, and 20 halvings between
  /// any two.
  private static let step: UInt64 = 1 << 20

  static func < (a: SortKey, b: SortKey) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }

  init(bytes: [UInt8]) {
    var trimmed = bytes
    while trimmed.last == 0 { trimmed.removeLast() }
    self.bytes = trimmed
  }

  /// A key between two others; nil is the open end. nil when that key would be too long.
  static func between(_ low: SortKey?, _ high: SortKey?) -> SortKey? {
    switch (low, high) {
    case (nil, nil): return SortKey(word: 1 << 63)
    case (let low?, nil):
      // Appending is by far the most frequent, and must not make keys longer.
      let (word, overflow) = low.word(at: 0).addingReportingOverflow(step)
      return overflow ? middle(low.bytes, nil) : SortKey(word: word)
    case (nil, let high?):
      let word = high.word(at: 0)
      return word > step ? SortKey(word: word - step) : middle([], high.bytes)
    case (let low?, let high?): return middle(low.bytes, high.bytes)
    }
  }

  private init(word: UInt64) {
    self.init(bytes: (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) })
  }

  /// Eight bytes from `start` on as a number, zeros behind the end.
  private func word(at start: Int) -> UInt64 {
    (start..<start + 8).reduce(0) { $0 << 8 | UInt64($1 < bytes.count ? bytes[$1] : 0) }
  }

  /// Looks at four bytes at a time for a gap, and near the lower end of it leaves room for what comes behind.
  private static func middle(_ low: [UInt8], _ high: [UInt8]?) -> SortKey? {
    var out: [UInt8] = []
    var isBelowHigh = false
    var at = 0
    while at < longest {
      let a = group(low, at)
      let b = isBelowHigh || high == nil ? UInt64(1) << 32 : group(high ?? [], at)
      if b > a + 1 {
        let value = a + min((b - a) / 2, 1 << 16)
        return SortKey(bytes: out + bytes(value))
      }
      out += bytes(a)
      if b > a { isBelowHigh = true }
      at += 4
    }
    return nil
  }

  private static func group(_ key: [UInt8], _ at: Int) -> UInt64 {
    (at..<at + 4).reduce(0) { $0 << 8 | UInt64($1 < key.count ? key[$1] : 0) }
  }

  private static func bytes(_ group: UInt64) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: group >> UInt64(24 - 8 * $0)) }
  }

  var hex: String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }

  init?(hex: String) {
    let digits = hex.utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
    guard digits.count % 2 == 0, !digits.contains(nil) else { return nil }
    self.init(
      bytes: stride(from: 0, to: digits.count, by: 2).map { UInt8((digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0)) })
  }
}
