import MeshProtocol
import Serving

/// `/<path…>[:endpoint]`: serversets in ZooKeeper, whose members are ephemeral nodes. All names share one session; each node in use
/// costs two watches or, when it is not there, one, and each member one.
final class ServersetNamer: Namer {
  /// Until a node that ZooKeeper refuses is asked for again: nothing tells when it is allowed.
  static let retryPause = Duration.seconds(10)

  private struct Asked {
    let name: ServersetName
    let tell: (Finding) -> Void
    /// Nodes that it depends on.
    var held: Set<String> = []
  }

  let segments: Int? = nil
  private let context: NamerContext
  private let settings: ServersetSettings
  private var client: ZooKeeperClient?
  private var book = ServersetBook()
  private var asked: [UInt64: Asked] = [:]
  private var lastID: UInt64 = 0
  /// By node: the names that depend on it.
  private var followers: [String: Set<UInt64>] = [:]
  /// A session has stood since the first name.
  private var isKnown = false
  private var stale: String?
  private var hosts: HostTable?
  private var retryTimer: ServiceLoop.Timer?

  init(_ context: NamerContext, _ settings: ServersetSettings) {
    self.context = context
    self.settings = settings
  }

  deinit {
    client?.end()
    hosts?.end()
    if let retryTimer { context.loop.cancel(retryTimer) }
  }

  // MARK: Names

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    let parsed = ServersetName(name)
    guard !parsed.candidates.isEmpty else {
      return SettledWatch(context, .negative("\(name) is no path of ZooKeeper"), tell)
    }
    lastID += 1
    let id = lastID
    asked[id] = Asked(name: parsed, tell: tell)
    if client == nil { start() }
    context.loop.schedule(after: .zero) { [weak self] in
      self?.lead(id)
      self?.carryOut()
    }
    return ClosureWatch { [weak self] in self?.cancel(id) }
  }

  private func start() {
    hosts = HostTable(context) { [weak self] in self?.leadAll() }
    let client = ZooKeeperClient(context, settings) { [weak self] in self?.heard($0) }
    self.client = client
    client.start()
  }

  private func cancel(_ id: UInt64) {
    guard let name = asked.removeValue(forKey: id) else { return }
    for node in name.held { release(node, id) }
    guard asked.isEmpty else { return carryOut() }
    client?.end()
    hosts?.end()
    client = nil
    hosts = nil
    book = ServersetBook()
    isKnown = false
    stale = nil
  }

  /// False when no more nodes can be watched.
  private func hold(_ node: String, _ id: UInt64) -> Bool {
    guard asked[id]?.held.contains(node) == false else { return true }
    guard followers[node] != nil || book.hold(node) else { return false }
    followers[node, default: []].insert(id)
    asked[id]?.held.insert(node)
    return true
  }

  private func release(_ node: String, _ id: UInt64) {
    followers[node]?.remove(id)
    asked[id]?.held.remove(node)
    guard followers[node]?.isEmpty == true else { return }
    followers[node] = nil
    book.release(node)
  }

  // MARK: Saying

  private func leadAll() {
    for id in Array(asked.keys) { lead(id) }
    carryOut()
  }

  /// Says what is known of a name, and lets be watched what it depends on.
  private func lead(_ id: UInt64) {
    guard let name = asked[id] else { return }
    if let finding = finding(id, name.name) { name.tell(finding) }
    if let stale { asked[id]?.tell(.failed(stale)) }
  }

  /// The longest front that is a serverset; nil while one that goes before is not known.
  private func finding(_ id: UInt64, _ name: ServersetName) -> Finding? {
    for candidate in name.candidates {
      guard hold(candidate.node, id) else {
        return .failed("more than \(ServersetBook.nodeLimit) nodes of ZooKeeper are under watch")
      }
      switch outcome(candidate) {
      case nil, .awaited: return nil
      case .absent: continue
      case .finding(let finding):
        for shorter in name.candidates where shorter.taken < candidate.taken { release(shorter.node, id) }
        return finding
      }
    }
    return name.candidates.first.map { .negative(reason($0)) }
  }

  private func outcome(_ candidate: ServersetName.Candidate) -> ServersetOutcome? {
    switch book.content(of: candidate.node) {
    case .unknown: return nil
    case .absent: return .absent("no node \(candidate.node)")
    case .refused(let reason): return .finding(.failed(reason))
    case .members(let members):
      return candidate.outcome(
        members, address: { hosts?.address(of: $0) }, isAwaited: { hosts?.isAwaited($0) ?? false })
    }
  }

  private func reason(_ candidate: ServersetName.Candidate) -> String {
    if case .absent(let reason) = outcome(candidate) { reason } else { "no serverset \(candidate.node)" }
  }

  // MARK: ZooKeeper

  private func heard(_ events: [ZooKeeperSession.Event]) {
    for event in events {
      switch event {
      case .established(let isNew): established(isNew: isNew)
      case .failed(let reason, let count): failed(reason, count)
      case .answered(let request, let answer):
        context.counters.answered(at: context.now)
        book.take(request, answer)
      case .changed(let change): book.changed(change)
      }
    }
    for id in Set(book.takeTouched().flatMap { followers[$0] ?? [] }) { lead(id) }
    carryOut()
  }

  private func established(isNew: Bool) {
    context.counters.answered(at: context.now)
    stale = nil
    // The first session finds the questions waiting.
    if isNew, isKnown { book.restart() }
    isKnown = true
    if !isNew { for id in Array(asked.keys) { lead(id) } }
  }

  /// That one connection broke, or one server is down, is nothing that an operator needs to see, and no answer to a new name:
  /// the next server may take us at once.
  private func failed(_ reason: String, _ count: Int) {
    context.counters.failed()
    guard count >= settings.servers.count, count > 1 || !isKnown else { return }
    stale = reason
    for name in Array(asked.values) { name.tell(.failed(reason)) }
  }

  /// Hands on what the book wants.
  private func carryOut() {
    for skipped in book.takeSkipped() {
      context.counters.skipped()
      context.log.warning(
        "discovery", "an object makes no sense and is left out",
        [("namer", "\(context.prefix)"), ("object", skipped.path), ("reason", skipped.reason)])
    }
    let forgotten = book.takeForgotten()
    if !forgotten.isEmpty { client?.forget(forgotten) }
    let requests = book.takeRequests()
    if !requests.isEmpty { client?.ask(requests) }
    guard book.hasRefusals, retryTimer == nil else { return }
    retryTimer = context.loop.schedule(after: Self.retryPause) { [weak self] in
      guard let self else { return }
      retryTimer = nil
      book.retry()
      carryOut()
    }
  }
}
