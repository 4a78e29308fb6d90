import HTTP
import Memory
import SystemIO
import Traffic

/// What looking at an answer's bytes came to.
private enum AnswerStep {
  case progress
  case hungry
  /// The exchange is over, or its connections are gone.
  case over
}

extension ProxyCore {
  /// Passes on what has come of the answer, as far as the caller takes it.
  mutating func takeAnswer(_ u: Handle) {
    passAnswer(from: u)
    if upstreams.contains(u), upstreams[u].link.isStream { giveCredit(toEndpoint: u) }
  }

  /// The one loop of the answer side.
  mutating func passAnswer(from u: Handle) {
    guard case .busy(let h) = upstreams[u].phase else { return }
    var isHungry = upstreams[u].input.isEmpty
    var taken = 0
    while true {
      if downstreams[h].output.count >= limits.highWater {
        guard flushDownstream(h) else { return }
        // Still full: the caller is slower than the service. Its next writability brings us back.
        if downstreams[h].output.count >= limits.highWater { return }
      }
      if isHungry {
        guard upstreams[u].mayRead else { break }
        if taken >= limits.turn { return giveWay(u, h) }
        guard readAnswer(u, h) else { return }
        taken &+= upstreams[u].input.count
      }
      switch upstreams[u].hasHead ? takeBody(u, h) : takeHead(u, h) {
      case .progress: isHungry = false
      case .hungry: isHungry = true
      case .over: return
      }
    }
    _ = flushDownstream(h)
  }

  /// This service sends as fast as we read: the others' turn comes first. Arming the descriptor anew makes the kernel tell again
  /// what is ready, in the loop's next turn.
  private mutating func giveWay(_ u: Handle, _ h: Handle) {
    do {
      try loop.modify(
        upstreams[u].link.descriptor, token: u.token(kind: TokenKind.upstream), [.read, .write, .edgeTriggered])
      _ = flushDownstream(h)
    } catch {
      // The kernel no longer watches it: nothing would ever wake it.
      fail(h, .upstreamReset, text: "the connection to the service cannot be watched")
      if downstreams.contains(h) { advance(h) }
    }
  }

  private mutating func readAnswer(_ u: Handle, _ h: Handle) -> Bool {
    buffers.lend(&upstreams[u].input)
    switch upstreams[u].receive(atMost: max(4096, upstreams[u].input.writableCount)) {
    case .bytes:
      upstreams[u].giveUpReplay()
      if upstreams[u].unsent == 0 { buffers.reclaim(&upstreams[u].output) }
      setDeadline(h, in: times.streamIdle)
      return true
    case .wouldBlock:
      _ = flushDownstream(h)
      return false
    case .endOfFile:
      upstreamEnded(u, h, cleanly: !upstreams[u].isBroken)
      return false
    case .failed:
      upstreamEnded(u, h, cleanly: false)
      return false
    }
  }

  // MARK: Head

  private mutating func takeHead(_ u: Handle, _ h: Handle) -> AnswerStep {
    switch upstreams[u].parseHead(into: &answer) {
    case .incomplete: return .hungry
    case .fault(let fault): return broken(u, h, fault)
    case .complete(let length):
      if answer.statusCode < 200 { return passInterim(u, h, length) }
      if !downstreams[h].exchange.offer.isEmpty, isNoTunnel(h) { return broken(u, h, .missingUpgrade) }
      return passHead(u, h, length)
    }
  }

  private mutating func passInterim(_ u: Handle, _ h: Handle, _ length: Int) -> AnswerStep {
    if answer.statusCode == 101 { return switchProtocols(u, h, length) ? .over : broken(u, h, .unexpectedUpgrade) }
    upstreams[u].interims &+= 1
    if upstreams[u].interims > limits.interims { return broken(u, h, .tooManyInformational) }
    if downstreams[h].exchange.minorVersion > 0 {
      buffers.lend(&downstreams[h].output)
      writeInterim(answer, of: upstreams[u], into: &downstreams[h].output)
    }
    upstreams[u].input.removeFirst(length)
    return .progress
  }

  /// What the route that matched edits of the answer's head; nil for nothing.
  mutating func answerEdits(_ h: Handle) -> HeaderScript? {
    let use = downstreams[h].exchange.route
    guard use >= 0, let route = uses[use].route, !route.responseEdits.isEmpty else { return nil }
    return route.responseEdits
  }

  private mutating func passHead(_ u: Handle, _ h: Handle, _ length: Int) -> AnswerStep {
    let received = answer.framing(requestMethod: downstreams[h].exchange.method)
    let caller = downstreams[h].exchange.minorVersion
    let framing = AnswerFraming(received, callerMinorVersion: caller)
    // With part of the request still under way nobody can tell where the caller's next request would begin.
    let keepAlive =
      downstreams[h].exchange.keepAlive && !isDraining && framing != .untilClose
      && downstreams[h].requestBody.isDone
    // Before the call, not in it: what follows `answer` as an argument and needs `self` costs a copy of the whole head.
    let extra = downstreams[h].exchange.explains == .field ? explanationLines(h) : []
    let edits = answerEdits(h)
    if downstreams[h].exchange.isGRPC {
      downstreams[h].exchange.grpcCode = upstreams[u].grpcCode(in: answer.fields, at: 0)
    }
    buffers.lend(&downstreams[h].output)
    writeAnswerHead(
      answer, of: upstreams[u], framing: framing, then: keepAlive ? .nextRequest : .close, callerMinorVersion: caller,
      success: answer.statusCode < 500, trusted: downstreams[h].origin.isTrusted, edits: edits, extra: extra,
      into: &downstreams[h].output)
    upstreams[u].input.removeFirst(length)
    upstreams[u].hasHead = true
    upstreams[u].keepsAlive = answer.keepAlive && received != .untilClose
    upstreams[u].body = BodyReader(received)
    downstreams[h].closesAfterAnswer = !keepAlive
    downstreams[h].exchange.answered = true
    downstreams[h].exchange.chunksAnswer = framing == .chunks
    downstreams[h].exchange.responseStatus = UInt16(truncatingIfNeeded: answer.statusCode)
    if upstreams[u].body.isDone { return finish(u, h) }
    return upstreams[u].input.isEmpty ? .hungry : .progress
  }

