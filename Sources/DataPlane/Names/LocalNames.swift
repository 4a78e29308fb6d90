import Discovery
import MeshProtocol
import Serving
import SystemIO
import Telemetry

/// The concrete names that this proxy answers by itself: those that its file lists, and, when it is standalone, those of its
/// namers. Belongs to the control thread, on whose loop the namers watch.
final class LocalNames {
  /// A name in use.
  private struct Known {
    var holders: NameHolders
    /// What workers were told last; nil = nothing is known yet.
    var told: EndpointSet?
    /// What they are to be told once no table of before the reload runs any more.
    var withheld: EndpointSet?
    /// Whether discovery was asked for it.
    var isDiscovered = false
  }

  private let loop: ServiceLoop
  private let blocking: LoopExecutor
  private let log: Log
  private let isStandalone: Bool
  private var lists: StaticNames
  private var namers: NamerConfiguration
  /// Made for the first name that needs it: whose file lists all endpoints pays for no namers.
  private var desk: DiscoveryDesk?
  private var names: [Path: Known] = [:]
  private var isReloading = false
  /// Tells workers what is known of a name.
  var publish: (EndpointSet, Set<Int>) -> Void = { _, _ in }

  /// - Parameter blocking: a thread that may block.
  init(_ configuration: ProxyConfiguration, loop: ServiceLoop, blocking: LoopExecutor, log: Log) {
    self.loop = loop
    self.blocking = blocking
    self.log = log
    isStandalone = configuration.isStandalone
    (lists, namers) = (configuration.names, configuration.namers)
  }

  /// Whether a name is this proxy's to answer, be it that there is none such. Otherwise it is the controller's, hosts of
  /// `/$/inet` among them.
  func answers(_ name: Path) -> Bool { isStandalone || lists.covers(name) }

  /// What is known of a name in use; nil when nothing is.
  subscript(name: Path) -> EndpointSet? { names[name]?.told }

  /// What is known of names that are bound, by name.
  var bound: [EndpointSet] { names.values.compactMap(\.told).filter { $0.state == .bound } }

  /// The namers' figures as Prometheus text.
  var exposition: String { desk?.exposition() ?? "" }

  // MARK: Asking

  /// A worker needs a name that `answers` says is ours. What is known of it is told at once.
  func want(_ name: Path, worker: Int) {
    if names[name] == nil { begin(name) }
    names[name]?.holders.add(worker)
    if let told = names[name]?.told { publish(told, [worker]) }
  }

  /// Names that are about to be needed. Returns those of which nothing is known yet.
  func announce(_ wanted: [Path]) -> Set<Path> {
    for name in wanted {
      if names[name] == nil { begin(name) } else { names[name]?.holders.renew(at: loop.now) }
    }
    return Set(wanted.filter { names[$0]?.told == nil })
  }

  /// A worker has no more use for a name.
  func release(_ name: Path, worker: Int) { names[name]?.holders.remove(worker, at: loop.now) }

  /// Time passes: lets go of names that nobody needs. To be called about once a second.
  func tick() {
    for (name, known) in names where known.holders.isForgotten(at: loop.now) {
      names[name] = nil
      if known.isDiscovered { desk?.release(name) }
    }
  }

  private func begin(_ name: Path) {
    names[name] = Known(holders: NameHolders(announcedAt: loop.now))
    ask(name)
  }

  /// Finds out who answers a name now, and takes the answer or waits for it.
  private func ask(_ name: Path) {
    if let listed = lists.answer(name, confirmed: wall) {
      stopDiscovering(name)
      take(listed)
    } else if names[name]?.isDiscovered == false {
      names[name]?.isDiscovered = true
      discovery.want(name)
    }
  }

  private var discovery: DiscoveryDesk {
    if let desk { return desk }
    let made = DiscoveryDesk(namers, loop: loop, blocking: blocking, log: log) { [weak self] in self?.found($0) }
    desk = made
    return made
  }

  private func stopDiscovering(_ name: Path) {
    guard names[name]?.isDiscovered == true else { return }
    names[name]?.isDiscovered = false
    desk?.release(name)
  }

  // MARK: Telling

  private var wall: Int64 { Int64(clamping: wallClockMilliseconds()) }

  private func found(_ found: DiscoveredName) {
    guard let known = names[found.name], known.isDiscovered else { return }
    // A reason beside endpoints says that nobody confirms them now.
    let confirmed = found.state == .bound && !found.reason.isEmpty ? known.told?.confirmed ?? 0 : wall
    take(EndpointSet(found, confirmed: confirmed))
  }

  private func take(_ set: EndpointSet) {
    guard let known = names[set.name], set.state != .pending else { return }
    let wasBound = known.told?.state == .bound
    if wasBound, set.state == .failed { return }
    if wasBound, set.state == .negative, isReloading {
      names[set.name]?.withheld = set
      return
    }
    names[set.name]?.withheld = nil
    names[set.name]?.told = set
    publish(set, known.holders.workers)
  }

  // MARK: Reloading

  /// Takes over what a file says that was read again. Names that nobody answers any more are told so only after
  /// `finishReload`, for tables of before still lead to them.
  /// - Returns: names in use that are the controller's to answer from now on, with the workers that need them.
  func reload(_ lists: StaticNames, _ namers: NamerConfiguration) -> [(name: Path, workers: Set<Int>)] {
    isReloading = true
    (self.lists, self.namers) = (lists, namers)
    desk?.configure(namers)
    var handedOver: [(Path, Set<Int>)] = []
    for name in names.keys.sorted() {
      if answers(name) {
        ask(name)
      } else if let known = names.removeValue(forKey: name) {
        handedOver.append((name, known.holders.workers))
      }
    }
    return handedOver
  }

  /// All workers run the table that came with the file.
  func finishReload() {
    isReloading = false
    for set in names.values.compactMap(\.withheld) { take(set) }
  }

  /// Ends every watch.
  func end() {
    names = [:]
    desk = nil
  }
}
