import SystemIO

/// One session with an ensemble: which server is connected to and when, what is sent, what an answer belongs to, when a server is
/// given up. It does no I/O; bytes and time come in, what is to be done goes out as `actions`.
///
/// Questions wait while no connection stands, and those that were under way are asked again: they are reads. Watches that were
/// set are set anew on the next connection as long as the session lives; after it has expired the owner asks everything again
/// ("ZooKeeper Programmer's Guide", sessions and watches).
struct ZooKeeperSession {
  /// Timeouts as granted are taken within these. Why: by a longer one a dead server would be found too late, by a shorter one we
  /// would do nothing but ping.
  static let timeouts: ClosedRange<Duration> = .milliseconds(100) ... .seconds(600)
  /// Shortest time for a connection to stand, and for a server's greeting.
  static let shortestAttempt = Duration.seconds(1)

  private enum State {
    case ended
    case pausing(until: Instant)
    case connecting(until: Instant)
    /// The server has to answer ConnectRequest.
    case greeting(until: Instant)
    case open(Conversation)
  }

  /// A connection whose server has taken us.
  private struct Conversation {
    let isNew: Bool
    var sentAt: Instant
    var heardAt: Instant
    /// SetWatches without an answer.
    var unanswered: Int
  }

  private var setup: Setup
  private var state: State = .ended
  private var random: any RandomNumberGenerator
  private var order: [Int]
  private var next = 0
  private var backoff = Backoff()
  private var failures = 0
  /// Servers in a row that closed the connection instead of greeting.
  private var refusals = 0

  private(set) var identity = ZooKeeperIdentity()
  /// As granted.
  private var timeout: Duration
  private var lastZxid: Int64 = 0
  private var lastHeard: Instant = .zero
  private var watches = ZooKeeperWatches()

  private var frames = ZooKeeperFrames()
  private var questions = ZooKeeperQuestions()
  private var actions: [Action] = []

  /// - Parameter random: for the order of servers and for pauses.
  init(_ setup: Setup, random: any RandomNumberGenerator) {
    self.setup = setup
    self.random = random
    timeout = setup.timeout
    order = Array(0..<max(1, setup.servers)).shuffled(using: &self.random)
  }

  mutating func takeActions() -> [Action] {
    defer { actions = [] }
    return actions
  }

  /// When to call `wake`.
  var wakeAt: Instant? {
    switch state {
    case .ended: nil
    case .pausing(let until), .connecting(let until), .greeting(let until): until
    case .open(let open): min(open.sentAt + timeout / 3, open.heardAt + silence)
    }
  }

  /// Without a word for so long, a server is given up: with a third of the timeout left to find another.
  private var silence: Duration { timeout * 2 / 3 }
  private var attempt: Duration { max(Self.shortestAttempt, setup.timeout / max(1, setup.servers)) }

  private var isEstablished: Bool {
    if case .open(let open) = state { open.unanswered == 0 } else { false }
  }

  // MARK: What the owner wants

  mutating func start(digest: String?, at now: Instant) {
    guard case .ended = state else { return }
    setup.digest = digest
    connect(at: now)
  }

  mutating func ask(_ request: ZooKeeperRequest, at now: Instant) {
    questions.add(request)
    pump(at: now)
  }

  /// The node's watches are of no use any more.
  mutating func forget(_ path: String, at now: Instant) {
    watches.forget(path)
    // A server forgets the watches of a connection with the connection.
    if case .open = state { ask(.removeWatches(path), at: now) }
  }

  /// Ends the session, in the server too when it can be told.
  mutating func end() {
    if case .open = state { actions.append(.send(ZooKeeperFrame.close(xid: questions.nextXid()))) }
    if case .pausing = state {} else { actions.append(.disconnect) }
    state = .ended
    questions.removeAll()
    forgetSession()
  }

  // MARK: What happens

  mutating func connected(at now: Instant) {
    guard case .connecting = state else { return }
    frames = ZooKeeperFrames()
    state = .greeting(until: now + attempt)
    let milliseconds = Int32(clamping: Int64(setup.timeout / .milliseconds(1)))
    actions.append(.send(ZooKeeperFrame.connect(identity, seen: lastZxid, timeoutMilliseconds: milliseconds)))
  }

  /// The connection could not be made, or ended.
  mutating func disconnected(_ reason: String, at now: Instant) {
    switch state {
    case .ended, .pausing: return
    case .greeting:
      refusals += 1
      if refusals >= order.count, now > lastHeard + timeout {
        // Every server turns us away, and none can still hold our session: they have lost the transactions that we saw, as
        // after their data was deleted. Waiting for those to come back would be waiting for ever.
        forgetSession()
      }
    case .connecting: refusals = 0
    case .open: break
    }
    broke(reason, at: now)
  }

  mutating func received(_ bytes: [UInt8], at now: Instant) {
    lastHeard = now
    if case .open(var open) = state {
      open.heardAt = now
      state = .open(open)
    }
    frames.append(bytes)
    while hasConnection {
      switch frames.next() {
      case .needMore: return
      case .fault(let problem): return broke(problem, at: now)
      case .frame(let frame): take(frame, isWhole: true, at: now)
      case .oversized(let head): take(head, isWhole: false, at: now)
      }
    }
  }

