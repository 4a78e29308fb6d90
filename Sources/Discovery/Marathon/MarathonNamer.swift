import JSONFormat
import Memory
import MeshProtocol
import Serving

/// `/<app…>`: apps of Marathon; the longest front of a name that is an app's id is the app, for apps lie in groups. The event
/// stream tells what to ask again; while it stands, polls are rare.
final class MarathonNamer: Namer {
  /// How much rarer polls are while events come.
  static let calm = 6
  /// Ids of apps. Why: the list must not fill the memory. At the limit: the list fails.
  static let appLimit = 100_000
  /// Without an event or a sign of life. Marathon sends an empty line now and then.
  static let silence = Duration.seconds(300)

  private struct Asked {
    let name: Path
    let tell: (Finding) -> Void
    /// The app that it leads to now.
    var app: String?
  }

  let segments: Int? = nil
  private let context: NamerContext
  private let settings: MarathonSettings
  private let source: SourceClient
  private var asked: [UInt64: Asked] = [:]
  private var lastID: UInt64 = 0
  /// Nil until the list has come.
  private var ids: Set<String>?
  private var stale: String?
  private var apps: [String: MarathonAppWatch] = [:]
  private var list: Repoll?
  private var feed: EventFeed?
  private var lines = EventLines()
  private var hosts: HostTable?

  init(_ context: NamerContext, _ settings: MarathonSettings) throws {
    self.context = context
    self.settings = settings
    let secret = settings.token.map { Secret($0) }
    let basic = settings.basic.map { "Basic " + Base64.encoded(Array($0.utf8)) }
    source = try SourceClient(context, at: settings.place) { [unowned context] in
      if let token = secret?.text(at: context.now) { return ["authorization": "token=\(token)"] }
      return basic.map { ["authorization": $0] } ?? HeaderList()
    }
  }

  deinit {
    list?.end()
    feed?.end()
    hosts?.end()
  }

  // MARK: Names

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    guard name.segments.allSatisfy({ RequestTarget.text($0) != nil }) else {
      return SettledWatch(context, .negative("\(name) is no app"), tell)
    }
    lastID += 1
    let id = lastID
    asked[id] = Asked(name: name, tell: tell)
    if list == nil { start() }
    context.loop.schedule(after: .zero) { [weak self] in self?.lead(id) }
    return ClosureWatch { [weak self] in self?.cancel(id) }
  }

  private func cancel(_ id: UInt64) {
    guard let app = asked.removeValue(forKey: id)?.app else { return stopIfUnused() }
    releaseApp(app)
    stopIfUnused()
  }

  private func start() {
    let list = Repoll(context, period: { [weak self] in self?.period ?? .seconds(60) }) { [unowned self] done in
      self.source.ask("GET", "/v2/apps?embed=apps.counts") { [weak self] in done(self?.listed($0) ?? false) }
    }
    self.list = list
    list.ask()
    let feed = EventFeed(
      context,
      open: { [unowned self] tell in
        self.lines = EventLines()
        return self.source.watch(
          "GET", "/v2/events", accept: "text/event-stream", times: HTTPTimes(idle: Self.silence), tell)
      },
      began: { [weak self] in self?.askAll() }, take: { [weak self] in self?.took($0) ?? false })
    self.feed = feed
    feed.start()
    hosts = HostTable(context) { [weak self] in self?.apps.values.forEach { $0.say() } }
  }

  private func stopIfUnused() {
    guard asked.isEmpty else { return }
    list?.end()
    feed?.end()
    hosts?.end()
    list = nil
    feed = nil
    hosts = nil
    ids = nil
    stale = nil
  }

  // MARK: The list

  fileprivate var period: Duration { feed?.isOpen == true ? settings.period * Self.calm : settings.period }

  private func listed(_ result: Result<SourceAnswer, SourceFault>) -> Bool {
    switch result {
    case .failure(let fault): return missed(fault.description)
    case .success(let answer):
      guard let items = answer.json["apps"]?.items, items.count <= Self.appLimit else {
        return missed("the answer has no list of apps, or one of more than \(Self.appLimit)")
      }
      ids = Set(items.compactMap { $0["id"]?.text })
      stale = nil
      context.counters.answered(at: context.now)
      for id in asked.keys { lead(id) }
      return true
    }
  }

  private func missed(_ reason: String) -> Bool {
    stale = reason
    for name in asked.values { name.tell(.failed(reason)) }
    return false
  }

  /// Finds the app of a name and lets it be watched.
  private func lead(_ id: UInt64) {
    guard let ids, let name = asked[id] else {
      if let stale { asked[id]?.tell(.failed(stale)) }
      return
    }
    let app = Self.app(of: name.name, in: ids)
    if app != name.app {
      asked[id]?.app = app
      if let old = name.app { releaseApp(old) }
    }
    guard let app else { return name.tell(.negative("no app \(name.name)")) }
    if let watch = apps[app] { return watch.say(to: name.tell, of: name.name) }
    let watch = MarathonAppWatch(
      context, source, settings, id: app, period: { [weak self] in self?.period ?? .seconds(60) })
    watch.owner = self
    apps[app] = watch
    watch.ask()
  }

  private func releaseApp(_ app: String) {
    guard !asked.values.contains(where: { $0.app == app }) else { return }
    apps.removeValue(forKey: app)?.end()
  }

  /// The longest front of a path that is an id.
  static func app(of name: Path, in ids: Set<String>) -> String? {
    for count in stride(from: name.count, to: 0, by: -1) {
      let id = name.segments.prefix(count).reduce(into: "") { $0 += "/" + $1.text }
      if ids.contains(id) { return id }
    }
    return nil
  }

  fileprivate func address(of host: String) -> String? { hosts?.address(of: host) }
  fileprivate func isAwaited(_ host: String) -> Bool { hosts?.isAwaited(host) ?? false }

  fileprivate func say(_ watch: MarathonAppWatch) {
    for name in asked.values where name.app == watch.id { watch.say(to: name.tell, of: name.name) }
  }

  // MARK: Events

  private func askAll() {
    list?.ask()
    for watch in apps.values { watch.ask() }
  }

  /// Asks again what an event is about.
  private func took(_ piece: [UInt8]) -> Bool {
    lines.append(piece)
    while true {
      switch lines.next() {
      case .needMore: return true
      case .fault: return false
      case .event(let event): note(event)
      }
    }
  }

  private func note(_ event: EventLines.Event) {
    guard event.name != "event_stream_attached", event.name != "event_stream_detached" else { return }
    let data = try? JSONParser.parse(event.data)
    if let id = data?["appId"]?.text ?? data?["runSpecId"]?.text {
      apps[id]?.ask()
      if ids?.contains(id) == false { list?.ask() }
    } else {
      askAll()
    }
  }
}

