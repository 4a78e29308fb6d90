/// What a dentry applies to: paths that begin with these elements. `*` stands for any one segment.
public struct Prefix: Hashable, Sendable, CustomStringConvertible {
  public enum Element: Hashable, Sendable {
    case label(Segment)
    case any
  }

  public let elements: [Element]

  public init(elements: [Element]) { self.elements = elements }

  /// The prefix without wildcards that matches what begins with `path`.
  public init(_ path: Path) { elements = path.segments.map { .label($0) } }

  /// Reads `/svc/*/users`. At most `NamingLimits.prefixElements` elements.
  public init(parsing text: String) throws(NamingError) {
    var parser = try NameParser(text)
    self = try parser.whole { parser throws(NamingError) in try parser.prefix() }
  }

  public var count: Int { elements.count }

  /// Whether `path` is at least as long and equal in each element. `/` matches every path.
  public func matches(_ path: Path) -> Bool {
    guard elements.count <= path.count else { return false }
    for (index, element) in elements.enumerated() {
      if case .label(let label) = element, label != path.segments[index] { return false }
    }
    return true
  }

  public var description: String {
    if elements.isEmpty { return "/" }
    return elements.map { element in
      switch element {
      case .label(let label): "/" + label.description
      case .any: "/*"
      }
    }.joined()
  }
}