  // MARK: Body

  private mutating func takeBody(_ u: Handle, _ h: Handle) -> AnswerStep {
    switch upstreams[u].nextBodyPart(trailers: &trailers) {
    case .data(let start, let end, let consumed):
      appendAnswerData(u, h, start, end)
      upstreams[u].input.removeFirst(consumed)
      if upstreams[u].body.isDone, !downstreams[h].exchange.chunksAnswer { return finish(u, h) }
      return upstreams[u].input.isEmpty ? .hungry : .progress
    case .needMore(let consumed):
      upstreams[u].input.removeFirst(consumed)
      return .hungry
    case .trailers(let start, let end, let consumed):
      endChunks(u, h, start..<end)
      upstreams[u].input.removeFirst(consumed)
      return finish(u, h)
    case .end(let consumed):
      endChunks(u, h, 0..<0)
      upstreams[u].input.removeFirst(consumed)
      return finish(u, h)
    case .fault(let fault):
      return broken(u, h, fault)
    }
  }

  private mutating func appendAnswerData(_ u: Handle, _ h: Handle, _ start: Int, _ end: Int) {
    let chunks = downstreams[h].exchange.chunksAnswer
    buffers.lend(&downstreams[h].output)
    if chunks { appendChunkHeader(size: end &- start, to: &downstreams[h].output) }
    upstreams[u].forward(start..<end, to: &downstreams[h].output)
    if chunks { appendChunkEnd(to: &downstreams[h].output) }
  }

  private mutating func endChunks(_ u: Handle, _ h: Handle, _ trailers: Range<Int>) {
    guard downstreams[h].exchange.chunksAnswer else { return }
    upstreams[u].forwardTrailers(trailers, self.trailers, to: &downstreams[h].output)
    if trailers.isEmpty { return }
    facts.recordDropped(inTrailers: self.trailers.droppedCount)
    if downstreams[h].exchange.isGRPC {
      downstreams[h].exchange.grpcCode = upstreams[u].grpcCode(in: self.trailers, at: trailers.lowerBound)
    }
  }

  // MARK: End

  private mutating func finish(_ u: Handle, _ h: Handle) -> AnswerStep {
    let responseClass = classify(h)
    clusters[upstreams[u].cluster].requeues.deposit(now: now.nanoseconds)
    endAttempt(h, as: responseClass)
    endRequest(h, as: responseClass)
    downstreams[h].phase = .settling
    let isClean = upstreams[u].isReusable && downstreams[h].requestBody.isDone
    if isClean { returnToPool(u) } else { closeUpstream(u) }  // a stream is always closed: it carries one request
    answerComplete(h)
    if downstreams.contains(h) { advance(h) }
    return .over
  }

  /// The service broke the protocol: its connection is not used again, and the caller gets 502, or a cut where the answer had begun.
  @discardableResult
  private mutating func broken(_ u: Handle, _ h: Handle, _ fault: HTTPFault) -> AnswerStep {
    fail(h, .upstreamProtocol, text: "the service's answer: \(fault.reason)")
    if downstreams.contains(h) { advance(h) }
    return .over
  }

  /// The service's answer cannot be understood.
  mutating func breakAnswer(_ u: Handle, _ fault: HTTPFault) {
    guard case .busy(let h) = upstreams[u].phase else { return }
    broken(u, h, fault)
  }

  /// The service closed its connection (`cleanly`), or it broke: then a body that runs until the close is cut short too.
  mutating func upstreamEnded(_ u: Handle, _ h: Handle, cleanly: Bool) {
    if upstreams[u].hasHead {
      if cleanly, upstreams[u].body.endOfInput() == nil {
        upstreams[u].keepsAlive = false
        if downstreams[h].exchange.chunksAnswer { appendLastChunk(to: &downstreams[h].output) }
        _ = finish(u, h)
      } else {
        fail(h, .upstreamReset, text: "the service closed within its answer")
      }
      return
    }
    let canRepeat =
      upstreams[u].canReplay && upstreams[u].served > 0 && upstreams[u].input.isEmpty
      && downstreams[h].exchange.method.isSafe && downstreams[h].requestBody.isDone
    guard canRepeat else {
      fail(h, .upstreamReset, text: "the service closed without an answer")
      if downstreams.contains(h) { advance(h) }
      return
    }
    resend(u, h, because: .closed, fault: .upstreamReset)
  }

  /// The one classification of an answer: 5xx is a failure, retryable where the method is safe; of gRPC the codes that tell of the
  /// service and not of the call.
  private mutating func classify(_ h: Handle) -> ResponseClass {
    if let judged = downstreams[h].exchange.judged { return judged }
    let status = downstreams[h].exchange.responseStatus
    if status >= 500 { return downstreams[h].exchange.method.isSafe ? .retryable : .failure }
    guard downstreams[h].exchange.isGRPC, status == 200 else { return .success }
    return switch downstreams[h].exchange.grpcCode ?? .unknown {  // an answer without a code says that something broke
    case .unavailable: .retryable
    case .internal, .unknown, .dataLoss, .deadlineExceeded: .failure
    default: .success
    }
  }
}
