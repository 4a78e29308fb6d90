import JSONFormat
import Serving
import SystemIO

/// What one event of a watch came to.
enum WatchVerdict: Equatable {
  /// Taken; the watch has come to this place.
  case advanced(to: String?)
  /// No news.
  case ignored
  /// The source has forgotten the place that the watch began at.
  case forgotten
  /// It makes no sense or is the source's own error; the watch is to be given up.
  case broken(String)
}

/// Somebody's collection, as `CollectionWatch` asks for it.
protocol WatchedCollection: AnyObject {
  /// Reads the whole collection and says the place where it ended.
  func list(_ done: @escaping (Result<String, SourceFault>) -> Void)
  /// Gives up a list under way.
  func cancelList()
  /// Begins a stream of JSON objects from a place on.
  func watch(from place: String, _ tell: @escaping (SourceEvent) -> Void) -> HTTPCall
  /// Takes one object of the stream.
  func event(_ object: JSON) -> WatchVerdict
  /// The copy is as fresh as the source: after a list, and when a watch that had failed goes on.
  func isFresh()
  /// The source cannot be asked; the copy stays as it is.
  func isStale(_ reason: String)
}

/// Keeps a collection watched: carries out what `ListWatch` decides. Belongs to the discovery thread.
final class CollectionWatch {
  /// A watch that lasted so long served, though it told nothing.
  static let lasting = Duration.seconds(5)
  /// Between two watches when the first ended sooner. Why: a server that says a word and ends must not be asked without a pause.
  static let breath = Duration.milliseconds(50)

  private let context: NamerContext
  private weak let collection: (any WatchedCollection)?
  private var machine = ListWatch()
  private var splitter = JSONSplitter()
  private var call: HTTPCall?
  private var timer: ServiceLoop.Timer?
  private var beganAt = Instant.zero
  private var hasSpoken = false
  /// Failures that were told, or would have been.
  private var failures = 0
  private var isEnded = false

  /// - Parameter collection: holds this, and ends it.
  init(_ context: NamerContext, _ collection: any WatchedCollection) {
    self.context = context
    self.collection = collection
  }

  func start() { perform(machine.next()) }

  func end() {
    isEnded = true
    collection?.cancelList()
    call?.cancel()
    call = nil
    if let timer { context.loop.cancel(timer) }
  }

  private func perform(_ step: ListWatch.Step) {
    guard !isEnded else { return }
    switch step {
    case .list: collection?.list { [weak self] in self?.listed($0) }
    case .watch(let place): watch(from: place)
    case .wait(let pause):
      timer = context.loop.schedule(after: pause) { [weak self] in
        guard let self else { return }
        self.perform(self.machine.next())
      }
    }
  }

  private func listed(_ result: Result<String, SourceFault>) {
    guard !isEnded else { return }
    switch result {
    case .success(let place):
      fresh()
      perform(machine.listed(place))
    case .failure(let fault):
      failures += 1
      collection?.isStale(fault.description)
      perform(machine.listFailed(using: &context.random))
    }
  }

  private func watch(from place: String) {
    splitter = JSONSplitter()
    hasSpoken = false
    beganAt = context.now
    call = collection?.watch(from: place) { [weak self] in self?.heard($0) }
  }

  private func heard(_ event: SourceEvent) {
    guard !isEnded else { return }
    switch event {
    case .open: if failures > 0 { fresh() }
    case .bytes(let piece):
      splitter.append(piece)
      readEvents()
    case .ended:
      call = nil
      let hasLasted = context.now >= beganAt + Self.lasting
      if !hasSpoken && !hasLasted { count("the watch ended at once") }
      let step = machine.ended(hasServed: hasSpoken || hasLasted, using: &context.random)
      if hasLasted { return perform(step) }
      timer = context.loop.schedule(after: Self.breath) { [weak self] in self?.perform(step) }
    case .failed(let fault) where fault.status == 410: forgotten()
    case .failed(let fault):
      // It had stood: what broke it is a new trouble, whatever was before.
      if context.now >= beganAt + Self.lasting { machine.heard(nil) }
      broke(fault.description)
    }
  }

  private func readEvents() {
    while !isEnded, call != nil {
      switch splitter.next() {
      case .needMore: return
      case .fault(let text): return giveUp("the watch makes no sense: \(text)")
      case .object(let bytes):
        guard let object = try? JSONParser.parse(bytes) else { return giveUp("the watch tells no JSON that we take") }
        take(collection?.event(object) ?? .ignored)
      }
    }
  }

  private func take(_ verdict: WatchVerdict) {
    switch verdict {
    case .advanced(let place):
      hasSpoken = true
      context.counters.answered(at: context.now)
      machine.heard(place)
    case .ignored: break
    case .forgotten:
      call?.cancel()
      forgotten()
    case .broken(let reason): giveUp(reason)
    }
  }

  private func giveUp(_ reason: String) {
    call?.cancel()
    broke(reason)
  }

  private func forgotten() {
    call = nil
    perform(machine.forgotten(using: &context.random))
  }

  private func broke(_ reason: String) {
    call = nil
    count(reason)
    perform(machine.broke(using: &context.random))
  }

  /// One broken watch is nothing that an operator needs to see; the second in a row is.
  private func count(_ reason: String) {
    failures += 1
    context.counters.failed()
    if failures > 1 { collection?.isStale(reason) }
  }

  private func fresh() {
    failures = 0
    context.counters.answered(at: context.now)
    collection?.isFresh()
  }
}
