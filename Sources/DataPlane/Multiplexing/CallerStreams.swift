import HTTP
import HTTP2
import Memory
import RPC
import SystemIO

// A caller's side: the frames of a request become text in the input of a `Downstream`, the text in its output becomes the frames of
// the answer.

extension ProxyCore {
  /// This connection goes on as a session: it has begun with the preface of HTTP/2, or its listener says so.
  mutating func beginSession(_ h: Handle, _ kind: SessionMachine.Kind) {
    var gone = downstreams.remove(h)
    gone.clock.stop(on: loop)
    swap(&sessionInput, &gone.input)
    gone.output.removeAll()
    buffers.reclaim(&gone.output)
    loop.remove(gone.link.descriptor)
    facts.gauges.downstreamConnections -= 1
    var origin = gone.origin
    origin.isSecure = gone.isSecure
    guard let socket = gone.takeSocket(), let s = adoptSession(socket, kind, from: origin) else {
      return sessionInput.removeAll()
    }
    takeFrames(s)
    if sessions.contains(s) { readSession(s) }
  }

  /// A caller's connection that speaks HTTP/2, or carries calls.
  @discardableResult
  mutating func adoptSession(
    _ socket: consuming PeerSocket, _ kind: SessionMachine.Kind, from origin: Origin
  ) -> Handle? {
    let machine: SessionMachine
    switch kind {
    case .http2:
      var settings = limits.http2
      settings.takesExtendedConnect = !listeners[origin.listener].policy.upgrades.names.isEmpty
      if origin.identity >= 0 { settings.trustForMany() }
      machine = .http2(HTTP2Session(role: .server, settings: settings, storage: fieldStorage, at: milliseconds))
    case .calls(let speaks):
      var settings = limits.calls
      settings.methodInName = listeners[origin.listener].policy.methodInName
      machine = .calls(CallSession(.server, speaks: speaks, settings: settings))
    }
    guard let s = openSession(socket, .caller(origin), machine) else { return nil }
    facts.gauges.downstreamConnections += 1
    callerSessions += 1
    return s
  }

  mutating func takeCallerEvent(_ event: HTTP2Event, of s: Handle, from origin: Origin, _ http2: HTTP2Session) {
    if TunnelSide(tag: event.tag) != nil { return takeTunnelEvent(event, http2) }
    let h = Handle(bits: event.tag)
    switch event.kind {
    case .request(let fields, let ends): beginStream(insertStream(s, origin, event, http2), fields, hasBody: !ends)
    case .tooLarge:
      if downstreams.contains(h) {
        closeDownstream(h, reset: true)
      } else {
        refuseLargeHead(insertStream(s, origin, event, http2))
      }
    case .data(let range): takeRequestData(range, event.stream, of: h, http2)
    case .trailers(let fields): endRequestText(h, fields)
    case .ended: endRequestText(h, nil)
    case .endWritten:
      // A caller that goes on sending after its answer is told to stop (RFC 9113 §8.1).
      if !http2.isEndedByPeer(event.stream) {
        http2.reset(event.stream, .noError)
        markDirty(s)
      }
    case .closed: callerStreamClosed(h)
    case .response, .informational, .settings, .pong, .goAway: break
    }
  }

  // MARK: Frames become text

  private mutating func insertStream(
    _ s: Handle, _ origin: Origin, _ event: HTTP2Event, _ http2: HTTP2Session
  ) -> Handle {
    var stream = StreamText()
    stream.session = s
    stream.id = event.stream
    let h = insertStream(stream, from: origin)
    http2.setTag(h.bits, on: event)
    return h
  }

  /// A message that begins on a session.
  mutating func insertStream(_ stream: StreamText, from origin: Origin) -> Handle {
    let deadline = now.adding(nanoseconds: times.streamIdle)
    let h = downstreams.insert(Downstream(stream: stream, from: origin, clock: ConnectionClock(deadline: deadline)))
    downstreams[h].clock.set(deadline, token: h.token(kind: TokenKind.downstream), on: loop)
    return h
  }

  private mutating func beginStream(_ h: Handle, _ fields: HeaderList, hasBody: Bool) {
    buffers.lend(&downstreams[h].input)
    guard let body = fields.writeRequestHead(hasBody: hasBody, into: &downstreams[h].input) else {
      return refuse(h, .badRequest, status: 400, text: "the target is malformed, or :authority and host differ")
    }
    downstreams[h].stream.incoming = body
    advance(h)
  }

  private mutating func refuseLargeHead(_ h: Handle) {
    refuse(h, .badRequest, status: 431, text: HTTPFault.headTooLarge.reason.description)
  }

