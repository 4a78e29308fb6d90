import HTTP
import HTTP2
import Memory
import SystemIO
import Workers

extension ProxyCore {
  /// This session may have frames to write; it is looked at at the loop's edge.
  mutating func markDirty(_ s: Handle) {
    guard sessions.contains(s), !sessions[s].isDirty else { return }
    sessions[s].isDirty = true
    dirtySessions.append(s)
  }

  /// Writes the frames of this turn: one system call for all streams of a session.
  mutating func writeSessions() {
    var index = 0
    while index < dirtySessions.count {  // writing may make others dirty, and one anew
      let s = dirtySessions[index]
      index += 1
      guard sessions.contains(s) else { continue }
      sessions[s].isDirty = false
      writeSession(s)
    }
    dirtySessions.removeAll(keepingCapacity: dirtySessions.capacity <= 1024)
  }

  private mutating func writeSession(_ s: Handle) {
    let http2 = sessions[s].http2
    if case .lingering = sessions[s].phase { return }
    switch sessions[s].write(atMost: limits.turn) {
    case .bytes(let n):
      facts.recordBytes(.outbound, received: 0, sent: n)
      takeEvents(s, http2)
      guard sessions.contains(s) else { return }
      if n > 0 { resumeStalled(s) }
      guard sessions.contains(s) else { return }
      if http2.fault != nil { endSession(s) }
      if sessions[s].output.isEmpty { afterWriting(s, moved: n) }
    case .wouldBlock: break
    case .endOfFile, .failed: closeSession(s)
    }
  }

  /// The kernel has taken all frames that there were.
  private mutating func afterWriting(_ s: Handle, moved: Int) {
    buffers.reclaim(&sessions[s].output)
    if sessions[s].isOver || sessions[s].isClosing && !sessions[s].http2.wantsWrite { return linger(s) }
    if moved >= limits.turn { return yieldTurn(s) }
    if moved > 0 { restSession(s) }
  }

  /// Ends our side. The peer has the linger time to end its own.
  private mutating func linger(_ s: Handle) {
    closeStreams(of: s)
    sessions[s].phase = .lingering(left: limits.lingerBytes)
    sessions[s].socket.shutdownWrite()
    setSessionDeadline(s, in: times.linger)
  }

  /// Streams that had more text than the session took go on.
  private mutating func resumeStalled(_ s: Handle) {
    guard !sessions[s].stalled.isEmpty else { return }
    var waiting: [Handle] = []
    swap(&waiting, &sessions[s].stalled)
    for h in waiting where downstreams.contains(h) {
      downstreams[h].stream.isStalled = false
      passAnswer(h)
      if downstreams[h].output.count < limits.highWater { _ = goOnWriting(h) }
    }
  }

  // MARK: An answer becomes frames

  /// Makes frames of the answer's text, as far as its stream takes it: what waits for the caller's window is bounded.
  mutating func passAnswer(_ h: Handle) {
    let stream = downstreams[h].stream
    guard !stream.isOver, !downstreams[h].output.isEmpty, sessions.contains(stream.session) else { return }
    let http2 = sessions[stream.session].http2
    while !downstreams[h].output.isEmpty {
      if http2.queuedBytes(stream.id) >= limits.highWater {
        stall(h, stream.session)
        break
      }
      guard downstreams[h].passText(to: http2) else { break }
    }
    if downstreams[h].output.isEmpty { buffers.reclaim(&downstreams[h].output) }
    markDirty(stream.session)
  }

  private mutating func stall(_ h: Handle, _ s: Handle) {
    guard !downstreams[h].stream.isStalled else { return }
    downstreams[h].stream.isStalled = true
    sessions[s].stalled.append(h)
  }

  /// The answer is complete in the output. The stream stays until the session says that it is over.
  mutating func streamAnswered(_ h: Handle) {
    downstreams[h].phase = .settling
    downstreams[h].input.removeAll()
    buffers.reclaim(&downstreams[h].input)
    giveCredit(h)
    setDeadline(h, in: times.streamIdle)
  }

