import MeshProtocol
import Serving
import SystemIO

/// `/<datacenter>[/<tag>]/<service>`: instances that Consul's catalogue has and whose checks pass, by blocking queries.
final class ConsulNamer: Namer {
  /// Questions open at once. Why: below the 200 connections that an agent allows one address; see `Turns`.
  static let openQuestions = 128

  let segments: Int?
  let context: NamerContext
  let settings: ConsulSettings
  let source: SourceClient
  let secret: Secret?
  let turns = Turns(limit: openQuestions)

  init(_ context: NamerContext, _ settings: ConsulSettings) throws {
    self.context = context
    self.settings = settings
    segments = settings.includesTag ? 3 : 2
    let secret = settings.token.map { Secret($0) }
    self.secret = secret
    source = try SourceClient(context, at: settings.place) { [unowned context] in
      secret?.text(at: context.now).map { ["x-consul-token": $0] } ?? HeaderList()
    }
  }

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    let parts = name.segments.compactMap(RequestTarget.text)
    guard parts.count == segments, name.count == segments else {
      let form = settings.includesTag ? "/<datacenter>/<tag>/<service>" : "/<datacenter>/<service>"
      return SettledWatch(context, .negative("expected \(form), found \(name)"), tell)
    }
    let watch = ConsulWatch(
      self,
      ConsulQuestion(datacenter: parts[0], tag: settings.includesTag ? parts[1] : nil, service: parts[parts.count - 1]),
      tell)
    watch.start()
    return watch
  }
}

/// What is asked of Consul for one name.
struct ConsulQuestion: Hashable {
  let datacenter: String
  let tag: String?
  let service: String

  /// The whole question. `.local` is the agent's own datacenter.
  func target(_ settings: ConsulSettings, index: UInt64, wait: Duration) -> String {
    var query: [(String, String)] = []
    if datacenter != ".local" { query.append(("dc", datacenter)) }
    if let tag { query.append(("tag", tag)) }
    if settings.healthStates == ["passing"] { query.append(("passing", "1")) }
    if settings.consistency != .standard { query.append((settings.consistency.rawValue, "")) }
    if index > 0 {
      query.append(("index", "\(index)"))
      query.append(("wait", "\(wait.components.seconds)s"))
    }
    return RequestTarget.query("/v1/health/service/\(RequestTarget.encoded(service))", query)
  }
}

/// One name of Consul under watch: a question that is answered when something has changed, again and again.
final class ConsulWatch: NamerWatch {
  /// How long a question may stay unanswered. Why: a dead connection is found in a few minutes even when the kernel is silent.
  static let longWait = Duration.seconds(120)
  /// The same while others wait for their turn.
  static let shortWait = Duration.seconds(2)
  /// Answers sooner than this after the question, without another index, are not what blocking queries do: asked again slowly.
  static let soon = Duration.milliseconds(100)

  /// Kept: the last watch may be cancelled when its namer is gone already.
  private let namer: ConsulNamer
  private let question: ConsulQuestion
  private let tell: (Finding) -> Void
  private var index = BlockingIndex()
  private var backoff = Backoff()
  private var call: HTTPCall?
  private var timer: ServiceLoop.Timer?
  private var turn: UInt64?
  private var isEnded = false

  init(_ namer: ConsulNamer, _ question: ConsulQuestion, _ tell: @escaping (Finding) -> Void) {
    self.namer = namer
    self.question = question
    self.tell = tell
  }

  func start() { takeTurn() }

  func cancel() {
    isEnded = true
    call?.cancel()
    if let timer { namer.context.loop.cancel(timer) }
    giveTurn()
  }

  // MARK: Turns

  private func takeTurn() {
    guard !isEnded else { return }
    // Later, for a turn that is free begins at once.
    let loop = namer.context.loop
    turn = namer.turns.take(
      yield: { [weak self] in _ = loop.schedule(after: .zero) { self?.yield() } },
      begin: { [weak self] in _ = loop.schedule(after: .zero) { self?.ask() } })
  }

  private func giveTurn() {
    if let held = turn.take() { namer.turns.give(held) }
  }

  /// Others wait: ends a question that waits for news. One that awaits its first answer goes on.
  private func yield() {
    guard !isEnded, index.value > 0, let open = call.take() else { return }
    open.cancel()
    giveTurn()
    takeTurn()
  }

  // MARK: Asking

  private func ask() {
    guard !isEnded, turn != nil, call == nil else { return }
    let wait = namer.turns.isCrowded ? Self.shortWait : Self.longWait
    let asked = index.value
    // Consul adds up to a sixteenth to the wait; without an index it does not wait.
    let longest = asked == 0 ? .zero : wait + wait / 16
    let times = HTTPTimes(idle: longest + .seconds(15), total: longest + .seconds(60))
    let began = namer.context.now
    call = namer.source.ask(
      "GET", question.target(namer.settings, index: asked, wait: wait), times: times
    ) { [weak self] result in
      guard let self else { return }
      self.answered(result, asked: asked, within: self.namer.context.now - began)
    }
  }

  private func answered(_ result: Result<SourceAnswer, SourceFault>, asked: UInt64, within time: Duration) {
    call = nil
    guard !isEnded else { return }
    switch result {
    case .success(let answer):
      index.answered(answer.headers["x-consul-index"].flatMap { UInt64($0) })
      tell(finding(answer))
      guard !isEnded else { return }
      let isIdle = index.value == 0 || index.value == asked && time < Self.soon
      isIdle ? again(after: namer.context.pause(&backoff)) : onward()
    case .failure(let fault):
      if fault.status == 403 || fault.status == 401 { namer.secret?.doubt() }
      index.reset()
      tell(.failed(fault.description))
      again(after: namer.context.pause(&backoff))
    }
  }

  private func onward() {
    backoff.succeeded()
    guard namer.turns.isCrowded else { return ask() }
    giveTurn()
    takeTurn()
  }

  private func again(after pause: Duration) {
    guard !isEnded else { return }
    giveTurn()
    timer = namer.context.loop.schedule(after: pause) { [weak self] in self?.takeTurn() }
  }

  private func finding(_ answer: SourceAnswer) -> Finding {
    let taken = question.tag == nil ? 2 : 3
    return ConsulAnswer(namer.settings).finding(answer.json, name: question.service, taken: taken)
  }
}
