import HashTreeCollections
import MeshProtocol

/// All rules, found by the paths they match: a persistent trie over prefix elements.
///
/// A copy is O(1) and shares everything; a change costs depth · log n and leaves copies as they were; a lookup visits
/// the nodes along the path, whatever the number of other rules. A rule put in as an encoded resource is read when a
/// lookup comes to it, each time: it takes a few pointers beside its bytes, which its owner holds anyway.
public struct RuleIndex: Sendable {
  private var root = RuleNode.empty
  private var byKey: TreeDictionary<RuleKey, RuleEntry> = [:]
  private var encodedCount = 0

  public init() {}

  public init(_ entries: some Sequence<RuleEntry>) {
    for entry in entries { insert(entry) }
  }

  public var count: Int { byKey.count + encodedCount }

  /// Every rule, least preferred first: the table as one dtab. O(n log n), and all of them are read.
  public var entries: [RuleEntry] {
    var found: [RuleEntry] = []
    root.gather(into: &found, limit: .max)
    return found.sorted { $1.isPreferred(over: $0) }
  }

  /// Adds a rule, in place of the one with the same key.
  public mutating func insert(_ entry: RuleEntry) {
    remove(entry.key)
    byKey[entry.key] = entry
    root = root.changing(at: entry.dentry.prefix.elements[...]) { $0.inserting(.read(entry)) }
  }

  /// Takes a rule out and returns it; nil when none was put in as an entry with this key.
  @discardableResult public mutating func remove(_ key: RuleKey) -> RuleEntry? {
    guard let entry = byKey.removeValue(forKey: key) else { return nil }
    root = root.changing(at: entry.dentry.prefix.elements[...]) { $0.removing(.read(entry)) }
    return entry
  }

  /// Adds a rule or split, which is not in the index, and returns its prefix; nil for any other kind, which is not added.
  @discardableResult public mutating func insert(_ resource: ReplicatedResource) -> Prefix? {
    guard let prefix = resource.prefix else { return nil }
    root = root.changing(at: prefix.elements[...]) { $0.inserting(.encoded(resource)) }
    encodedCount += 1
    return prefix
  }

  /// Takes out a rule or split that is in the index as this object, and returns its prefix; nil for any other kind.
  @discardableResult public mutating func remove(_ resource: ReplicatedResource) -> Prefix? {
    guard let prefix = resource.prefix else { return nil }
    root = root.changing(at: prefix.elements[...]) { $0.removing(.encoded(resource)) }
    encodedCount -= 1
    return prefix
  }

  /// The rules whose prefix matches, preferred first.
  public func matches(_ path: Path) -> [RuleEntry] {
    var found = RuleMatches()
    root.collect(path.segments, from: 0, into: &found)
    return found.preferredFirst
  }

  /// Whether no node is left of rules that were removed. For tests.
  var isPruned: Bool { root.isEmpty == (count == 0) }

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

  mutating func add(_ rule: StoredRule) {
    nodes += 1
    if let entry = rule.entry { entries.append(entry) }
  }

  mutating func add(_ more: [StoredRule]) {
    guard !more.isEmpty else { return }
    nodes += 1
    for rule in more { if let entry = rule.entry { entries.append(entry) } }
  }

  var preferredFirst: [RuleEntry] { nodes < 2 ? entries : entries.sorted { $0.isPreferred(over: $1) } }
}
