/// Recursive descent over the grammar of names (Finagle's `NameTreeParsers`):
///
///     dtab     := [dentry] (';' [dentry])*      only after the last ';' may a dentry be missing
///     dentry   := prefix '=>' tree
///     prefix   := '/' | ('/' ('*' | label))+
///     tree     := tree1 ('|' tree1)*
///     tree1    := weighted ('&' weighted)*
///     weighted := [number '*'] simple
///     simple   := '(' tree ')' | path | '!' | '~' | '$'
///     path     := '/' | ('/' label)+
///     label    := (labelchar | '\x' hex hex)+
///
/// Between tokens, white space and `#` comments up to the end of the line are skipped. Inside a path `#` is a label
/// character.
struct NameParser {
  private let text: [UInt8]
  private let end: Int
  private var index: Int
  private var nesting = 0
  /// Where leaves and signs were read, in order.
  private(set) var places: [Int] = []
  /// Where dentries were read, and which place is the first of each.
  private(set) var dentryStarts: [(offset: Int, firstPlace: Int)] = []

  init(_ text: String) throws(NamingError) { try self.init(bytes: Array(text.utf8)) }

  init(bytes: [UInt8]) throws(NamingError) {
    guard bytes.count <= NamingLimits.textBytes else {
      throw NamingError(
        expected: "at most \(NamingLimits.textBytes) bytes", in: bytes, at: NamingLimits.textBytes,
        found: "\(bytes.count) bytes")
    }
    text = bytes
    (index, end) = (0, bytes.count)
  }

  /// A text that stands in other bytes and was read before: its errors would show those.
  init(_ range: Range<Int>, in bytes: [UInt8]) {
    text = bytes
    (index, end) = (range.lowerBound, range.upperBound)
  }

  /// Runs one rule over the whole text; what follows it is an error.
  mutating func whole<Value>(
    _ rule: (inout NameParser) throws(NamingError) -> Value
  ) throws(NamingError) -> Value {
    let value = try rule(&self)
    skipSpace()
    guard atEnd else { throw wanted("end of input") }
    return value
  }

  mutating func dtab(atMost limit: Int) throws(NamingError) -> [Dentry] {
    var dentries: [Dentry] = []
    repeat {
      skipSpace()
      guard !atEnd else { break }
      guard dentries.count < limit else { throw wanted("at most \(limit) dentries") }
      dentries.append(try dentry())
      skipSpace()
    } while take(";")
    return dentries
  }

  mutating func dentry() throws(NamingError) -> Dentry {
    skipSpace()
    dentryStarts.append((index, places.count))
    let prefix = try prefix()
    skipSpace()
    try expect("=")
    try expect(">")
    return Dentry(prefix: prefix, destination: try tree())
  }

  mutating func tree() throws(NamingError) -> NameTree<Path> {
    var trees: [NameTree<Path>] = []
    repeat {
      trees.append(try union())
      skipSpace()
    } while take("|")
    return trees.count == 1 ? trees[0] : .alt(trees)
  }

  private mutating func union() throws(NamingError) -> NameTree<Path> {
    var branches: [Weighted<Path>] = []
    repeat {
      branches.append(try weighted())
      skipSpace()
    } while take("&")
    return branches.count == 1 ? branches[0].tree : .union(branches)
  }

  private mutating func weighted() throws(NamingError) -> Weighted<Path> {
    skipSpace()
    guard isNumberCharacter(peek) else { return Weighted(weight: .one, tree: try simple()) }
    let weight = try weight()
    skipSpace()
    try expect("*")
    return Weighted(weight: weight, tree: try simple())
  }

  private mutating func simple() throws(NamingError) -> NameTree<Path> {
    skipSpace()
    if peek != UInt8(ascii: "(") { places.append(index) }
    switch peek {
    case UInt8(ascii: "("): return try parenthesised()
    case UInt8(ascii: "/"): return .leaf(try path())
    default: break
    }
    if take("!") { return .fail }
    if take("~") { return .neg }
    if take("$") { return .empty }
    throw wanted("simple")
  }

  private mutating func parenthesised() throws(NamingError) -> NameTree<Path> {
    guard nesting < NamingLimits.nesting else { throw wanted("at most \(NamingLimits.nesting) nested parentheses") }
    nesting += 1
    defer { nesting -= 1 }
    try expect("(")
    let tree = try tree()
    skipSpace()
    try expect(")")
    return tree
  }
}

