import MeshProtocol
import Serving
import SystemIO
import Telemetry

/// Carries out what `NameTable` decides: makes namers, begins and ends their watches, keeps time. Belongs to the thread of
/// its loop. `DiscoveryService` gives it one of its own; a program with few namers may lend it one.
public final class DiscoveryDesk {
  private struct Running {
    let entry: NamerConfiguration.Entry
    let namer: any Namer
    let counters: NamerCounters
  }

  private let loop: ServiceLoop
  private let blocking: LoopExecutor
  private let log: Log
  private let board: CounterBoard
  private let tell: (DiscoveredName) -> Void
  private var table: NameTable
  private var running: [Int: Running] = [:]
  private var lastSource = 0
  private var watches: [NameTable.WatchID: any NamerWatch] = [:]
  private var listeners: [Path: [UInt64: (DiscoveredName) -> Void]] = [:]
  private var lastListener: UInt64 = 0
  private var isPerforming = false
  private var links: [Path: Link] = [:]

  /// A name that stands for another.
  private struct Link {
    /// Names before it.
    var depth: Int
    var next: Path?
  }

  init(
    loop: ServiceLoop, blocking: LoopExecutor, log: Log, limits: NameLimits, board: CounterBoard,
    tell: @escaping (DiscoveredName) -> Void
  ) {
    self.loop = loop
    self.blocking = blocking
    self.log = log
    self.board = board
    self.tell = tell
    table = NameTable(limits: limits, microseconds: wallClockMilliseconds() &* 1000)
  }

  /// Discovery on a loop that the program has already.
  /// - Parameters:
  ///   - blocking: a thread that may block, for look-ups of the system's.
  ///   - tell: Called with every change of a name that is wanted, also from within `want` and `configure`.
  public convenience init(
    _ configuration: NamerConfiguration, loop: ServiceLoop, blocking: LoopExecutor, log: Log,
    limits: NameLimits = NameLimits(), tell: @escaping (DiscoveredName) -> Void
  ) {
    self.init(loop: loop, blocking: blocking, log: log, limits: limits, board: CounterBoard(), tell: tell)
    configure(configuration)
  }

  /// The namers' figures as Prometheus text.
  public func exposition() -> String { board.exposition(at: loop.now) }

  // MARK: Configuration

  /// Takes over another set of namers; those that did not change go on undisturbed, and names of those that did keep what
  /// was bound until the new namer has answered.
  public func configure(_ configuration: NamerConfiguration) {
    var kept: [Int: Running] = [:]
    var fresh: [NamerConfiguration.Entry] = []
    for entry in configuration.entries {
      if let (index, same) = running.first(where: { $0.value.entry == entry }) {
        kept[index] = same
      } else {
        fresh.append(entry)
      }
    }
    for entry in fresh {
      lastSource += 1
      kept[lastSource] = make(entry)
    }
    running = kept
    let sources = kept.mapValues {
      NameTable.Source(prefix: $0.entry.prefix, segments: $0.namer.segments, grace: $0.entry.grace)
    }
    table.replaceSources(sources, at: loop.now)
    board.show(kept.values.map { ($0.entry.prefix, $0.counters) })
    perform()
  }

  private func make(_ entry: NamerConfiguration.Entry) -> Running {
    let counters = NamerCounters()
    let context = NamerContext(
      loop: loop, log: log, counters: counters, prefix: entry.prefix, random: SystemRandomNumberGenerator(),
      blocking: blocking, desk: { [weak self] in self })
    do {
      return Running(entry: entry, namer: try entry.settings.makeNamer(context), counters: counters)
    } catch {
      log.error("discovery", "namer failed to start", [("namer", "\(entry.prefix)"), ("reason", "\(error)")])
      return Running(entry: entry, namer: BrokenNamer(reason: "\(error)"), counters: counters)
    }
  }

  // MARK: Asking

  /// One more wants `name`: its state is told as soon as it is known, and again with each change.
  public func want(_ name: Path) {
    table.want(name)
    perform()
  }

  /// One less wants it. To be called once for each `want`.
  public func release(_ name: Path) {
    table.release(name, at: loop.now)
    perform()
  }

  /// Asks for `name` and hears what is told of it, beginning with what is known, until cancelled.
  func listen(to name: Path, _ body: @escaping (DiscoveredName) -> Void) -> any NamerWatch {
    lastListener += 1
    let id = lastListener
    listeners[name, default: [:]][id] = body
    table.want(name)
    perform()
    return Listening { [weak self] in
      guard let self, listeners[name]?.removeValue(forKey: id) != nil else { return }
      if listeners[name]?.isEmpty == true { listeners[name] = nil }
      release(name)
    }
  }