  /// Whether this stream is there and its request still of interest.
  private mutating func isReceiving(_ h: Handle) -> Bool {
    downstreams.contains(h) && downstreams[h].phase != .settling
  }

  private mutating func takeRequestData(_ range: Range<Int>, _ id: Int32, of h: Handle, _ http2: HTTP2Session) {
    guard isReceiving(h) else { return http2.consume(id, range.count) }
    if range.isEmpty { return }
    buffers.lend(&downstreams[h].input)
    downstreams[h].takeData(range, of: sessionInput)
    setDeadline(h, in: times.streamIdle)
    advance(h)
  }

  /// The request is complete, with or without trailers.
  private mutating func endRequestText(_ h: Handle, _ trailers: HeaderList?) {
    guard isReceiving(h) else { return }
    buffers.lend(&downstreams[h].input)
    let dropped = downstreams[h].takeEnd(trailers)
    if dropped > 0 { facts.recordDropped(inTrailers: dropped) }
    advance(h)
  }

  /// Gives the caller credit for what has left the input: that is the back-pressure on its stream.
  mutating func giveCredit(toCaller h: Handle) {
    guard let credit = downstreams[h].stream.credit(left: downstreams[h].input.count) else { return }
    give(credit, on: downstreams[h].stream)
  }

  /// The caller, or its whole connection, is done with this stream.
  mutating func callerStreamClosed(_ h: Handle) {
    guard downstreams.contains(h) else { return }
    downstreams[h].stream.isOver = true
    closeDownstream(h)
  }

  // MARK: Text becomes frames

  /// Makes frames of the answer's text, as far as its stream takes it: what waits for the caller's window is bounded.
  mutating func passAnswer(_ h: Handle) {
    let stream = downstreams[h].stream
    guard !stream.isOver, !downstreams[h].output.isEmpty, sessions.contains(stream.session) else { return }
    let http2: HTTP2Session
    switch sessions[stream.session].machine {
    case .http2(let machine): http2 = machine
    case .calls(let calls): return passAnswer(h, to: calls)
    }
    while !downstreams[h].output.isEmpty {
      if http2.queuedBytes(stream.id) >= limits.highWater {
        if downstreams[h].stream.stalls() { sessions[stream.session].stalled.append(h) }
        break
      }
      guard downstreams[h].passText(to: http2) else { break }
    }
    if downstreams[h].output.isEmpty { buffers.reclaim(&downstreams[h].output) }
    markDirty(stream.session)
  }

  /// The answer is complete in the output. The stream stays until the session says that it is over.
  mutating func streamAnswered(_ h: Handle) {
    downstreams[h].phase = .settling
    downstreams[h].input.removeAll()
    buffers.reclaim(&downstreams[h].input)
    giveCredit(toCaller: h)
    setDeadline(h, in: times.streamIdle)
  }

  /// The session has written: this answer may go on.
  mutating func resumeCaller(_ h: Handle) {
    guard downstreams.contains(h) else { return }
    downstreams[h].stream.isStalled = false
    passAnswer(h)
    if downstreams[h].output.count < limits.highWater { _ = goOnWriting(h) }
  }
}

extension Downstream {
  fileprivate mutating func takeData(_ range: Range<Int>, of received: borrowing ByteBuffer) {
    stream.takeData(range, of: received, into: &input)
  }

  fileprivate mutating func takeEnd(_ trailers: HeaderList?) -> Int { stream.takeEnd(trailers, into: &input) }

  /// Makes frames of the next part of the answer's text. Returns whether that moved anything.
  fileprivate mutating func passText(to http2: HTTP2Session) -> Bool {
    let taken: Int
    switch stream.outgoing {
    case .head: taken = passHead(to: http2)
    case .body(let reader): taken = stream.passBody(reader, output, from: 0, to: http2)
    case .ended, .tunnel: taken = output.count  // the answer was cut off before its text was
    }
    output.removeFirst(taken)
    return taken > 0
  }

  private mutating func passHead(to http2: HTTP2Session) -> Int {
    var head = OwnHeadText(answer: output.span, leavesOutLength: exchange.isGRPC)
    if head.status == 101 {
      head.becomeTunnelAnswer(output.span)
      http2.submitResponse(stream.id, head, of: output.span, endStream: false)
      stream.outgoing = .tunnel
    } else if head.status < 200 {
      http2.submitInformational(stream.id, head, of: output.span)
    } else {
      let body = BodyReader(head.answerBody(to: exchange.method), isOwn: true)
      http2.submitResponse(stream.id, head, of: output.span, endStream: body.isDone)
      stream.sentHead(body)
    }
    return head.length
  }
}
