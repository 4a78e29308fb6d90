/// Checks of text before it is stored: nil when it is well formed, else why not. What these pass, the initialisers
/// read.
public enum NamingCheck {
  public static func fault(inPath text: String) -> NamingError? {
    fault { () throws(NamingError) in _ = try Path(parsing: text) }
  }

  public static func fault(inPrefix text: String) -> NamingError? {
    fault { () throws(NamingError) in _ = try Prefix(parsing: text) }
  }

  public static func fault(inDestination text: String) -> NamingError? {
    fault { () throws(NamingError) in _ = try NameTree<Path>(parsing: text) }
  }

  public static func fault(inDtab text: String) -> NamingError? {
    fault { () throws(NamingError) in _ = try Dtab(parsing: text) }
  }

  /// NaN, infinite, negative and too large weights, for those that arrive as numbers.
  public static func fault(inWeight value: Double) -> NamingError? {
    guard Weight(value) == nil else { return nil }
    let limit = shortestDecimal(NamingLimits.weight)
    return NamingError(expected: "weight from 0 to \(limit)", in: Array("\(value)".utf8), at: 0, found: "\(value)")
  }

  private static func fault(_ parse: () throws(NamingError) -> Void) -> NamingError? {
    do {
      try parse()
      return nil
    } catch {
      return error
    }
  }
}