  /// `wakeAt` has come; a needless call does nothing.
  mutating func wake(at now: Instant) {
    guard let wakeAt, wakeAt <= now else { return }
    switch state {
    case .ended: break
    case .pausing: connect(at: now)
    case .connecting: broke("no connection within \(attempt)", at: now)
    case .greeting: broke("the server takes the connection and says nothing", at: now)
    case .open(let open):
      if now >= open.heardAt + silence { return broke("the server is silent", at: now) }
      send(ZooKeeperFrame.ping, at: now)
    }
  }

  // MARK: Connecting

  private var hasConnection: Bool {
    switch state {
    case .ended, .pausing, .connecting: false
    case .greeting, .open: true
    }
  }

  private mutating func connect(at now: Instant) {
    state = .connecting(until: now + attempt)
    actions.append(.connect(server: order[next % order.count]))
  }

  private mutating func broke(_ reason: String, at now: Instant) {
    actions.append(.disconnect)
    questions.connectionLost()
    next = (next + 1) % order.count
    failures += 1
    state = .pausing(until: now + backoff.failed(using: &random))
    actions.append(.tell(.failed(reason, inARow: failures)))
  }

  private mutating func forgetSession() {
    identity = ZooKeeperIdentity()
    lastZxid = 0
    watches.removeAll()
  }

  private mutating func greeted(_ frame: [UInt8], at now: Instant) throws(JuteFault) {
    let response = try ConnectResponse(frame)
    refusals = 0
    if response.timeout <= 0 || response.identity.session == 0 {
      let hadSession = identity.session != 0
      identity = ZooKeeperIdentity()
      watches.removeAll()
      guard hadSession else { return broke("the server gives us no session", at: now) }
      // Expired. Asked without one, the same server gives another at once.
      actions.append(.disconnect)
      return connect(at: now)
    }
    if response.isReadOnly { return broke("the server has lost its peers and can only read", at: now) }
    let isNew = identity.session == 0
    identity = response.identity
    timeout = min(max(.milliseconds(Int64(response.timeout)), Self.timeouts.lowerBound), Self.timeouts.upperBound)
    if isNew { watches.removeAll() }
    let sets = watches.sets()
    state = .open(Conversation(isNew: isNew, sentAt: now, heardAt: now, unanswered: sets.count))
    if let digest = setup.digest { send(ZooKeeperFrame.digest(digest), at: now) }
    for set in sets { send(ZooKeeperFrame.setWatches(set, after: lastZxid), at: now) }
    if sets.isEmpty { established(isNew: isNew, at: now) }
  }

  private mutating func established(isNew: Bool, at now: Instant) {
    failures = 0
    actions.append(.tell(.established(isNew: isNew)))
    pump(at: now)
  }

  // MARK: Conversing

  private mutating func take(_ frame: [UInt8], isWhole: Bool, at now: Instant) {
    do throws(JuteFault) {
      if case .greeting = state { return try greeted(frame, at: now) }
      var reader = JuteReader(frame)
      let header = try ReplyHeader(&reader)
      if header.zxid > 0 { lastZxid = max(lastZxid, header.zxid) }
      switch header.xid {
      case ReplyHeader.event: try event(&reader)
      case ReplyHeader.ping: backoff.succeeded()
      case ReplyHeader.auth:
        if header.error != 0 { broke("the server refuses our credentials", at: now) }
      case ReplyHeader.setWatches: watchesSet(header, at: now)
      default: try answer(header, isWhole ? reader : nil, at: now)
      }
    } catch { broke("what the server says makes no sense: \(error.problem)", at: now) }
  }

  private mutating func event(_ reader: inout JuteReader) throws(JuteFault) {
    guard let change = try ZooKeeperChange(&reader) else { return }
    watches.fired(change)
    actions.append(.tell(.changed(change)))
  }

  private mutating func watchesSet(_ header: ReplyHeader, at now: Instant) {
    guard case .open(var open) = state, open.unanswered > 0 else {
      return broke("an answer to nothing that was asked", at: now)
    }
    guard header.error == 0 else {
      // Without watches nothing would be told: everything is to be read again, in a session of its own.
      forgetSession()
      return broke("\(ZooKeeperError(code: header.error)) to our watches", at: now)
    }
    open.unanswered -= 1
    state = .open(open)
    if open.unanswered == 0 { established(isNew: open.isNew, at: now) }
  }

  private mutating func answer(_ header: ReplyHeader, _ reader: JuteReader?, at now: Instant) throws(JuteFault) {
    guard let request = questions.answered(header.xid) else {
      return broke("an answer to nothing that was asked", at: now)
    }
    var answer = ZooKeeperAnswer.refused(.tooLarge)
    if var reader {
      do throws(JuteFault) { answer = try ZooKeeperAnswer(request, header, &reader) } catch {
        // It is asked again elsewhere.
        questions.add(request)
        throw error
      }
    }
    backoff.succeeded()
    watches.answered(request, answer)
    actions.append(.tell(.answered(request, answer)))
    pump(at: now)
  }

  private mutating func pump(at now: Instant) {
    while isEstablished, let frame = questions.nextFrame() { send(frame, at: now) }
  }

  private mutating func send(_ frame: [UInt8], at now: Instant) {
    actions.append(.send(frame))
    guard case .open(var open) = state else { return }
    open.sentAt = now
    state = .open(open)
  }
}
