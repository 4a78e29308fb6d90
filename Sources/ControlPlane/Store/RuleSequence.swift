/// The rules of a namespace by sort key: a persistent AVL tree (Adelson-Velsky and Landis, 1962), so that a change
/// costs the logarithm of the table and every older snapshot keeps its own order.
struct RuleSequence: Sendable {
  private var root: Node?

  init() {}

  var count: Int { root?.count ?? 0 }
  var first: (key: SortKey, id: String)? { root.map { Self.edge($0, \.left) } }
  var last: (key: SortKey, id: String)? { root.map { Self.edge($0, \.right) } }

  /// Replaces what stood at `key`.
  mutating func insert(_ id: String, at key: SortKey) { root = Self.inserting(key, id, into: root) }

  mutating func remove(at key: SortKey) { root = Self.removing(key, from: root) }

  /// The last rule before `key`.
  func before(_ key: SortKey) -> (key: SortKey, id: String)? {
    var best: Node?
    var node = root
    while let n = node {
      if n.key < key {
        best = n
        node = n.right
      } else {
        node = n.left
      }
    }
    return best.map { ($0.key, $0.id) }
  }

  /// Up to `limit` ids in order, beginning behind `key` (nil: from the start).
  func ids(after key: SortKey? = nil, limit: Int = .max) -> [String] {
    var out: [String] = []
    Self.collect(root, after: key, limit: limit, into: &out)
    return out
  }

  private final class Node: Sendable {
    let key: SortKey
    let id: String
    let left: Node?
    let right: Node?
    let height: Int
    let count: Int

    init(_ key: SortKey, _ id: String, _ left: Node?, _ right: Node?) {
      self.key = key
      self.id = id
      self.left = left
      self.right = right
      height = max(left?.height ?? 0, right?.height ?? 0) + 1
      count = (left?.count ?? 0) + (right?.count ?? 0) + 1
    }
  }

  private static func edge(_ node: Node, _ side: KeyPath<Node, Node?>) -> (key: SortKey, id: String) {
    var node = node
    while let next = node[keyPath: side] { node = next }
    return (node.key, node.id)
  }

  private static func inserting(_ key: SortKey, _ id: String, into node: Node?) -> Node {
    guard let node else { return Node(key, id, nil, nil) }
    if key == node.key { return Node(key, id, node.left, node.right) }
    return key < node.key
      ? balanced(node, inserting(key, id, into: node.left), node.right)
      : balanced(node, node.left, inserting(key, id, into: node.right))
  }

  private static func removing(_ key: SortKey, from node: Node?) -> Node? {
    guard let node else { return nil }
    if key < node.key { return balanced(node, removing(key, from: node.left), node.right) }
    if node.key < key { return balanced(node, node.left, removing(key, from: node.right)) }
    guard let left = node.left else { return node.right }
    guard let right = node.right else { return node.left }
    let next = edge(right, \.left)
    return balanced(Node(next.key, next.id, nil, nil), left, removing(next.key, from: right))
  }

  /// A node of `middle`'s rule over both sides, rotated where they differ by two.
  private static func balanced(_ middle: Node, _ left: Node?, _ right: Node?) -> Node {
    let difference = (left?.height ?? 0) - (right?.height ?? 0)
    if difference > 1, let l = left {
      if (l.left?.height ?? 0) >= (l.right?.height ?? 0) {
        return Node(l.key, l.id, l.left, Node(middle.key, middle.id, l.right, right))
      }
      guard let lr = l.right else { return Node(middle.key, middle.id, left, right) }
      return Node(lr.key, lr.id, Node(l.key, l.id, l.left, lr.left), Node(middle.key, middle.id, lr.right, right))
    }
    if difference < -1, let r = right {
      if (r.right?.height ?? 0) >= (r.left?.height ?? 0) {
        return Node(r.key, r.id, Node(middle.key, middle.id, left, r.left), r.right)
      }
      guard let rl = r.left else { return Node(middle.key, middle.id, left, right) }
      return Node(rl.key, rl.id, Node(middle.key, middle.id, left, rl.left), Node(r.key, r.id, rl.right, r.right))
    }
    return Node(middle.key, middle.id, left, right)
  }

  private static func collect(_ node: Node?, after key: SortKey?, limit: Int, into out: inout [String]) {
    guard let node, out.count < limit else { return }
    let isAfter = key.map { $0 < node.key } ?? true
    if isAfter { collect(node.left, after: key, limit: limit, into: &out) }
    if isAfter, out.count < limit { out.append(node.id) }
    collect(node.right, after: key, limit: limit, into: &out)
  }
}
