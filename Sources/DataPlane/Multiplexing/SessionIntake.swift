import HTTP
import HTTP2
import Memory
import SystemIO
import Workers

extension ProxyCore {
  /// This connection has begun with the preface of HTTP/2: it goes on as a session.
  mutating func beginSession(_ h: Handle) {
    var gone = downstreams.remove(h)
    gone.clock.stop(on: loop)
    swap(&sessionInput, &gone.input)
    gone.output.removeAll()
    buffers.reclaim(&gone.output)
    loop.remove(gone.descriptor)
    guard let socket = gone.takeSocket() else { preconditionFailure("a stream does not begin a session") }
    guard let s = openSession(socket) else {
      facts.gauges.downstreamConnections -= 1
      return
    }
    takeFrames(s)
    if sessions.contains(s) { readSession(s) }
  }

  /// A new connection that is declared to speak HTTP/2.
  mutating func adoptSession(_ socket: consuming Socket) {
    if openSession(socket) != nil { facts.gauges.downstreamConnections += 1 }
  }

  private mutating func openSession(_ socket: consuming Socket) -> Handle? {
    let descriptor = socket.descriptor
    let http2 = HTTP2Session(role: .server, settings: limits.http2, at: milliseconds)
    let deadline = now.adding(nanoseconds: times.headTime)
    let s = sessions.insert(Session(socket: socket, http2: http2, clock: ConnectionClock(deadline: deadline)))
    let token = s.token(kind: TokenKind.session)
    do {
      try loop.add(descriptor, token: token, [.read, .write, .edgeTriggered])
    } catch {
      _ = sessions.remove(s)  // the kernel is out of watches: the caller sees a reset
      return nil
    }
    sessions[s].clock.set(deadline, token: token, on: loop)
    markDirty(s)
    return s
  }

  /// The clock of a session's flood limits.
  private var milliseconds: UInt64 { now.nanoseconds / 1_000_000 }

  /// A session's connection has news.
  mutating func sessionReady(_ s: Handle, _ readiness: Readiness) {
    guard sessions.contains(s) else { return }  // an event for one that is gone
    if !readiness.isDisjoint(with: [.readable, .hangup, .error]) { sessions[s].mayRead = true }
    if readiness.contains(.writable) { markDirty(s) }
    readSession(s)
  }

  /// Reads what has come, for as long as it is this caller's turn.
  private mutating func readSession(_ s: Handle) {
    for _ in 0..<Self.stepsInARow {
      guard sessions.contains(s), sessions[s].mayRead else { return }
      buffers.lend(&sessionInput)
      switch sessions[s].receive(into: &sessionInput, atMost: sessionInput.writableCount) {
      case .bytes(let n):
        facts.recordBytes(.outbound, received: n, sent: 0)
        takeFrames(s)
      case .wouldBlock: return
      case .endOfFile, .failed: return closeSession(s)
      }
    }
    if sessions.contains(s), sessions[s].mayRead { yieldTurn(s) }
  }

  /// The others' turn comes first; arming the descriptor anew makes the kernel tell again what is ready.
  mutating func yieldTurn(_ s: Handle) {
    do {
      try loop.modify(
        sessions[s].socket.descriptor, token: s.token(kind: TokenKind.session), [.read, .write, .edgeTriggered])
    } catch {
      closeSession(s)  // the kernel no longer watches it: nothing would ever wake it
    }
  }

  /// Acts on the bytes in `sessionInput`, which are this session's.
  private mutating func takeFrames(_ s: Handle) {
    if case .lingering(let left) = sessions[s].phase { return dropFrames(s, left: left) }
    let http2 = sessions[s].http2
    let fault = http2.receive(sessionInput.span, at: milliseconds)
    takeEvents(s, http2)
    sessionInput.removeAll()
    guard sessions.contains(s) else { return }
    if fault != nil { endSession(s) }
    markDirty(s)
    restSession(s)
  }

  /// Acts on what the session has to tell.
  mutating func takeEvents(_ s: Handle, _ http2: HTTP2Session) {
    while let event = http2.nextEvent() {
      let h = Handle(bits: event.tag)
      switch event.kind {
      case .request(let fields, let ends): beginStream(insertStream(s, event), fields, hasBody: !ends)
      case .tooLarge:
        if downstreams.contains(h) { closeDownstream(h, reset: true) } else { refuseLargeHead(insertStream(s, event)) }
      case .data(let range): takeData(range, event.stream, of: h, http2)
      case .trailers(let fields): if isReceiving(h) { takeEnd(h, fields) }
      case .ended: if isReceiving(h) { takeEnd(h, nil) }
      case .endWritten:
        // A caller that goes on sending after its answer is told to stop (RFC 9113 §8.1).
        if !http2.isEndedByPeer(event.stream) { http2.reset(event.stream, .noError) }
      case .closed:
        if downstreams.contains(h) {
          downstreams[h].stream.isOver = true
          closeDownstream(h)
        }
      case .settings: sessions[s].isSettled = true
      case .response, .informational, .pong, .goAway: break
      }
    }
  }

