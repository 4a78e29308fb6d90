/// The watches that are set in the server, as far as answers tell: for setting them anew on another connection.
struct ZooKeeperWatches {
  private struct Kinds: OptionSet {
    let rawValue: UInt8
    static let data = Kinds(rawValue: 1)
    static let exists = Kinds(rawValue: 2)
    static let children = Kinds(rawValue: 4)
  }

  private var kinds: [String: Kinds] = [:]

  var count: Int { kinds.count }

  mutating func removeAll() { kinds = [:] }

  /// Takes note of what the answer to a read has left in the server.
  mutating func answered(_ request: ZooKeeperRequest, _ answer: ZooKeeperAnswer) {
    let isOver = answer == .refused(.tooLarge) || answer == .refused(.tooManyChildren)
    switch (request, answer) {
    case (.children(let path), .children): add(path, .children)
    case (.children(let path), _) where isOver: add(path, .children)
    case (.data(let path), .data): add(path, .data)
    case (.data(let path), _) where isOver: add(path, .data)
    case (.exists(let path), .present): add(path, .data)
    case (.exists(let path), .refused(.noNode)): add(path, .exists)
    default: break
    }
  }

  /// A watch fires once.
  mutating func fired(_ change: ZooKeeperChange) {
    switch change.kind {
    case .created, .data: remove(change.path, [.data, .exists])
    case .deleted: remove(change.path, [.data, .exists, .children])
    case .children: remove(change.path, .children)
    }
  }

  mutating func forget(_ path: String) { kinds[path] = nil }

  private mutating func add(_ path: String, _ kind: Kinds) { kinds[path, default: []].insert(kind) }

  private mutating func remove(_ path: String, _ fired: Kinds) {
    guard let left = kinds[path]?.subtracting(fired) else { return }
    kinds[path] = left.isEmpty ? nil : left
  }

  /// All of them, in sets that fit into a request each.
  func sets(byteLimit: Int = WatchSet.byteLimit) -> [WatchSet] {
    var sets: [WatchSet] = []
    var current = WatchSet()
    for (path, kinds) in kinds.sorted(by: { $0.key < $1.key }) {
      if current.bytes > byteLimit {
        sets.append(current)
        current = WatchSet()
      }
      if kinds.contains(.data) { current.data.append(path) }
      if kinds.contains(.exists) { current.exists.append(path) }
      if kinds.contains(.children) { current.children.append(path) }
      current.bytes += kinds.rawValue.nonzeroBitCount * (path.utf8.count + 4)
    }
    return current.bytes > 0 ? sets + [current] : sets
  }
}

/// Watches that are set anew by one request.
struct WatchSet: Equatable {
  /// Bytes after which the next set begins. Why: servers refuse requests above 1 MiB; as much as their own client sends.
  static let byteLimit = 128 << 10

  var data: [String] = []
  var exists: [String] = []
  var children: [String] = []
  fileprivate(set) var bytes = 0
}
