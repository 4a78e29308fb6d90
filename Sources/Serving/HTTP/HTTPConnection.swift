import HTTP
import HTTP2
import Memory
import SystemIO
import Workers

/// The driver of one connection: reads, feeds the conversation, writes, watches the clock.
final class HTTPConnection: ServedConnection {
  private enum Speech {
    /// The first bytes may still become the HTTP/2 preface.
    case undetected
    case http1(HTTP1Conversation)
    case http2(HTTP2Conversation)
  }

  /// How often HTTP/2 exchanges are looked at for slow peers, at least.
  private static let inspection = Duration.seconds(5)
  /// Rounds of writing per event. Why: a peer that takes everything at once must not keep the others waiting.
  private static let rounds = 16

  private unowned let server: HTTPServer
  private var loop: ServiceLoop { server.loop }
  private var limits: ServingLimits { server.limits }
  private var wire: Wire?
  private var handle = Handle.none
  private var speech = Speech.undetected
  private var timer = ConnectionTimer()
  private var keepalive = Keepalive()
  private var openedAt: Instant
  private var linger: Linger?
  private var hasPeerEnded = false
  private var isMarked = false

  init(server: HTTPServer) {
    self.server = server
    openedAt = server.loop.now
  }

  /// False when the kernel refuses to watch the socket.
  func open(_ socket: consuming Socket, peer: SocketAddress, handle: Handle) -> Bool {
    do {
      wire = try Wire(socket, peer: peer, token: handle.token(kind: server.connections.kind), on: loop)
    } catch {
      return false
    }
    self.handle = handle
    arm(openedAt + limits.headTimeout)
    return true
  }

  // MARK: Reading

  func ready(_ readiness: Readiness) {
    if readiness.contains(.readable) && wire?.isReading ?? false {
      receive()
    } else if readiness.contains(.error) || readiness.contains(.hangup) {
      return close()
    }
    if readiness.contains(.writable) { mark() }
  }

  private func receive() {
    switch wire?.receive(on: loop) {
    case .bytes(let count):
      if linger == nil { advance() } else { drop(count) }
    case .ended: peerEnded()
    case .failed: close()
    case .nothing, nil: break
    }
  }

  private func drop(_ count: Int) {
    wire?.dropInput(on: loop)
    if linger?.takes(count) == false { close() }
  }

  /// The peer has said its last byte. One whose request is being handled may still wait for the answer.
  private func peerEnded() {
    guard linger == nil, case .http1(let conversation) = speech, conversation.mayAnswerHalfClosed else {
      return close()
    }
    conversation.isDraining = true
    hasPeerEnded = true
    setReading(false)
  }

  /// Feeds what was read to the conversation.
  private func advance() {
    switch speech {
    case .undetected: detect()
    case .http1(let conversation): advance(conversation)
    case .http2(let conversation): advance(conversation)
    }
  }

  private func detect() {
    let preface = wire?.withBuffers(on: loop) { input, _ in Preface(input.span) }
    let peer = wire?.peer ?? server.localAddress
    switch preface {
    case .undecided, nil: return
    case .http2:
      speech = .http2(
        HTTP2Conversation(limits: limits, budget: server.budget, peer: peer, storage: loop.fieldStorage, at: loop.now))
    case .other: speech = .http1(HTTP1Conversation(limits: limits, budget: server.budget, at: openedAt))
    }
    advance()
    if server.connections.isDraining { drain() }
  }

  private func advance(_ conversation: HTTP1Conversation) {
    let peer = wire?.peer ?? server.localAddress
    let step = wire?.withBuffers(on: loop) { input, output in
      conversation.next(&input, &output, head: &server.head, peer: peer, at: loop.now)
    }
    switch step {
    case .request(let request): server.dispatch(request, connection: handle, exchange: conversation.sequence)
    case .refused: server.counters.requestsRefused.count()
    case .waiting, nil: break
    }
    if !conversation.wantsInput(buffered: wire?.input.count ?? 0) { setReading(false) }
    mark()
  }

