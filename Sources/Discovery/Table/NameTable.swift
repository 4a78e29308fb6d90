import MeshProtocol
import SystemIO

/// Which names are asked for, which watches answer them, and what is believed: the part of discovery that decides. It does
/// no I/O; time comes in, and what is to be done goes out as `actions`.
///
/// Names that agree in what their namer looks at share one watch. A watch lives as long as anyone wants one of its names,
/// and a linger longer.
struct NameTable {
  /// Names a watch; never given twice, so that what comes late for an ended one finds nobody.
  typealias WatchID = UInt64

  /// A namer as the table sees it.
  struct Source: Hashable {
    /// Whole: `/#/io.l5d.fs`, `/$/inet`.
    let prefix: Path
    let segments: Int?
    let grace: Duration
  }

  enum Action {
    /// Watch `name`, which is below the prefix of the source.
    case watch(WatchID, source: Int, name: Path)
    case cancel(WatchID)
    /// Call `wake` with this watch then.
    case wake(WatchID, at: Instant)
    case tell(DiscoveredName)
  }

  private struct Asked {
    var count = 0
    var watch: WatchID?
    /// What was told last, for names without a watch.
    var fixed: DiscoveredName?
  }

  struct Watch {
    let source: Int
    /// Below the source's prefix.
    let name: Path
    var asked: Set<Path> = []
    var belief = Belief()
    var version: UInt64
    var tellNext: Instant?
    var lastTold: Instant?
    var lingersUntil: Instant?
  }

  let limits: NameLimits
  private(set) var sources: [Int: Source] = [:]
  private var names: [Path: Asked] = [:]
  private(set) var watches: [WatchID: Watch] = [:]
  private var keys: [Key: WatchID] = [:]
  /// Asked for and not watched for want of room; the first watch that ends makes room for one.
  private var refused: Set<Path> = []
  private var lastWatch: WatchID = 0
  private var lastVersion: UInt64
  private var actions: [Action] = []

  private struct Key: Hashable {
    let source: Int
    let name: Path
  }

  /// - Parameter microseconds: The wall clock, since 1970. Versions start there, so that they grow over restarts too: no
  ///   table gives as many as one in a microsecond.
  init(limits: NameLimits = NameLimits(), microseconds: UInt64) {
    self.limits = limits
    lastVersion = microseconds
  }

  /// Names asked for.
  var nameCount: Int { names.count }

  mutating func takeActions() -> [Action] {
    defer { actions = [] }
    return actions
  }

  /// Whether a source answers names such as this.
  func claims(_ name: Path) -> Bool { source(of: name) != nil }

  /// The part of `name` that makes its watch; names that agree in it are one.
  func watched(_ name: Path) -> Path {
    guard let source = source(of: name).flatMap({ sources[$0] }), let segments = source.segments else { return name }
    return name.prefix(source.prefix.count + segments)
  }

  // MARK: Asking

  /// One more asks for `name`: what is known is told now, and every change until it is released as often.
  mutating func want(_ name: Path) {
    guard names[name] == nil else {
      names[name]?.count += 1
      if let known = state(of: name), known.state != .pending { tell(known) }
      return
    }
    names[name] = Asked(count: 1)
    attach(name, inherited: .pending)
  }

  /// One less asks for it.
  mutating func release(_ name: Path, at now: Instant) {
    guard var asked = names[name] else { return }
    asked.count -= 1
    if asked.count > 0 {
      names[name] = asked
      return
    }
    names[name] = nil
    refused.remove(name)
    if let id = asked.watch { detach(name, from: id, at: now) }
  }

  /// What is known of a name that is asked for.
  func state(of name: Path) -> DiscoveredName? {
    guard let asked = names[name] else { return nil }
    if let id = asked.watch, let watch = watches[id] { return discovered(name, watch) }
    return asked.fixed
  }

  private mutating func attach(_ name: Path, inherited: Belief.Answer) {
    guard let index = source(of: name), let source = sources[index] else {
      return settle(name, .negative, "no namer is configured for such names")
    }
    let below = name.dropFirst(source.prefix.count)
    let segments = source.segments ?? max(1, below.count)
    guard below.count >= segments else {
      return settle(name, .negative, "the name needs \(segments) segments after \(source.prefix)")
    }
    let key = Key(source: index, name: below.prefix(segments))
    guard let id = keys[key] ?? begin(key, inherited) else {
      refused.insert(name)
      return settle(name, .failed, "\(limits.watches) names are under watch already")
    }
    watches[id]?.asked.insert(name)
    watches[id]?.lingersUntil = nil
    names[name]?.watch = id
    names[name]?.fixed = nil
    if let watch = watches[id], watch.belief.answer != .pending { tell(discovered(name, watch)) }
  }

  /// Says of a name without a watch what there is to say.
  private mutating func settle(_ name: Path, _ state: DiscoveredName.State, _ reason: String) {
    let state = DiscoveredName(name: name, version: nextVersion(), state: state, reason: reason, id: name)
    names[name]?.fixed = state
    names[name]?.watch = nil
    tell(state)
  }

