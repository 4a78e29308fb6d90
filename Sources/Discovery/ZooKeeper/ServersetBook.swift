/// What is known of the nodes that names may mean and of their members, and what is to be asked. Pure.
///
/// A node that is held is listed, and each of its members read; both leave a watch, and what fires is asked again. A node that is
/// not there is watched for its coming.
struct ServersetBook {
  /// What begins so counts; other children are none of a serverset's.
  static let memberPrefix = "member_"
  static let vectorPrefix = "vector_"
  /// Nodes, and members of all of them. Why: a watch in ZooKeeper and memory each. At the limit: a further one is refused.
  static let nodeLimit = 100_000
  static let memberLimit = 500_000

  enum Content: Equatable {
    /// Not everything has been answered yet.
    case unknown
    case absent
    case refused(String)
    case members([String: Entry])
  }

  enum Entry: Equatable {
    case unread
    /// It went between the list and the look at it.
    case gone
    case member(ServersetMember)
    case vector(ServersetVector)
    case broken(String)
    case refused(String)
  }

  /// A question that is asked once at a time, and once more when something happened meanwhile.
  private struct Question {
    private(set) var isAsked = false
    private var isAskedAgain = false

    /// True when it is to be asked now.
    mutating func ask() -> Bool {
      isAskedAgain = isAsked
      defer { isAsked = true }
      return !isAsked
    }

    /// True when it is to be asked once more.
    mutating func answered() -> Bool {
      isAsked = isAskedAgain
      isAskedAgain = false
      return isAsked
    }
  }

  private struct Member {
    var entry = Entry.unread
    var question = Question()
    /// False until it has been read in this session.
    var isRead = false
  }

  private struct Node {
    enum State { case present, absent, refused(String) }

    var holders = 0
    var state = State.absent
    var question = Question()
    /// It was not there a moment ago, and the question is whether it is now.
    var isAwaited = false
    /// False until it has been listed in this session.
    var isListed = false
    var members: [String: Member] = [:]
    /// Members that are not read.
    var unread = 0
  }

  private var nodes: [String: Node] = [:]
  private(set) var memberCount = 0
  /// Nodes without an answer of use, which nothing will tell of: to be asked again after a while.
  private var refusals: Set<String> = []
  private var requests: [ZooKeeperRequest] = []
  private var forgotten: [String] = []
  private var touched: Set<String> = []
  private var skipped: [Skipped] = []

  /// Something that makes no sense and is left out.
  struct Skipped: Equatable {
    let path: String
    let reason: String
  }

  var nodeCount: Int { nodes.count }

  // MARK: What is to be done

  mutating func takeRequests() -> [ZooKeeperRequest] { Self.take(&requests) }
  /// Paths whose watches are of no use any more.
  mutating func takeForgotten() -> [String] { Self.take(&forgotten) }
  mutating func takeSkipped() -> [Skipped] { Self.take(&skipped) }

  /// Nodes of which something else is known now.
  mutating func takeTouched() -> Set<String> {
    defer { touched = [] }
    return touched
  }

  private static func take<Item>(_ list: inout [Item]) -> [Item] {
    defer { list = [] }
    return list
  }

  // MARK: Holding

  /// One more needs the node; false at the limit.
  mutating func hold(_ path: String) -> Bool {
    if nodes[path] == nil {
      guard nodes.count < Self.nodeLimit else { return false }
      nodes[path] = Node()
      list(path)
    }
    nodes[path]?.holders += 1
    return true
  }

  mutating func release(_ path: String) {
    guard let holders = nodes[path]?.holders else { return }
    nodes[path]?.holders = holders - 1
    guard holders == 1, let node = nodes.removeValue(forKey: path) else { return }
    memberCount -= node.members.count
    refusals.remove(path)
    forgotten.append(path)
    for name in node.members.keys { forgotten.append("\(path)/\(name)") }
  }

  func content(of path: String) -> Content {
    guard let node = nodes[path], node.isListed else { return .unknown }
    switch node.state {
    case .absent: return .absent
    case .refused(let reason): return .refused(reason)
    case .present: return node.unread == 0 ? .members(node.members.mapValues(\.entry)) : .unknown
    }
  }

  // MARK: Asking again

  /// A new session: no watch is set, so everything is asked. What is known counts as unknown until it is.
  mutating func restart() {
    for path in nodes.keys {
      nodes[path]?.isListed = false
      list(path)
      for name in Array(nodes[path]?.members.keys ?? [:].keys) {
        setRead(path, name, false)
        read(path, name)
      }
    }
  }

  /// Asks again what was refused.
  mutating func retry() {
    let paths = refusals
    refusals = []
    for path in paths {
      if case .refused = nodes[path]?.state { list(path) }
      for (name, member) in nodes[path]?.members ?? [:] { if case .refused = member.entry { read(path, name) } }
    }
  }

  var hasRefusals: Bool { !refusals.isEmpty }