  // MARK: A stream's bytes

  private mutating func beginStream(_ h: Handle, _ fields: HeaderList, hasBody: Bool) {
    buffers.lend(&downstreams[h].input)
    guard let body = fields.writeRequestHead(hasBody: hasBody, into: &downstreams[h].input) else {
      return refuse(h, .badRequest, status: 400, text: "the target is malformed, or :authority and host differ")
    }
    downstreams[h].stream.requestBody = body
    advance(h)
  }

  private mutating func refuseLargeHead(_ h: Handle) {
    refuse(h, .badRequest, status: 431, text: HTTPFault.headTooLarge.reason.description)
  }

  private mutating func insertStream(_ s: Handle, _ event: HTTP2Event) -> Handle {
    let deadline = now.adding(nanoseconds: times.streamIdle)
    let h = downstreams.insert(
      Downstream(stream: CallerStream(session: s, id: event.stream), clock: ConnectionClock(deadline: deadline)))
    sessions[s].http2.setTag(h.bits, on: event)
    downstreams[h].clock.set(deadline, token: h.token(kind: TokenKind.downstream), on: loop)
    return h
  }

  /// Whether this stream is there and its request still of interest.
  private func isReceiving(_ h: Handle) -> Bool {
    downstreams.contains(h) && downstreams[h].phase != .settling
  }

  private mutating func takeData(_ range: Range<Int>, _ id: Int32, of h: Handle, _ http2: HTTP2Session) {
    guard isReceiving(h) else { return http2.consume(id, range.count) }
    if range.isEmpty { return }
    buffers.lend(&downstreams[h].input)
    downstreams[h].takeData(range, of: sessionInput)
    setDeadline(h, in: times.streamIdle)
    advance(h)
  }

  /// The request is complete, with or without trailers.
  private mutating func takeEnd(_ h: Handle, _ trailers: HeaderList?) {
    switch downstreams[h].stream.requestBody {
    case .none: return
    case .length:
      if let trailers { facts.recordDropped(inTrailers: trailers.count) }  // HTTP/1.1 has no place for them
    case .chunks:
      buffers.lend(&downstreams[h].input)
      (trailers ?? HeaderList()).writeTrailers(into: &downstreams[h].input)
    }
    downstreams[h].stream.requestBody = .none  // after trailers comes the end, which is then said already
    advance(h)
  }

  /// Gives the caller credit for what has left the input: that is the back-pressure on its stream.
  mutating func giveCredit(_ h: Handle) {
    let (stream, left) = (downstreams[h].stream, downstreams[h].input.count)
    guard left < stream.held else { return }
    sessions[stream.session].http2.consume(stream.id, stream.held - left)
    downstreams[h].stream.held = left
    markDirty(stream.session)
  }

  // MARK: End

  /// A stream is gone: its session forgets it, and gets back the window that its body held.
  mutating func forget(_ stream: CallerStream, reset: Bool) {
    guard sessions.contains(stream.session) else { return }
    let http2 = sessions[stream.session].http2
    if stream.held > 0 { http2.consume(stream.id, stream.held) }
    if !stream.isOver {
      http2.setTag(0, on: stream.id)
      http2.reset(stream.id, reset ? .internalError : .cancel)
    }
    markDirty(stream.session)
  }

  /// Says nothing more than what waits, and then closes.
  mutating func endSession(_ s: Handle) {
    guard case .open = sessions[s].phase else { return }
    closeStreams(of: s)
    sessions[s].phase = .closing
    sessions[s].clock.set(now.adding(nanoseconds: times.headTime), token: s.token(kind: TokenKind.session), on: loop)
    markDirty(s)
  }

  mutating func closeStreams(of s: Handle) {
    for tag in sessions[s].http2.tags {
      let h = Handle(bits: tag)
      guard downstreams.contains(h) else { continue }
      downstreams[h].stream.isOver = true
      closeDownstream(h)
    }
  }

  /// Closes a session's connection and everything that runs on it.
  mutating func closeSession(_ s: Handle) {
    closeStreams(of: s)
    var gone = sessions.remove(s)
    gone.clock.stop(on: loop)
    loop.remove(gone.socket.descriptor)
    gone.output.removeAll()
    buffers.reclaim(&gone.output)
    facts.gauges.downstreamConnections -= 1
  }

  /// Reads past what still comes to a session that has said its last byte.
  private mutating func dropFrames(_ s: Handle, left: Int) {
    let n = sessionInput.count
    sessionInput.removeAll()
    if left < n { return closeSession(s) }
    sessions[s].phase = .lingering(left: left - n)
  }
}

extension Downstream {
  /// Takes these bytes of a session's input as a part of the request's body.
  mutating func takeData(_ range: Range<Int>, of received: borrowing ByteBuffer) {
    stream.held &+= range.count
    let inChunks = stream.requestBody == .chunks
    if inChunks { appendChunkHeader(size: range.count, to: &input) }
    input.append(received.span.extracting(range))
    if inChunks { appendChunkEnd(to: &input) }
  }
}