  private func advance(_ conversation: HTTP2Conversation) {
    let now = loop.now
    if case .flood = wire?.feed(conversation.session, on: loop) ?? nil { server.counters.floods.count() }
    while let step = wire?.withBuffers(on: loop, { input, _ in conversation.next(input.span, at: now) }) ?? nil {
      switch step {
      case .request(let request, let exchange):
        server.dispatch(request, connection: handle, exchange: exchange.bits)
      case .refused: server.counters.requestsRefused.count()
      }
    }
    wire?.dropInput(on: loop)
    arm(now + inspection)
    mark()
  }

  // MARK: Answering

  /// False when nobody waits for it any more.
  func respond(_ response: HTTPResponse, exchange: UInt64) -> Bool {
    mark()
    switch speech {
    case .undetected: return false
    case .http1(let conversation):
      return wire?.withBuffers(on: loop) { _, output in
        conversation.respond(response, to: exchange, date: loop.date, &output)
      } ?? false
    case .http2(let conversation): return conversation.respond(response, to: Handle(bits: exchange), date: loop.date)
    }
  }

  func mark() {
    if isMarked || wire == nil { return }
    isMarked = true
    server.connections.mark(handle)
  }

  /// The loop's edge: writes what this turn produced.
  func flush() {
    isMarked = false
    switch speech {
    case .undetected: break
    case .http1(let conversation): flush(conversation)
    case .http2(let conversation): flush(conversation)
    }
  }

  private func flush(_ conversation: HTTP1Conversation) {
    for _ in 0..<Self.rounds {
      let filled = wire?.withBuffers(on: loop) { _, output in
        conversation.fill(&output, limit: limits.outputBytes, at: loop.now)
      }
      if case .overrun = filled { return overrun() }
      let isDry = wire?.output.isEmpty ?? true
      switch wire?.flush(on: loop) {
      case .failed, nil: return close()
      case .waiting: return arm(loop.now + limits.writeTimeout)
      case .done: break
      }
      if case .complete = filled { return completed(conversation) }
      if isDry { return settle(conversation) }
    }
    mark()
  }

  /// An answer is out: close, or go on with what the peer sent behind it.
  private func completed(_ conversation: HTTP1Conversation) {
    if conversation.isOver { return finish() }
    setReading(true)
    if wire?.input.isEmpty ?? true { settle(conversation) } else { advance(conversation) }
  }

  private func settle(_ conversation: HTTP1Conversation) {
    if conversation.isOver { return finish() }
    if conversation.isIdle && server.connections.isDraining { return close() }
    if let deadline = deadline(conversation) { arm(deadline) }
  }

  private func flush(_ conversation: HTTP2Conversation) {
    for _ in 0..<Self.rounds {
      let filled = conversation.fillStreams()
      for _ in 0..<filled.overruns { server.counters.streamsOverrun.count() }
      let flushed = wire?.flush(conversation.session, limit: limits.outputBytes, on: loop)
      // Writing makes events too: our own resets close streams.
      _ = conversation.next(Span(), at: loop.now)
      switch flushed {
      case .failed, nil: return close()
      case .waiting: return arm(loop.now + limits.writeTimeout)
      case .done: break
      }
      if !filled.hasMoved { return settle(conversation) }
    }
    mark()
  }

  private func settle(_ conversation: HTTP2Conversation) {
    if !conversation.session.wantsRead && !conversation.session.wantsWrite { return finish() }
    arm(loop.now + (conversation.isIdle ? limits.idleTimeout : inspection))
  }

  private func overrun() {
    server.counters.streamsOverrun.count()
    wire?.setReset()
    close()
  }

  // MARK: Time

  private var inspection: Duration { min(Self.inspection, limits.bodyTimeout, limits.writeTimeout) }

  private func arm(_ deadline: Instant) {
    timer.arm(deadline, token: handle.token(kind: server.connections.kind), on: loop)
  }