  // MARK: Times and leaving

  /// A session is watched for standing still, or for doing nothing.
  mutating func restSession(_ s: Handle) {
    guard case .open = sessions[s].phase, !isDraining else { return }  // while draining only `announceDrain` moves it
    if !sessions[s].isSettled { return setSessionDeadline(s, in: times.headTime) }
    let isIdle = sessions[s].http2.streamCount == 0
    setSessionDeadline(s, in: isIdle ? times.connectionIdle : max(times.connectionIdle, times.streamIdle))
  }

  private mutating func setSessionDeadline(_ s: Handle, in nanoseconds: UInt64) {
    sessions[s].clock.set(now.adding(nanoseconds: nanoseconds), token: s.token(kind: TokenKind.session), on: loop)
  }

  /// A session has been where it is for as long as it may.
  mutating func sessionExpired(_ s: Handle) {
    guard sessions.contains(s), sessions[s].clock.isDue(token: s.token(kind: TokenKind.session), on: loop) else {
      return
    }
    switch sessions[s].phase {
    case .open where sessions[s].isSettled && sessions[s].output.isEmpty:
      // Idle, or draining: no stream after those begun. With none the session is over when this is written.
      sessions[s].http2.goAway(.noError)
      markDirty(s)
      setSessionDeadline(s, in: max(times.streamIdle, times.connectionIdle))
    case .open, .closing, .lingering: closeSession(s)
    }
  }

  /// Tells every session's peer that the connection will end; those that sent a request meanwhile are still served (RFC 9113 §6.8).
  mutating func announceDrain() {
    for index in 0..<sessions.slotCount {
      guard let s = sessions.handle(at: index) else { continue }
      sessions[s].http2.announceShutdown()
      markDirty(s)
      if case .open = sessions[s].phase { setSessionDeadline(s, in: Self.drainLinger) }
    }
  }
}

extension Session {
  fileprivate var isClosing: Bool { if case .closing = phase { true } else { false } }
}

extension Downstream {
  /// Makes frames of the next part of the answer's text. Returns whether there may be more.
  fileprivate mutating func passText(to http2: HTTP2Session) -> Bool {
    switch stream.answer {
    case .head: passHead(to: http2)
    case .body(var reader): passBody(&reader, to: http2)
    case .ended:
      output.removeAll()  // the answer was cut off before its text was
    }
    return !output.isEmpty
  }

  private mutating func passHead(to http2: HTTP2Session) {
    let head = OwnHeadText(answer: output.span)
    output.removeFirst(head.length)
    if head.status < 200 {
      http2.submitInformational(stream.id, head.fields)
      return
    }
    let reader = BodyReader(head.answerBody(to: exchange.method))
    http2.submitResponse(stream.id, head.fields, endStream: reader.isDone)
    stream.answer = reader.isDone ? .ended : .body(reader)
  }

  private mutating func passBody(_ reader: inout BodyReader, to http2: HTTP2Session) {
    let part = reader.next(output)
    stream.answer = .body(reader)
    switch part {
    case .data(let start, let end, let consumed):
      http2.send(stream.id, copying: output.span.extracting(start..<end), endStream: reader.isDone)
      if reader.isDone { stream.answer = .ended }
      output.removeFirst(consumed)
    case .needMore(let consumed): output.removeFirst(consumed)
    case .trailers(let start, let end, let consumed):
      http2.submitTrailers(stream.id, HeaderList(ownTrailers: output.span.extracting(start..<end)))
      stream.answer = .ended
      output.removeFirst(consumed)
    case .end(let consumed):
      http2.send(stream.id, [], endStream: true)
      stream.answer = .ended
      output.removeFirst(consumed)
    case .fault:
      // Text of ours that is no HTTP/1.1: the caller must not take what it has for the whole.
      http2.reset(stream.id, .internalError)
      stream.answer = .ended
    }
  }
}
