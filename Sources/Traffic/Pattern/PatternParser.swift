/// Reads the text of a pattern: RE2's syntax without what needs captures, Unicode classes or looking around.
struct PatternParser {
  private let bytes: [UInt8]
  private var at = 0
  private var depth = 0
  private var ignoresCase = false

  private init(_ text: String) { bytes = Array(text.utf8) }

  static func parse(_ text: String) throws(PatternError) -> PatternNode {
    guard text.utf8.count <= PatternLimits.textBytes else {
      throw PatternError(offset: 0, message: "is longer than \(PatternLimits.textBytes) bytes")
    }
    var parser = PatternParser(text)
    parser.readFlags()
    let node = try parser.choice()
    if parser.peek != nil { throw parser.fault("a ) without its (") }
    return node
  }

  private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard let next = peek, next == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  private func fault(_ message: String, at offset: Int? = nil) -> PatternError {
    PatternError(offset: offset ?? at, message: message)
  }

  /// `(?i)` at the very start: letters match in either case.
  private mutating func readFlags() {
    guard bytes.starts(with: Array("(?i)".utf8)) else { return }
    ignoresCase = true
    at = 4
  }

  // MARK: structure

  private mutating func choice() throws(PatternError) -> PatternNode {
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence() throws(PatternError) -> PatternNode {
    var items: [PatternNode] = []
    while let next = peek, next != UInt8(ascii: "|"), next != UInt8(ascii: ")") {
      items.append(try repetition(of: try atom()))
    }
    return items.count == 1 ? items[0] : items.isEmpty ? .empty : .sequence(items)
  }

  private mutating func atom() throws(PatternError) -> PatternNode {
    let start = at
    let byte = bytes[at]
    at += 1
    switch byte {
    case UInt8(ascii: "("): return try group(from: start)
    case UInt8(ascii: "["): return .bytes(try set(from: start))
    case UInt8(ascii: "."): return .bytes(.anyByte)
    case UInt8(ascii: "^"): return .begin
    case UInt8(ascii: "$"): return .end
    case UInt8(ascii: "\\"): return try escape(from: start)
    case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
      throw fault("nothing to repeat before it", at: start)
    case UInt8(ascii: "{") where isBound(from: at): throw fault("nothing to repeat before it", at: start)
    default: return character(byte)
    }
  }

  /// A byte of the text; one that begins a longer UTF-8 sequence brings the others, so that repetition takes the whole
  /// character.
  private mutating func character(_ first: UInt8) -> PatternNode {
    var items = [PatternNode.bytes(literal(first))]
    if first >= 0xc0 {
      while let next = peek, next & 0xc0 == 0x80 {
        items.append(.bytes(ByteSet(next)))
        at += 1
      }
    }
    return items.count == 1 ? items[0] : .sequence(items)
  }

  private func literal(_ byte: UInt8) -> ByteSet {
    ignoresCase ? ByteSet(byte).ignoringCase : ByteSet(byte)
  }

  private mutating func group(from start: Int) throws(PatternError) -> PatternNode {
    if take("?") {
      guard take(":") else { throw fault("only (?: and, at the start, (?i) are known", at: start) }
    }
    depth += 1
    guard depth <= PatternLimits.nesting else {
      throw fault("groups are nested deeper than \(PatternLimits.nesting)", at: start)
    }
    let inner = try choice()
    guard take(")") else { throw fault("a ( without its )", at: start) }
    depth -= 1
    return inner
  }

  // MARK: repetition

  private mutating func repetition(of node: PatternNode) throws(PatternError) -> PatternNode {
    let start = at
    guard let bounds = try bounds() else { return node }
    _ = take("?")  // reluctant or not is the same when the whole text must match
    if let next = peek, next == UInt8(ascii: "*") || next == UInt8(ascii: "+") || next == UInt8(ascii: "?") {
      throw fault("repeats what is repeated already")
    }
    if peek == UInt8(ascii: "{"), isBound(from: at + 1) { throw fault("repeats what is repeated already") }
    if let most = bounds.atMost, most < bounds.atLeast { throw fault("counts down", at: start) }
    guard max(bounds.atLeast, bounds.atMost ?? 0) <= PatternLimits.repetition else {
      throw fault("repeats more than \(PatternLimits.repetition) times", at: start)
    }
    return .repetition(node, atLeast: bounds.atLeast, atMost: bounds.atMost)
  }

  private mutating func bounds() throws(PatternError) -> (atLeast: Int, atMost: Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    guard peek == UInt8(ascii: "{"), isBound(from: at + 1) else { return nil }
    at += 1
    let least = number()
    var most: Int? = least
    if take(",") { most = peek == UInt8(ascii: "}") ? nil : number() }
    at += 1  // the brace that isBound saw
    return (least, most)
  }

  /// Whether `m}`, `m,}` or `m,n}` stands there; any other brace means itself, as in RE2.
  private func isBound(from start: Int) -> Bool {
    var i = start
    func digits() -> Bool {
      let first = i
      while i < bytes.count, ByteSet.digits.contains(bytes[i]) { i += 1 }
      return i > first
    }
    guard digits() else { return false }
    if i < bytes.count, bytes[i] == UInt8(ascii: ",") {
      i += 1
      _ = digits()
    }
    return i < bytes.count && bytes[i] == UInt8(ascii: "}")
  }

  /// Digits as a number; more than fit count as too many.
  private mutating func number() -> Int {
    var value = 0
    while let next = peek, ByteSet.digits.contains(next) {
      value = min(value * 10 + Int(next - UInt8(ascii: "0")), PatternLimits.repetition + 1)
      at += 1
    }
    return value
  }

  // MARK: escapes and sets

  private mutating func escape(from start: Int) throws(PatternError) -> PatternNode {
    if take("A") { return .begin }
    if take("z") { return .end }
    return .bytes(try escapedSet(from: start))
  }

  /// What stands behind a backslash, as a set.
  private mutating func escapedSet(from start: Int) throws(PatternError) -> ByteSet {
    guard let byte = peek else { throw fault("ends in a \\", at: start) }
    at += 1
    switch byte {
    case UInt8(ascii: "d"): return .digits
    case UInt8(ascii: "D"): return ByteSet.digits.inverted
    case UInt8(ascii: "w"): return .wordBytes
    case UInt8(ascii: "W"): return ByteSet.wordBytes.inverted
    case UInt8(ascii: "s"): return .blanks
    case UInt8(ascii: "S"): return ByteSet.blanks.inverted
    case UInt8(ascii: "n"): return ByteSet(0x0a)
    case UInt8(ascii: "r"): return ByteSet(0x0d)
    case UInt8(ascii: "t"): return ByteSet(0x09)
    case UInt8(ascii: "f"): return ByteSet(0x0c)
    case UInt8(ascii: "v"): return ByteSet(0x0b)
    case UInt8(ascii: "x"): return literal(try hexByte(from: start))
    case UInt8(ascii: "1")...UInt8(ascii: "9"):
      throw fault("a back reference cannot be matched in linear time", at: start)
    case UInt8(ascii: "b"), UInt8(ascii: "B"): throw fault("word borders are not known here", at: start)
    case _ where ByteSet.wordBytes.contains(byte) || byte >= 0x80:
      throw fault("an escape that is not known", at: start)
    default: return ByteSet(byte)
    }
  }

  private mutating func hexByte(from start: Int) throws(PatternError) -> UInt8 {
    guard at + 2 <= bytes.count, let high = hexDigit(bytes[at]), let low = hexDigit(bytes[at + 1]) else {
      throw fault("\\x wants two hexadecimal digits", at: start)
    }
    at += 2
    return high << 4 | low
  }

  private mutating func set(from start: Int) throws(PatternError) -> ByteSet {
    let isInverted = take("^")
    var set = ByteSet()
    var isFirst = true
    while true {
      guard let next = peek else { throw fault("a [ without its ]", at: start) }
      if next == UInt8(ascii: "]"), !isFirst { break }
      isFirst = false
      set.formUnion(try range())
    }
    at += 1
    if ignoresCase { set = set.ignoringCase }
    return isInverted ? set.inverted : set
  }

  /// One member of a set, or a range.
  private mutating func range() throws(PatternError) -> ByteSet {
    let start = at
    let first = try member()
    guard peek == UInt8(ascii: "-"), at + 1 < bytes.count, bytes[at + 1] != UInt8(ascii: "]") else {
      return first.set
    }
    at += 1
    let last = try member()
    guard let low = first.byte, let high = last.byte, low <= high else { throw fault("is no range", at: start) }
    return ByteSet(low...high)
  }

  private mutating func member() throws(PatternError) -> (set: ByteSet, byte: UInt8?) {
    let start = at
    guard let byte = peek else { throw fault("a [ without its ]", at: start) }
    if byte >= 0x80 { throw fault("only ASCII may stand in a set", at: start) }
    if byte == UInt8(ascii: "["), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: ":") {
      throw fault("named classes are not known here", at: start)
    }
    at += 1
    guard byte == UInt8(ascii: "\\") else { return (ByteSet(byte), byte) }
    let set = try escapedSet(from: start)
    let only = (0...255).lazy.map { UInt8($0) }.filter { set.contains($0) }
    return (set, only.dropFirst().first == nil ? only.first : nil)
  }
}
