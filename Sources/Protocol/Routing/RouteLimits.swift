/// What one route may hold. A route beyond a limit is refused when it is written.
public enum RouteLimits {
  /// Hosts of a route; Gateway API has the same.
  public static let hosts = 16
  /// Matches of a route; Gateway API has the same.
  public static let matches = 64
  /// Header conditions of a match, and parameter conditions; Gateway API has the same.
  public static let conditions = 16
  /// Patterns of a route: each is a table of up to 64 KiB in every proxy.
  public static let patterns = 32
  /// Bytes of a path, a value, or a header line's value.
  public static let text = 1024
  /// Bytes of a header's or a parameter's name.
  public static let name = 256
  /// Lines that a route sets, adds or removes, each.
  public static let edits = 32
  /// Bytes of a direct response's body: it is a notice, not a page.
  public static let body = 4096
}