  /// Nil at the limit.
  private mutating func begin(_ key: Key, _ inherited: Belief.Answer) -> WatchID? {
    guard watches.count < limits.watches else { return nil }
    lastWatch += 1
    keys[key] = lastWatch
    watches[lastWatch] = Watch(
      source: key.source, name: key.name, belief: Belief(inherited: inherited), version: nextVersion())
    actions.append(.watch(lastWatch, source: key.source, name: key.name))
    return lastWatch
  }

  private mutating func detach(_ name: Path, from id: WatchID, at now: Instant) {
    guard watches[id]?.asked.remove(name) != nil, watches[id]?.asked.isEmpty == true else { return }
    // What binds nothing is not worth keeping warm: a scanner's names go at once.
    guard case .bound = watches[id]?.belief.answer, refused.isEmpty else { return end(id) }
    watches[id]?.lingersUntil = now + limits.linger
    actions.append(.wake(id, at: now + limits.linger))
  }

  private mutating func end(_ id: WatchID) {
    guard let watch = watches.removeValue(forKey: id) else { return }
    keys[Key(source: watch.source, name: watch.name)] = nil
    actions.append(.cancel(id))
    if let waiting = refused.popFirst() { attach(waiting, inherited: .pending) }
  }

  // MARK: Finding

  /// What a watch's source says.
  mutating func receive(_ finding: Finding, for id: WatchID, at now: Instant) {
    guard var watch = watches[id], let source = sources[watch.source] else { return }
    let checked = finding.checked(nameCount: watch.name.count, limits: limits)
    let change = watch.belief.receive(checked, at: now, grace: source.grace)
    if let doubt = watch.belief.doubt { actions.append(.wake(id, at: doubt.until)) }
    watches[id] = watch
    changed(id, change, at: now)
  }

  /// A moment asked for by `.wake` has come; a needless call does nothing.
  mutating func wake(_ id: WatchID, at now: Instant) {
    guard let watch = watches[id] else { return }
    if let end = watch.lingersUntil, end <= now { return self.end(id) }
    let change = watches[id]?.belief.wake(at: now) ?? .none
    changed(id, change, at: now)
    if let due = watches[id]?.tellNext, due <= now { tellAll(id, at: now) }
  }

  private mutating func changed(_ id: WatchID, _ change: Belief.Change, at now: Instant) {
    guard change == .told else { return }
    let version = nextVersion()
    watches[id]?.version = version
    guard watches[id]?.tellNext == nil else { return }
    if let last = watches[id]?.lastTold, now < last + limits.pace {
      watches[id]?.tellNext = last + limits.pace
      actions.append(.wake(id, at: last + limits.pace))
    } else {
      tellAll(id, at: now)
    }
  }

  private mutating func tellAll(_ id: WatchID, at now: Instant) {
    watches[id]?.tellNext = nil
    watches[id]?.lastTold = now
    guard let watch = watches[id] else { return }
    for name in watch.asked.sorted() { tell(discovered(name, watch)) }
  }

  // MARK: Sources

  /// Replaces the sources. A source that stays keeps its number and its watches; the names of one that went or changed are
  /// asked of whoever answers them now, and what was bound stays until that one answers.
  mutating func replaceSources(_ new: [Int: Source], at now: Instant) {
    sources = new
    var moved: [(name: Path, answer: Belief.Answer)] = []
    for (name, asked) in names {
      let owner = source(of: name)
      if let id = asked.watch, let watch = watches[id] {
        if watch.source != owner { moved.append((name, watch.belief.answer)) }
      } else if owner != nil {
        moved.append((name, .pending))
      }
    }
    for (id, watch) in watches where new[watch.source] == nil { end(id) }
    for (name, answer) in moved.sorted(by: { $0.name < $1.name }) {
      if let id = names[name]?.watch { detach(name, from: id, at: now) }
      names[name]?.watch = nil
      refused.remove(name)
      attach(name, inherited: answer)
    }
  }

  /// The source with the longest prefix.
  private func source(of name: Path) -> Int? {
    var best: (index: Int, count: Int)?
    for (index, source) in sources where name.hasPrefix(source.prefix) && source.prefix.count > best?.count ?? 0 {
      best = (index, source.prefix.count)
    }
    return best?.index
  }

  // MARK: Telling

  private mutating func tell(_ state: DiscoveredName) { actions.append(.tell(state)) }

  private mutating func nextVersion() -> UInt64 {
    lastVersion += 1
    return lastVersion
  }

  private func discovered(_ name: Path, _ watch: Watch) -> DiscoveredName {
    let staleness = watch.belief.staleness
    switch watch.belief.answer {
    case .pending:
      return DiscoveredName(name: name, version: watch.version, state: .pending, id: name)
    case .failed(let reason):
      return DiscoveredName(name: name, version: watch.version, state: .failed, reason: reason, id: name)
    case .negative(let reason):
      let text = staleness.isEmpty ? reason : "\(reason); \(staleness)"
      return DiscoveredName(name: name, version: watch.version, state: .negative, reason: text, id: name)
    case .bound(let bound):
      let taken = (sources[watch.source]?.prefix.count ?? 0) + bound.taken
      return DiscoveredName(
        name: name, version: watch.version, state: .bound, reason: staleness, id: name.prefix(taken),
        residual: name.dropFirst(taken), endpoints: bound.endpoints, serviceProtocol: bound.serviceProtocol)
    }
  }
}
