/// A regular expression that must match a whole text, as a finished table: one look-up for each byte, whatever the
/// pattern, and nothing to remember between matches. Made when configuration is compiled, shared by all threads.
///
/// The classic way: Thompson's automaton made deterministic by subset construction (Aho, Sethi, Ullman: Compilers,
/// 3.7), over classes of bytes that the pattern does not tell apart. A pattern whose table would be too large is
/// refused, so a match can never cost more than a pass over the text. `(a+)+$` is three states.
///
/// The syntax is RE2's without captures, back references, word borders and Unicode classes. `.` is one byte other than
/// a line feed. Anchors are implied; `^` and `$` may be written.
public final class Pattern: Sendable {
  /// As it was written.
  public let text: String
  private let table: PatternTable

  /// Compiles a pattern. Throws for a syntax that is not known, and beyond `PatternLimits`.
  public init(_ text: String) throws(PatternError) {
    var builder = PatternTableBuilder(try PatternAutomaton(try PatternParser.parse(text)))
    try builder.build()
    self.text = text
    table = builder.table
  }

  /// Cells of the table: what the pattern costs in memory, two bytes each.
  public var cells: Int { table.cells.count }

  /// Whether all of `bytes` is what the pattern says. Costs at most one look-up per byte.
  public func matches(_ bytes: Span<UInt8>) -> Bool { table.matches(bytes) }
}

/// States by classes of bytes.
struct PatternTable: Sendable {
  /// Class of each byte.
  var classes = [UInt8](repeating: 0, count: 256)
  var classCount = 0
  /// Row of a state and column of a class → next state. 0: no match can follow; 1: the start.
  var cells: [UInt16] = []
  var accepting: [Bool] = []

  func matches(_ bytes: Span<UInt8>) -> Bool {
    let classes = classes.span
    let cells = cells.span
    var state = 1
    for i in 0..<bytes.count {
      state = Int(cells[state &* classCount &+ Int(classes[Int(bytes[i])])])
      if state == 0 { return false }
    }
    return accepting[state]
  }
}

/// Makes the table of a pattern: states are sets of the automaton's, found one after the other.
struct PatternTableBuilder {
  private let automaton: PatternAutomaton
  private(set) var table = PatternTable()
  /// One byte of each class.
  private var representatives: [UInt8] = []
  private var numbers: [[Int]: UInt16] = [:]
  private var sets: [[Int]] = []
  private var work = 0

  init(_ automaton: PatternAutomaton) {
    self.automaton = automaton
    classify()
  }

  /// Bytes that no set of the pattern tells apart are one class.
  private mutating func classify() {
    var distinct: Set<ByteSet> = []
    for case .take(let set, _) in automaton.states { distinct.insert(set) }
    let sets = Array(distinct)
    var known: [[Bool]: UInt8] = [:]
    for byte in UInt8.min...UInt8.max {
      let signature = sets.map { $0.contains(byte) }
      if let number = known[signature] {
        table.classes[Int(byte)] = number
      } else {
        let number = UInt8(truncatingIfNeeded: representatives.count)
        known[signature] = number
        table.classes[Int(byte)] = number
        representatives.append(byte)
      }
    }
    table.classCount = representatives.count
  }

  mutating func build() throws(PatternError) {
    _ = try number([])
    let start = automaton.closure([automaton.start], atStart: true)
    // The start has its own number even where its set comes again later: only here does ^ hold at the end of the text.
    sets.append(start)
    table.accepting.append(automaton.accepts([automaton.start], atStart: true))
    var next = 0
    while next < sets.count {
      for byte in representatives {
        let reached = automaton.closure(automaton.step(sets[next], byte))
        work += sets[next].count + reached.count
        guard work <= PatternLimits.work else { throw PatternError(offset: 0, message: "is too complex to compile") }
        table.cells.append(try number(reached))
      }
      next += 1
    }
  }

  private mutating func number(_ set: [Int]) throws(PatternError) -> UInt16 {
    if let known = numbers[set] { return known }
    guard (sets.count + 1) * representatives.count <= PatternLimits.cells else {
      throw PatternError(
        offset: 0,
        message:
          "needs a table of over \(PatternLimits.cells) cells; give bounds to what comes before its counted parts")
    }
    let number = UInt16(truncatingIfNeeded: sets.count)
    numbers[set] = number
    sets.append(set)
    table.accepting.append(automaton.accepts(set, atStart: false))
    return number
  }
}