  func expired() {
    timer.fired()
    let now = loop.now
    if let linger { return now >= linger.until ? close() : arm(linger.until) }
    if let since = wire?.waitingSince {
      return now >= since + limits.writeTimeout ? timedOut(resets: true) : arm(since + limits.writeTimeout)
    }
    switch speech {
    case .undetected:
      now >= openedAt + limits.headTimeout ? timedOut(resets: false) : arm(openedAt + limits.headTimeout)
    case .http1(let conversation): expired(conversation, now)
    case .http2(let conversation): expired(conversation, now)
    }
  }

  private func timedOut(resets: Bool) {
    server.counters.timeouts.count()
    if resets { wire?.setReset() }
    close()
  }

  /// Nil while the peer waits for us and not we for it.
  private func deadline(_ conversation: HTTP1Conversation) -> Instant? {
    switch conversation.phase {
    case .head where conversation.isMidHead: conversation.waitingSince + limits.headTimeout
    case .head: conversation.waitingSince + limits.idleTimeout
    case .body: conversation.waitingSince + limits.bodyTimeout
    case .handling, .answering, .over: nil
    }
  }

  private func expired(_ conversation: HTTP1Conversation, _ now: Instant) {
    guard let deadline = deadline(conversation) else { return }
    if now < deadline { return arm(deadline) }
    if conversation.isIdle { return close() }
    server.counters.timeouts.count()
    _ = wire?.withBuffers(on: loop) { _, output in
      conversation.refuse(408, "The request did not come in time.", &output)
    }
    mark()
  }

  private func expired(_ conversation: HTTP2Conversation, _ now: Instant) {
    let slow = conversation.expire(at: now)
    for _ in 0..<slow { server.counters.timeouts.count() }
    let receivedAt = wire?.receivedAt ?? now
    if conversation.isIdle && now >= receivedAt + limits.idleTimeout {
      conversation.session.terminate(.noError)  // what is open is nobody's, and has come no further
    } else {
      switch keepalive.check(receivedAt: receivedAt, at: now, limits: limits) {
      case .dead: return timedOut(resets: true)
      case .ping: conversation.session.ping(now.nanoseconds)
      case .quiet: break
      }
      arm(now + inspection)
    }
    mark()
  }

  // MARK: The end

  /// The server drains: nothing new after what is under way.
  func drain() {
    switch speech {
    case .undetected: if wire?.input.isEmpty ?? true { close() }
    case .http1(let conversation):
      conversation.isDraining = true
      if conversation.isIdle && (wire?.output.isEmpty ?? true) { close() }
    case .http2(let conversation):
      conversation.session.announceShutdown()
      mark()
      // Requests that were on their way arrive within a round trip; then the real GOAWAY names the last one taken.
      loop.schedule(after: .milliseconds(100)) { [weak self] in
        conversation.session.goAway(.noError)
        self?.mark()
      }
    }
  }

  /// There is no room for this caller: tells it so.
  func turnAway() {
    let conversation = HTTP1Conversation(limits: limits, budget: server.budget, at: openedAt)
    speech = .http1(conversation)
    _ = wire?.withBuffers(on: loop) { _, output in
      conversation.refuse(503, "There are too many connections.", &output, retryAfter: 1)
    }
    mark()
  }

  /// Everything is said: closes our side, and the whole when the peer has done so too or a moment has passed.
  private func finish() {
    guard linger == nil else { return }
    if hasPeerEnded { return close() }
    let linger = Linger(at: loop.now, limits: limits)
    self.linger = linger
    wire?.shutdownWrite()
    wire?.dropInput(on: loop)
    setReading(true)
    if wire != nil { arm(linger.until) }
  }

  func close() {
    guard wire != nil else { return }
    switch speech {
    case .undetected: break
    case .http1(let conversation): conversation.close()
    case .http2(let conversation): conversation.close()
    }
    timer.cancel(on: loop)
    wire?.close(on: loop)
    wire = nil
    server.connections.remove(handle)
  }

  private func setReading(_ reads: Bool) {
    if wire?.setReading(reads, on: loop) == false { close() }
  }
}