// Paths and prefixes
extension NameParser {
  mutating func path() throws(NamingError) -> Path {
    skipSpace()
    try expect("/")
    guard startsLabel(peek) else { return .root }
    var segments: [Segment] = []
    segments.reserveCapacity(min(labelsAhead, NamingLimits.segments))
    repeat {
      guard segments.count < NamingLimits.segments else { throw wanted("at most \(NamingLimits.segments) segments") }
      segments.append(try label())
    } while take("/")
    return Path(segments: segments)
  }

  mutating func prefix() throws(NamingError) -> Prefix {
    skipSpace()
    try expect("/")
    guard startsLabel(peek) || peek == UInt8(ascii: "*") else { return Prefix(elements: []) }
    var elements: [Prefix.Element] = []
    elements.reserveCapacity(min(labelsAhead, NamingLimits.prefixElements))
    repeat {
      guard elements.count < NamingLimits.prefixElements else {
        throw wanted("at most \(NamingLimits.prefixElements) elements of a prefix")
      }
      elements.append(take("*") ? .any : .label(try label()))
    } while take("/")
    return Prefix(elements: elements)
  }

  /// How many labels follow the `/` that was just taken, if they read: names are short, and growing their arrays would take
  /// longer than counting.
  private var labelsAhead: Int {
    var (count, at) = (1, index)
    while at < end, text[at] == UInt8(ascii: "/") || text[at] == UInt8(ascii: "*") || startsLabel(text[at]) {
      if text[at] == UInt8(ascii: "/") { count += 1 }
      at += 1
    }
    return count
  }

  private mutating func label() throws(NamingError) -> Segment {
    guard startsLabel(peek) else { throw wanted("label char") }
    let start = index
    while let byte = peek, Segment.isLabelCharacter(byte) { index += 1 }
    if peek != UInt8(ascii: "\\") { return Segment(scalars: String(decoding: text[start..<index], as: UTF8.self)) }
    return try escapedLabel(Array(text[start..<index]))
  }

  private mutating func escapedLabel(_ start: [UInt8]) throws(NamingError) -> Segment {
    var bytes = start
    while let byte = peek, startsLabel(byte) {
      index += 1
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      try expect("x")
      bytes.append(try hexDigit() << 4 | hexDigit())
    }
    guard let segment = Segment(bytes: bytes) else { throw wanted("label char") }
    return segment
  }

  private mutating func hexDigit() throws(NamingError) -> UInt8 {
    let digit: UInt8
    switch peek {
    case let byte? where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte): digit = byte - UInt8(ascii: "0")
    case let byte? where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte): digit = byte - UInt8(ascii: "a") + 10
    case let byte? where (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte): digit = byte - UInt8(ascii: "A") + 10
    default: throw wanted("hex char")
    }
    index += 1
    return digit
  }

  private func startsLabel(_ byte: UInt8?) -> Bool {
    guard let byte else { return false }
    return Segment.isLabelCharacter(byte) || byte == UInt8(ascii: "\\")
  }
}

// Weights and characters
extension NameParser {
  private mutating func weight() throws(NamingError) -> Weight {
    let start = index
    var seenPoint = false
    while let byte = peek, isNumberCharacter(byte) {
      if byte == UInt8(ascii: ".") {
        guard !seenPoint else { throw wanted("number char") }
        seenPoint = true
      }
      guard index - start < NamingLimits.numberBytes else {
        throw wanted("number of at most \(NamingLimits.numberBytes) digits")
      }
      index += 1
    }
    let digits = String(decoding: text[start..<index], as: UTF8.self)
    guard digits != "." else { throw wanted("weight") }
    // A digit on either side of the point, whatever the standard library thinks of `.5` and `1.`.
    guard let value = Double("0" + digits + (seenPoint ? "0" : "")), let weight = Weight(value) else {
      throw NamingError(
        expected: "weight of at most \(shortestDecimal(NamingLimits.weight))", in: text, at: start, found: "'\(digits)'"
      )
    }
    return weight
  }

  private func isNumberCharacter(_ byte: UInt8?) -> Bool {
    guard let byte else { return false }
    return (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
  }

  private var atEnd: Bool { index >= end }
  private var peek: UInt8? { index < end ? text[index] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: character) else { return false }
    index += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(NamingError) {
    guard take(character) else { throw wanted("'\(character)'") }
  }

  private func wanted(_ expected: String) -> NamingError { NamingError(expected: expected, in: text, at: index) }

  private mutating func skipSpace() {
    while let byte = peek {
      if byte == UInt8(ascii: "#") {
        while let byte = peek, byte != UInt8(ascii: "\n") { index += 1 }
      } else if byte == UInt8(ascii: " ") || (0x09...0x0d).contains(byte) {
        index += 1
      } else {
        return
      }
    }
  }
}