  mutating func changed(_ change: ZooKeeperChange) {
    if nodes[change.path] != nil, change.kind != .data { list(change.path) }
    // A member that is deleted is told of by its node as well.
    if change.kind == .data, let (path, name) = Self.split(change.path) { read(path, name) }
  }

  private mutating func list(_ path: String) {
    if nodes[path]?.question.ask() == true { requests.append(.children(of: path)) }
  }

  private mutating func read(_ path: String, _ name: String) {
    if nodes[path]?.members[name]?.question.ask() == true { requests.append(.data(of: "\(path)/\(name)")) }
  }

  /// `/a/b/member_1` → `/a/b`, `member_1`.
  private static func split(_ path: String) -> (node: String, name: String)? {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return nil }
    return (String(path[..<slash]), String(path[path.index(after: slash)...]))
  }

  // MARK: Answers

  mutating func take(_ request: ZooKeeperRequest, _ answer: ZooKeeperAnswer) {
    switch request {
    case .children(let path), .exists(let path): takeNode(path, answer)
    case .data(let path): takeMember(path, answer)
    case .removeWatches: break
    }
  }

  private mutating func takeNode(_ path: String, _ answer: ZooKeeperAnswer) {
    guard nodes[path] != nil else { return forgotten.append(path) }
    switch answer {
    case .refused(.noNode) where nodes[path]?.isAwaited == false:
      // Now watched for its coming; the question is not answered before that is.
      nodes[path]?.isAwaited = true
      return requests.append(.exists(path))
    case .present:
      // It came between two questions.
      nodes[path]?.isAwaited = false
      return requests.append(.children(of: path))
    case .refused(.noNode): update(path, names: [], .absent)
    case .refused(let error): refuse(path, "\(path): \(error)")
    case .children(let names): take(path, names)
    case .data, .done: break
    }
    nodes[path]?.isAwaited = false
    if nodes[path]?.question.answered() == true { requests.append(.children(of: path)) }
  }

  private mutating func take(_ path: String, _ names: [String]) {
    let wanted = names.filter { $0.hasPrefix(Self.memberPrefix) || $0.hasPrefix(Self.vectorPrefix) }
    let others = memberCount - (nodes[path]?.members.count ?? 0)
    guard others + wanted.count <= Self.memberLimit else {
      return refuse(path, "\(path): more than \(Self.memberLimit) members are under watch")
    }
    update(path, names: wanted, .present)
  }

  private mutating func refuse(_ path: String, _ reason: String) {
    refusals.insert(path)
    nodes[path]?.state = .refused(reason)
    nodes[path]?.isListed = true
    touched.insert(path)
  }

  private mutating func update(_ path: String, names: [String], _ state: Node.State) {
    guard var node = nodes[path] else { return }
    let wanted = Set(names)
    let added = wanted.filter { node.members[$0] == nil }
    memberCount += wanted.count - node.members.count
    node.members = node.members.filter { wanted.contains($0.key) }
    for name in added { node.members[name] = Member() }
    node.unread = node.members.values.count { !$0.isRead }
    node.state = state
    node.isListed = true
    nodes[path] = node
    for name in added.sorted() { read(path, name) }
    if node.unread == 0 { touched.insert(path) }
  }

  private mutating func takeMember(_ path: String, _ answer: ZooKeeperAnswer) {
    guard let (node, name) = Self.split(path), nodes[node]?.members[name] != nil else { return forgotten.append(path) }
    if let entry = entry(name, path, answer) { nodes[node]?.members[name]?.entry = entry }
    if case .refused(let error) = answer, error != .noNode { refusals.insert(node) }
    setRead(node, name, true)
    if nodes[node]?.members[name]?.question.answered() == true { requests.append(.data(of: path)) }
    if nodes[node]?.unread == 0 { touched.insert(node) }
  }

  private mutating func entry(_ name: String, _ path: String, _ answer: ZooKeeperAnswer) -> Entry? {
    switch answer {
    case .data(let value):
      do throws(ObjectFault) {
        if name.hasPrefix(Self.vectorPrefix) { return .vector(try ServersetVector(value)) }
        let member = try ServersetMember(value)
        if let fault = member.fault { skipped.append(Skipped(path: path, reason: fault)) }
        return .member(member)
      } catch {
        skipped.append(Skipped(path: path, reason: error.text))
        return .broken(error.text)
      }
    case .refused(.noNode): return .gone
    case .refused(let error):
      skipped.append(Skipped(path: path, reason: error.description))
      return .refused(error.description)
    case .children, .present, .done: return nil
    }
  }

  private mutating func setRead(_ path: String, _ name: String, _ isRead: Bool) {
    guard let was = nodes[path]?.members[name]?.isRead, was != isRead else { return }
    nodes[path]?.members[name]?.isRead = isRead
    nodes[path]?.unread += isRead ? -1 : 1
  }
}
