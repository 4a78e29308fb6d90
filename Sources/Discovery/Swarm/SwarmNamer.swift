import JSONFormat
import MeshProtocol
import Serving
import Settings

/// `kind: io.l5d.swarm`
struct SwarmSettings: NamerSettings {
  static let kind = "io.l5d.swarm"
  /// `unix:///var/run/docker.sock` or an HTTP URL of a manager's Engine API.
  let place: SourcePlace
  let network: String?
  let period: Duration

  init(_ reader: Reader) {
    place =
      reader.givenPlace(host: "localhost", port: 2376)
      ?? SourcePlace(base: HTTPBase(origin: HTTPOrigin(.unix(path: "/var/run/docker.sock"))))
    network = reader.text("network")
    period = reader.duration("period") ?? .seconds(1)
    if period < .milliseconds(100) { reader.fault("period", "expected at least 100ms") }
  }

  func makeNamer(_ context: NamerContext) throws -> any Namer { try SwarmNamer(context, self) }
}

/// `/<service>/<port>`: services of a Docker swarm with the addresses of their running tasks. Tasks tell no events over the
/// Engine's API, so they are polled; events of services and containers make the next poll come at once.
final class SwarmNamer: Namer {
  /// Without an event; then the stream is begun anew.
  static let silence = Duration.seconds(600)
  static let version = "/v1.30"

  private struct Asked {
    let service: String
    let port: String
    let tell: (Finding) -> Void
  }

  let segments: Int? = 2
  private let context: NamerContext
  private let settings: SwarmSettings
  private let source: SourceClient
  private var asked: [UInt64: Asked] = [:]
  private var lastID: UInt64 = 0
  private var book: SwarmBook?
  private var stale: String?
  private var poll: Repoll?
  private var feed: EventFeed?
  private var splitter = JSONSplitter()

  init(_ context: NamerContext, _ settings: SwarmSettings) throws {
    self.context = context
    self.settings = settings
    source = try SourceClient(context, at: settings.place)
  }

  deinit {
    poll?.end()
    feed?.end()
  }

  // MARK: Names

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    guard name.count == 2, name.segments.allSatisfy(\.isText) else {
      return SettledWatch(context, .negative("expected /<service>/<port>, found \(name)"), tell)
    }
    lastID += 1
    let id = lastID
    asked[id] = Asked(service: name.segments[0].text, port: name.segments[1].text, tell: tell)
    if poll == nil { start() }
    context.loop.schedule(after: .zero) { [weak self] in self?.say(id) }
    return ClosureWatch { [weak self] in self?.cancel(id) }
  }

  private func cancel(_ id: UInt64) {
    asked[id] = nil
    guard asked.isEmpty else { return }
    poll?.end()
    feed?.end()
    poll = nil
    feed = nil
    book = nil
    stale = nil
  }

  private func say(_ id: UInt64) {
    guard let name = asked[id] else { return }
    if let book { name.tell(book.finding(service: name.service, port: name.port)) }
    if let stale { name.tell(.failed(stale)) }
  }

  // MARK: Asking

  private func start() {
    let period = settings.period
    let poll = Repoll(context, period: { period }) { [unowned self] done in self.askServices(done) }
    self.poll = poll
    poll.ask()
    let filters = #"{"type":["service","node","container"]}"#
    let feed = EventFeed(
      context,
      open: { [unowned self] tell in
        self.splitter = JSONSplitter()
        let target = RequestTarget.query(Self.version + "/events", [("filters", filters)])
        return self.source.watch("GET", target, times: HTTPTimes(idle: Self.silence), tell)
      },
      began: { [weak self] in self?.poll?.ask() }, take: { [weak self] in self?.took($0) ?? false })
    self.feed = feed
    feed.start()
  }

  private func took(_ piece: [UInt8]) -> Bool {
    splitter.append(piece)
    while true {
      switch splitter.next() {
      case .needMore: return true
      case .fault: return false
      case .object: poll?.ask()
      }
    }
  }

  /// Services, then tasks, then nodes: a task whose service came later waits for the next poll.
  private func askServices(_ done: @escaping (Bool) -> Void) -> HTTPCall {
    source.ask("GET", Self.version + "/services") { [weak self] in self?.askTasks($0, done) }
  }

  private func askTasks(_ services: Result<SourceAnswer, SourceFault>, _ done: @escaping (Bool) -> Void) {
    guard case .success(let services) = services else { return failed(services, done) }
    let target = RequestTarget.query(Self.version + "/tasks", [("filters", #"{"desired-state":["running"]}"#)])
    _ = source.ask("GET", target) { [weak self] in self?.askNodes(services.json, $0, done) }
  }

  private func askNodes(_ services: JSON, _ tasks: Result<SourceAnswer, SourceFault>, _ done: @escaping (Bool) -> Void)
  {
    guard case .success(let tasks) = tasks else { return failed(tasks, done) }
    _ = source.ask("GET", Self.version + "/nodes") { [weak self] in self?.answered(services, tasks.json, $0, done) }
  }

  private func answered(
    _ services: JSON, _ tasks: JSON, _ nodes: Result<SourceAnswer, SourceFault>, _ done: (Bool) -> Void
  ) {
    guard case .success(let nodes) = nodes else { return failed(nodes, done) }
    // Nobody asks any more: what nobody keeps up to date must not wait for the next who asks.
    guard !asked.isEmpty else { return done(false) }
    do throws(ObjectFault) {
      let new = try SwarmBook(services: services, tasks: tasks, nodes: nodes.json, network: settings.network)
      let isNews = new != book || stale != nil
      book = new
      stale = nil
      context.counters.answered(at: context.now)
      if isNews { for id in asked.keys { say(id) } }
      done(true)
    } catch { failed(.failure(SourceFault("the Engine's answer makes no sense: \(error.text)")), done) }
  }

  private func failed(_ result: Result<SourceAnswer, SourceFault>, _ done: (Bool) -> Void) {
    guard !asked.isEmpty, case .failure(let fault) = result else { return done(false) }
    stale = fault.description
    for name in asked.values { name.tell(.failed(fault.description)) }
    done(false)
  }
}
