import HashTreeCollections
import MeshProtocol

/// A node of the rule trie: the rules of one prefix, and the longer prefixes below it.
/// Depth is bounded by `NamingLimits.prefixElements`, so walks may recurse.
struct RuleNode: Sendable {
  /// Preferred first.
  private var entries: [RuleEntry] = []
  private var labels: TreeDictionary<Segment, RuleNode> = [:]
  /// The node of `*`: none or one.
  private var wildcard: [RuleNode] = []

  var isEmpty: Bool { entries.isEmpty && labels.isEmpty && wildcard.isEmpty }

  mutating func insert(_ entry: RuleEntry) {
    let place = entries.firstIndex { entry.isPreferred(over: $0) } ?? entries.count
    entries.insert(entry, at: place)
  }

  mutating func remove(_ key: RuleKey) { entries.removeAll { $0.key == key } }

  /// This node with the one at `elements` below it changed; nodes that become empty are dropped.
  func changing(at elements: [Prefix.Element], _ change: (inout RuleNode) -> Void) -> RuleNode {
    var trail = [self]
    for element in elements { trail.append(trail[trail.count - 1].child(element) ?? RuleNode()) }
    var node = trail.removeLast()
    change(&node)
    for element in elements.reversed() {
      var parent = trail.removeLast()
      parent.setChild(element, node.isEmpty ? nil : node)
      node = parent
    }
    return node
  }

  private func child(_ element: Prefix.Element) -> RuleNode? {
    switch element {
    case .label(let label): labels[label]
    case .any: wildcard.first
    }
  }

  private mutating func setChild(_ element: Prefix.Element, _ node: RuleNode?) {
    switch element {
    case .label(let label): labels[label] = node
    case .any: wildcard = node.map { [$0] } ?? []
    }
  }

  func collect(_ segments: [Segment], from index: Int, into found: inout RuleMatches) {
    found.add(entries)
    guard index < segments.count else { return }
    if !labels.isEmpty, let next = labels[segments[index]] { next.collect(segments, from: index + 1, into: &found) }
    if let any = wildcard.first { any.collect(segments, from: index + 1, into: &found) }
  }

  /// The node reached by exactly these labels.
  func node(at segments: [Segment]) -> RuleNode? {
    var node = self
    for segment in segments {
      guard let next = node.labels[segment] else { return nil }
      node = next
    }
    return node
  }

  /// Rules here and below, until there are `limit`.
  func gather(into found: inout [RuleEntry], limit: Int) {
    for entry in entries where found.count < limit { found.append(entry) }
    for node in wildcard where found.count < limit { node.gather(into: &found, limit: limit) }
    guard found.count < limit else { return }
    for (_, node) in labels {
      node.gather(into: &found, limit: limit)
      guard found.count < limit else { return }
    }
  }
}

// What the linter asks.
extension RuleNode {
  /// Rules whose prefix matches all that `elements` matches.
  func collect(covering elements: ArraySlice<Prefix.Element>, limit: Int, into found: inout RuleMatches) {
    found.add(Array(entries.prefix(limit)))
    guard let first = elements.first else { return }
    if case .label(let label) = first, let next = labels[label] {
      next.collect(covering: elements.dropFirst(), limit: limit, into: &found)
    }
    wildcard.first?.collect(covering: elements.dropFirst(), limit: limit, into: &found)
  }

  /// Rules here and below that match nothing but what `elements` matches.
  func gather(below elements: ArraySlice<Prefix.Element>, limit: Int, into found: inout [RuleEntry]) {
    guard let first = elements.first else { return gather(into: &found, limit: limit) }
    switch first {
    case .label(let label): labels[label]?.gather(below: elements.dropFirst(), limit: limit, into: &found)
    case .any:
      wildcard.first?.gather(below: elements.dropFirst(), limit: limit, into: &found)
      for (_, node) in labels where found.count < limit {
        node.gather(below: elements.dropFirst(), limit: limit, into: &found)
      }
    }
  }

  /// Whether a rule here or below matches these segments, or more than these.
  func mayMatch(_ segments: ArraySlice<Segment>) -> Bool {
    if !entries.isEmpty { return true }
    guard let first = segments.first else { return !isEmpty }
    if let next = labels[first], next.mayMatch(segments.dropFirst()) { return true }
    return wildcard.first?.mayMatch(segments.dropFirst()) ?? false
  }
}
