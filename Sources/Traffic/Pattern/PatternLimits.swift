/// What one pattern may cost. A pattern beyond a limit is refused when it is written, never when a request comes.
public enum PatternLimits {
  /// Bytes of a pattern's text.
  public static let textBytes = 1024
  /// Largest bound of `{m,n}`; RE2 has the same.
  public static let repetition = 1000
  /// Deepest nesting of groups: the parser recurses this deep.
  public static let nesting = 32
  /// Nodes of the automaton before it is made deterministic. Why: counted repetitions copy what they repeat.
  public static let nodes = 4000
  /// Cells of the finished table, two bytes each: 64 KiB. Usual patterns need a few hundred; only an unbounded start
  /// before a counted end (`.*a.{12}`) doubles them with every count.
  public static let cells = 32_768
  /// States of the automaton looked at while the table is made: a tenth of a second.
  public static let work = 2_000_000
}

/// Why a text is no pattern.
public struct PatternError: Error, Hashable, Sendable {
  /// Where in the pattern's bytes, from 0.
  public let offset: Int
  /// What is wrong there, without the place.
  public let message: String
}