  /// Names that a name may lead over. Why: each is watched for the one before, and a rewrite can make ever new names.
  static let longestChain = 8

  /// Listens to `target` on behalf of `from`, which stands for it.
  func follow(_ target: Path, from: Path, _ body: @escaping (DiscoveredName) -> Void) -> any NamerWatch {
    let next = table.watched(target)
    let depth = (links[from]?.depth ?? 0) + 1
    guard depth <= Self.longestChain, !leads(next, to: from) else {
      let reason = "it leads in a circle, or over more than \(Self.longestChain) names"
      body(DiscoveredName(name: target, version: 0, state: .failed, reason: reason, id: target))
      return EndedWatch()
    }
    links[from, default: Link(depth: depth - 1)].next = next
    links[next, default: Link(depth: depth)].depth = depth
    let watch = listen(to: target, body)
    return Listening { [weak self] in
      watch.cancel()
      self?.links[from] = nil
    }
  }

  private func leads(_ start: Path, to end: Path) -> Bool {
    var name: Path? = start
    for _ in 0...Self.longestChain {
      if name == end { return true }
      name = name.flatMap { links[$0]?.next }
    }
    return false
  }

  /// What is known of `name` once it is more than pending, or when `patience` is over.
  func look(_ name: Path, within patience: Duration, _ answer: LookAnswer) {
    let look = Look(answer)
    look.watch = listen(to: name) { state in if state.state != .pending { look.finish(state) } }
    if look.isDone { return look.end() }
    look.timer = loop.schedule(after: patience) { [weak self] in
      if let state = self?.table.state(of: name) { look.finish(state) }
    }
    look.cancelTimer = { [loop] in loop.cancel($0) }
  }

  // MARK: The table's wishes

  /// May be called again from within: a namer may tell while its watch begins.
  private func perform() {
    guard !isPerforming else { return }
    isPerforming = true
    defer { isPerforming = false }
    while case let actions = table.takeActions(), !actions.isEmpty {
      for action in actions { perform(action) }
    }
    board.names(table.nameCount)
  }

  private func perform(_ action: NameTable.Action) {
    switch action {
    case .watch(let id, let source, let name): begin(id, source, name)
    case .cancel(let id): end(id)
    case .wake(let id, let moment):
      loop.schedule(after: max(.zero, moment - loop.now)) { [weak self] in
        guard let self else { return }
        table.wake(id, at: loop.now)
        perform()
      }
    case .tell(let state):
      tell(state)
      for listener in Array((listeners[state.name] ?? [:]).values) { listener(state) }
    }
  }

  private func begin(_ id: NameTable.WatchID, _ source: Int, _ name: Path) {
    // Ended within the same turn, or its namer was configured away.
    guard table.watches[id] != nil, let running = running[source] else { return }
    running.counters.watches.add(1, ordering: .relaxed)
    let counters = running.counters
    watches[id] = Counted(counters, running.namer.watch(name) { [weak self] in self?.found($0, id, counters) })
  }

  private func end(_ id: NameTable.WatchID) { watches.removeValue(forKey: id)?.cancel() }

  private func found(_ finding: Finding, _ id: NameTable.WatchID, _ counters: NamerCounters) {
    guard table.watches[id] != nil else { return }
    counters.count(finding, at: loop.now)
    let hadDoubt = table.watches[id]?.belief.doubt != nil
    table.receive(finding, for: id, at: loop.now)
    if !hadDoubt, table.watches[id]?.belief.doubt != nil { counters.heldBack.add(1, ordering: .relaxed) }
    perform()
  }
}

/// A namer that could not be made: its names fail with the reason.
private final class BrokenNamer: Namer {
  let segments: Int? = nil
  private let reason: String

  init(reason: String) { self.reason = reason }

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    tell(.failed("the namer did not start: \(reason)"))
    return EndedWatch()
  }
}

/// A namer's watch that is counted while it lasts.
private final class Counted: NamerWatch {
  private let counters: NamerCounters
  private let watch: any NamerWatch

  init(_ counters: NamerCounters, _ watch: any NamerWatch) {
    self.counters = counters
    self.watch = watch
  }

  func cancel() {
    counters.watches.subtract(1, ordering: .relaxed)
    watch.cancel()
  }
}

private final class Listening: NamerWatch {
  private var stop: (() -> Void)?

  init(_ stop: @escaping () -> Void) { self.stop = stop }

  func cancel() {
    stop?()
    stop = nil
  }
}
