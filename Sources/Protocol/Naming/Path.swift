/// A name: a list of segments, such as `/svc/users` or `/#/registry/users-v1`. `/` is the empty list.
public struct Path: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let segments: [Segment]

  public static let root = Path(segments: [])

  public init(segments: [Segment]) { self.segments = segments }

  /// One segment for each text; nil when one is empty.
  public init?(labels: [String]) {
    let segments = labels.compactMap { Segment($0) }
    guard segments.count == labels.count else { return nil }
    self.segments = segments
  }

  /// Reads `/a/b`. Spaces and comments may stand around it.
  public init(parsing text: String) throws(NamingError) {
    var parser = try NameParser(text)
    self = try parser.whole { parser throws(NamingError) in try parser.path() }
  }

  public var count: Int { segments.count }
  public var isRoot: Bool { segments.isEmpty }

  public func hasPrefix(_ prefix: Path) -> Bool { segments.starts(with: prefix.segments) }

  /// What is left after the first `n` segments; `/` when there are no more.
  public func dropFirst(_ n: Int = 1) -> Path { Path(segments: Array(segments.dropFirst(n))) }

  /// The first `n` segments, or all when there are fewer.
  public func prefix(_ n: Int) -> Path { n >= count ? self : Path(segments: Array(segments.prefix(n))) }

  public func appending(_ segment: Segment) -> Path { Path(segments: segments + [segment]) }

  public static func + (a: Path, b: Path) -> Path {
    if b.isRoot { return a }
    if a.isRoot { return b }
    return Path(segments: a.segments + b.segments)
  }

  public static func < (a: Path, b: Path) -> Bool { a.segments.lexicographicallyPrecedes(b.segments) }

  public var description: String {
    if isRoot { return "/" }
    var text = ""
    for segment in segments { text += "/" + segment.description }
    return text
  }
}
