/// Bounds on names that people and peers send. Beyond a bound the text is refused with a `NamingError` that states it;
/// nothing is cut.
public enum NamingLimits {
  /// Longest text of a path, prefix, tree or dtab, in bytes. A dtab of 10 000 rules is about 600 kB.
  public static let textBytes = 1 << 20
  /// Most segments of one path. Names have 2 to 10; long ones come from rules that grow a path at each step.
  public static let segments = 1024
  /// Most elements of a dentry's prefix: each is a level of the rule index, whose depth is stack when it is freed.
  public static let prefixElements = 128
  /// Deepest nesting of parentheses. The parser and every walk over a tree recurse this deep.
  public static let nesting = 64
  /// Largest weight. Up to here every whole number is exact and no sum of weights of one text overflows.
  public static let weight = 1e15
  /// Longest number, in bytes: the smallest positive weight, written without exponent, has 326.
  public static let numberBytes = 400
  /// Text shown on either side of the place of an error, in bytes; what is beyond becomes `…`.
  public static let shownBytes = 512
}