/// One app under watch, for all names that lead to it.
final class MarathonAppWatch {
  let id: String
  weak var owner: MarathonNamer?
  private let context: NamerContext
  private let source: SourceClient
  private let settings: MarathonSettings
  private var poll: Repoll?
  private var app: Result<MarathonApp, SourceFault>?
  private let target: String

  init(
    _ context: NamerContext, _ source: SourceClient, _ settings: MarathonSettings, id: String,
    period: @escaping () -> Duration
  ) {
    self.id = id
    self.context = context
    self.source = source
    self.settings = settings
    let path = id.split(separator: "/").map { RequestTarget.encoded(String($0)) }.joined(separator: "/")
    target = "/v2/apps/\(path)?embed=app.tasks"
    poll = Repoll(context, period: period) { [unowned self] done in
      self.source.ask("GET", self.target) { [weak self] in done(self?.answered($0) ?? false) }
    }
  }

  func ask() { poll?.ask() }
  func end() { poll?.end() }

  private func answered(_ result: Result<SourceAnswer, SourceFault>) -> Bool {
    switch result {
    case .failure(let fault): app = .failure(fault)
    case .success(let answer):
      do throws(ObjectFault) {
        guard let object = answer.json["app"] else { throw ObjectFault("no app in it") }
        app = .success(try MarathonApp(object, settings))
      } catch { app = .failure(SourceFault("the app \(id) makes no sense: \(error.text)")) }
    }
    say()
    if case .failure(let fault) = app { return fault.status == 404 }
    context.counters.answered(at: context.now)
    return true
  }

  /// Tells all names of this app.
  func say() { owner?.say(self) }

  func say(to tell: (Finding) -> Void, of name: Path) {
    switch app {
    case nil: break
    // It has just gone; the list will say so too.
    case .failure(let fault) where fault.status == 404: tell(.negative("no app \(id)"))
    case .failure(let fault): tell(.failed(fault.description))
    case .success(let app): if let finding = finding(app) { tell(finding) }
    }
  }

  /// Nil while the first addresses of its hosts are not known.
  private func finding(_ app: MarathonApp) -> Finding? {
    var endpoints: [FoundEndpoint] = []
    var isAwaited = false
    for task in app.tasks {
      if let address = owner?.address(of: task.host) {
        endpoints.append(FoundEndpoint(address: "\(address):\(task.port)"))
      } else if owner?.isAwaited(task.host) == true {
        isAwaited = true
      }
    }
    if endpoints.isEmpty, isAwaited { return nil }
    if endpoints.isEmpty, !app.tasks.isEmpty { return .failed("no host of the app \(id) has an address") }
    if endpoints.isEmpty, app.brokenCount > 0 { return .failed("no task of the app \(id) makes sense") }
    let taken = id.split(separator: "/").count
    return .bound(BoundName(taken: taken, endpoints: endpoints))
  }
}
