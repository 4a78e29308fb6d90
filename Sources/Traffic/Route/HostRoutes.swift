import HTTP
import Memory

/// The routes of one host pattern, found by path: exact paths and prefixes in a table each, patterns in a list.
///
/// Precedence as in Gateway API: an exact path, then a pattern (the longer text first), then the longest prefix; among
/// matches on the same path one with a method, then the one with most headers, then with most parameters, then the
/// older route, then the name. (Where patterns stand is left to implementations; before prefixes, since behind them a
/// route on `/` would make every pattern dead.)
final class HostRoutes: Sendable {
  let routes: [CompiledRoute]
  /// Whether any of them looks at the path.
  let matchesPaths: Bool
  private let exact: ByteTable
  private let prefixes: ByteTable
  private let patterns: [(pattern: Pattern, group: Int32)]
  /// Matches on the same path, in their precedence.
  private let groups: [[Candidate]]
  private let longestPrefix: Int

  private struct Candidate: Sendable {
    let route: Int32
    /// Segments of the prefix that it matches.
    let segments: Int16
    let conditions: RouteConditions
  }

  init(_ routes: [CompiledRoute]) {
    var sorter = GroupSorter()
    for route in routes {
      for match in route.matches { sorter.add(match, of: route) }
    }
    self.routes = routes
    groups = sorter.groups.map { group in
      group.sorted { $0.precedes($1) }.map {
        Candidate(route: $0.route.id, segments: $0.match.segments, conditions: $0.match.conditions)
      }
    }
    exact = ByteTable.holding(sorter.exact)
    prefixes = ByteTable.holding(sorter.prefixes)
    patterns = sorter.patterns.values.sorted {
      ($1.pattern.text.utf8.count, $0.pattern.text) < ($0.pattern.text.utf8.count, $1.pattern.text)
    }
    longestPrefix = sorter.prefixes.keys.reduce(0) { max($0, $1.count) }
    matchesPaths = !exact.isEmpty || !patterns.isEmpty || longestPrefix > 0
  }

  /// The route of this request; nil when none of this host's matches.
  /// - Parameter path: the path in its normal form, looked at only if `matchesPaths`.
  /// - Parameter query: where the query stands in `bytes`.
  func find(
    _ head: borrowing RequestHead, _ bytes: Span<UInt8>, path: Span<UInt8>, query: Range<Int>, value: inout [UInt8]
  ) -> RouteMatch? {
    func first(in group: Int32) -> RouteMatch? {
      let group = groups[Int(group)]
      for i in group.indices where group[i].conditions.hold(head, bytes, query: query, &value) {
        return RouteMatch(route: group[i].route, segments: group[i].segments)
      }
      return nil
    }
    if path.count > 0 {
      if let group = exact.find(path), let found = first(in: group) { return found }
      for i in patterns.indices where patterns[i].pattern.matches(path) {
        if let found = first(in: patterns[i].group) { return found }
      }
    }
    var end = path.count
    while true {
      if end <= longestPrefix, let group = prefixes.find(path.extracting(0..<end)), let found = first(in: group) {
        return found
      }
      guard end > 0 else { return nil }
      end &-= 1
      while end > 0, path[end] != UInt8(ascii: "/") { end &-= 1 }
    }
  }
}

/// The route of a request, and how many segments of its path the matching prefix took.
public struct RouteMatch: Hashable, Sendable {
  /// `CompiledRoute.id`.
  public let route: Int32
  public let segments: Int16
}

/// Puts the matches of a host's routes together by their paths.
private struct GroupSorter {
  struct Item {
    let route: CompiledRoute
    let match: CompiledMatch

    func precedes(_ other: Item) -> Bool {
      let (a, b) = (match.conditions, other.match.conditions)
      if (a.method == nil) != (b.method == nil) { return a.method != nil }
      if a.headers.count != b.headers.count { return a.headers.count > b.headers.count }
      if a.query.count != b.query.count { return a.query.count > b.query.count }
      return route.isOlder(than: other.route)
    }
  }

  private(set) var groups: [[Item]] = []
  private(set) var exact: [[UInt8]: Int32] = [:]
  private(set) var prefixes: [[UInt8]: Int32] = [:]
  private(set) var patterns: [String: (pattern: Pattern, group: Int32)] = [:]

  mutating func add(_ match: CompiledMatch, of route: CompiledRoute) {
    let group = group(of: match.path)
    groups[Int(group)].append(Item(route: route, match: match))
  }

  private mutating func group(of path: CompiledMatch.Path) -> Int32 {
    let new = Int32(truncatingIfNeeded: groups.count)
    let group: Int32
    switch path {
    case .exact(let text):
      group = exact[text] ?? new
      exact[text] = group
    case .prefix(let text):
      group = prefixes[text] ?? new
      prefixes[text] = group
    case .pattern(let pattern):
      group = patterns[pattern.text]?.group ?? new
      patterns[pattern.text] = (patterns[pattern.text]?.pattern ?? pattern, group)
    }
    if group == new { groups.append([]) }
    return group
  }
}

extension CompiledMatch {
  /// Of its prefix; 0 for other paths.
  fileprivate var segments: Int16 {
    guard case .prefix(let text) = path else { return 0 }
    return Int16(clamping: text.count { $0 == UInt8(ascii: "/") })
  }
}

extension ByteTable {
  fileprivate var isEmpty: Bool { count == 0 }
}
