import HashTreeCollections
import MeshProtocol

/// All rules, found by the paths they match: a persistent trie over prefix elements.
///
/// A copy is O(1) and shares everything; a change costs depth · log n and leaves copies as they were; a lookup visits
/// the nodes along the path, whatever the number of other rules.
public struct RuleIndex: Sendable {
  private var root = RuleNode()
  private var byKey: TreeDictionary<RuleKey, RuleEntry> = [:]

  public init() {}

  public init(_ entries: some Sequence<RuleEntry>) {
    for entry in entries { insert(entry) }
  }

  public var count: Int { byKey.count }

  public func entry(_ key: RuleKey) -> RuleEntry? { byKey[key] }

  /// Every rule, least preferred first: the table as one dtab. O(n log n).
  public var entries: [RuleEntry] { byKey.values.sorted { $1.isPreferred(over: $0) } }

  /// Adds a rule, in place of the one with the same key.
  public mutating func insert(_ entry: RuleEntry) {
    remove(entry.key)
    byKey[entry.key] = entry
    root = root.changing(at: entry.dentry.prefix.elements) { $0.insert(entry) }
  }

  /// Takes a rule out and returns it; nil when there is none with this key.
  @discardableResult public mutating func remove(_ key: RuleKey) -> RuleEntry? {
    guard let entry = byKey.removeValue(forKey: key) else { return nil }
    root = root.changing(at: entry.dentry.prefix.elements) { $0.remove(key) }
    return entry
  }

  /// The rules whose prefix matches, preferred first.
  public func matches(_ path: Path) -> [RuleEntry] {
    var found = RuleMatches()
    root.collect(path.segments, from: 0, into: &found)
    return found.preferredFirst
  }

  /// Whether no node is left of rules that were removed. For tests.
  var isPruned: Bool { byKey.isEmpty ? root.isEmpty : !root.isEmpty }

  /// Rules whose prefix matches every path that `prefix` matches; at each node on the way the `limit` most preferred.
  func covering(_ prefix: Prefix, limit: Int) -> [RuleEntry] {
    var found = RuleMatches()
    root.collect(covering: prefix.elements[...], limit: limit, into: &found)
    return found.preferredFirst
  }

  /// Rules that match nothing but paths that `prefix` matches, in no order, at most `limit`.
  func entries(below prefix: Prefix, limit: Int) -> [RuleEntry] {
    var found: [RuleEntry] = []
    root.gather(below: prefix.elements[...], limit: limit, into: &found)
    return found
  }

  /// Whether some rule matches `path`, or a path that begins with it.
  func mayMatch(_ path: Path) -> Bool { root.mayMatch(path.segments[...]) }

  /// Rules whose prefix is `path` or longer, in no order, at most `limit`: what a name that leads to `path` can reach
  /// later.
  func entries(under path: Path, limit: Int) -> [RuleEntry] {
    guard let node = root.node(at: path.segments) else { return [] }
    var found: [RuleEntry] = []
    node.gather(into: &found, limit: limit)
    return found
  }
}

/// Collects matches and remembers whether they come from more than one node: each node's own are sorted.
struct RuleMatches {
  private var entries: [RuleEntry] = []
  private var nodes = 0

  mutating func add(_ more: [RuleEntry]) {
    guard !more.isEmpty else { return }
    nodes += 1
    if nodes == 1 { entries = more } else { entries += more }
  }

  var preferredFirst: [RuleEntry] { nodes < 2 ? entries : entries.sorted { $0.isPreferred(over: $1) } }
}
