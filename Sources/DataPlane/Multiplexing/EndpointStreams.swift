import HTTP
import HTTP2
import Memory
import RPC
import SystemIO

// An endpoint's side: the text of a request in the output of an `Upstream` becomes frames, the frames of the answer become text in its
// input.

extension ProxyCore {
  // MARK: Sessions

  /// A stream for this caller's request: one connection carries many, a further one is made when all are full.
  mutating func openStream(_ kind: SessionMachine.Kind, _ c: ClusterIndex, _ e: EndpointIndex, for h: Handle)
    -> ConnectionFound
  {
    let s: Handle
    if let known = sessionWithRoom(kind, c, e) {
      s = known
    } else {
      switch connectSession(kind, c, e) {
      case .ready(let new): s = new
      case let other: return other
      }
    }
    var stream = StreamText()
    stream.session = s
    stream.call = downstreams[h].stream.call
    let u = upstreams.insert(Upstream(stream: stream, cluster: c, endpoint: e, caller: h))
    setIdle(s, false)
    upstreams[u].served = sessions[s].served
    sessions[s].served &+= 1
    beginCall(u, on: s)
    return .ready(u)
  }

  private mutating func sessionWithRoom(_ kind: SessionMachine.Kind, _ c: ClusterIndex, _ e: EndpointIndex) -> Handle? {
    let limit = min(Int(limits.http2.concurrentStreams), max(1, clusters[c].endpoints[Int(e)].allowedStreams))
    return clusters[c].endpoints[Int(e)].sessions.first {
      sessions[$0].machine.kind == kind && sessions[$0].hasRoom(limit: limit)
    }
  }

  private mutating func connectSession(
    _ kind: SessionMachine.Kind, _ c: ClusterIndex, _ e: EndpointIndex
  ) -> ConnectionFound {
    let machine: SessionMachine =
      switch kind {
      case .http2: .http2(HTTP2Session(role: .client, settings: limits.http2, storage: fieldStorage, at: milliseconds))
      case .calls(let speaks): .calls(CallSession(.client, speaks: speaks, settings: limits.calls))
      }
    do {
      guard let s = openSession(try open(c, e, for: kind), .endpoint(c, e), machine) else { return .exhausted }
      clusters[c].endpoints[Int(e)].connections += 1
      clusters[c].endpoints[Int(e)].sessions.append(s)
      facts.gauges.upstreamActive += 1
      return .ready(s)
    } catch {
      if error.isExhaustion { return .exhausted }
      clusters[c].endpoints[Int(e)].backoff.failed(at: now)
      return .refused
    }
  }

  /// The connect has come to its end. Returns whether the connection stands.
  mutating func sessionConnected(_ s: Handle) -> Bool {
    guard case .endpoint(let c, let e) = sessions[s].peer else { return true }
    guard sessions[s].socket.connectError() == 0 else {
      closeSession(s)
      return false
    }
    buffers.lend(&sessionInput)
    switch sessions[s].socket.shakeHands(into: &sessionInput) {
    case .handshaking: return false
    case .failed(let fault):
      facts.recordEndpointTLSFault(fault)
      closeSession(s)
      return false
    case .established, .closed: break
    }
    if sessions[s].machine.kind == .http2, sessions[s].socket.isSecure, sessions[s].socket.applicationProtocol != "h2" {
      facts.recordEndpointTLSFault(.nothingInCommon("h2"))
      closeSession(s)
      return false
    }
    clusters[c].endpoints[Int(e)].backoff.succeeded()
    sessions[s].phase = .open
    markDirty(s)
    restSession(s)
    if !sessionInput.isEmpty { takeFrames(s) }  // what came behind the handshake
    guard sessions.contains(s) else { return false }
    sessions[s].mayRead = true
    return true
  }

  /// Counts a connection to an endpoint as one that carries requests, or as one that waits for some.
  mutating func setIdle(_ s: Handle, _ isIdle: Bool) {
    guard sessions[s].isIdle != isIdle else { return }
    sessions[s].isIdle = isIdle
    facts.gauges.upstreamActive += isIdle ? -1 : 1
    facts.gauges.upstreamIdle += isIdle ? 1 : -1
  }

  mutating func endpointSessionGone(_ s: Handle, _ c: ClusterIndex, _ e: EndpointIndex, wasIdle: Bool) {
    clusters[c].endpoints[Int(e)].sessions.removeAll { $0 == s }
    clusters[c].endpoints[Int(e)].connections -= 1
    clusters[c].releaseIfUnused(e)
    if wasIdle { facts.gauges.upstreamIdle -= 1 } else { facts.gauges.upstreamActive -= 1 }
  }

  // MARK: Text becomes frames

  /// Makes frames of the request's text, as far as its stream takes it. Returns false when the attempt is over.
  mutating func passRequest(_ u: Handle) -> Bool {
    let s = upstreams[u].stream.session
    guard !upstreams[u].stream.isOver, upstreams[u].unsent > 0, sessions.contains(s) else { return true }
    let http2: HTTP2Session
    switch sessions[s].machine {
    case .http2(let machine): http2 = machine
    case .calls(let calls): return passRequest(u, to: calls)
    }
    let isGRPC = downstreams[upstreams[u].caller].exchange.isGRPC
    while upstreams[u].unsent > 0 {
      if http2.queuedBytes(upstreams[u].stream.id) >= limits.highWater {
        if upstreams[u].stream.stalls() { sessions[s].stalled.append(u) }
        break
      }
      switch upstreams[u].passText(to: http2, tag: u.bits, isGRPC: isGRPC) {
      case .moved: continue
      case .waits: break
      case .offers: return passOffer(u, http2)
      case .refused:
        resendRefused(u)
        return false
      }
      break
    }
    markDirty(s)
    return true
  }

  /// The endpoint has said GOAWAY since this connection was chosen.
  mutating func resendRefused(_ u: Handle) {
    resend(u, upstreams[u].caller, because: .closed, fault: .upstreamReset)
  }

  /// The session has written: this request may go on.
  mutating func resumeEndpoint(_ u: Handle) {
    guard upstreams.contains(u) else { return }
    upstreams[u].stream.isStalled = false
    let h = upstreams[u].caller
    if passRequest(u), upstreams.contains(u), upstreams[u].unsent < limits.highWater, downstreams.contains(h) {
      advance(h)
    }
  }

  // MARK: Frames become text

  mutating func takeEndpointEvent(_ event: HTTP2Event, _ http2: HTTP2Session) {
    if TunnelSide(tag: event.tag) != nil { return takeTunnelEvent(event, http2) }
    let u = Handle(bits: event.tag)
    guard upstreams.contains(u) else {
      if case .data(let range) = event.kind { http2.consume(event.stream, range.count) }
      return
    }
    switch event.kind {
    case .informational(let fields): takeAnswerHead(u, fields, hasBody: false)
    case .response(let fields, let ends): takeAnswerHead(u, fields, hasBody: !ends)
    case .tooLarge: breakAnswer(u, .headTooLarge)
    case .data(let range):
      if range.isEmpty { return }
      buffers.lend(&upstreams[u].input)
      upstreams[u].takeData(range, of: sessionInput)
      takeAnswerText(u)
    case .trailers(let fields): endAnswerText(u, fields)
    case .ended: endAnswerText(u, nil)
    case .closed(let code): endpointStreamClosed(u, code)
    case .request, .endWritten, .settings, .pong, .goAway: break
    }
  }

  private mutating func takeAnswerHead(_ u: Handle, _ fields: HeaderList, hasBody: Bool) {
    buffers.lend(&upstreams[u].input)
    if case .tunnel = upstreams[u].stream.outgoing, writeAgreement(u, fields) { return takeAnswerText(u) }
    let isHead = downstreams[upstreams[u].caller].exchange.method == .head
    // The end of an answer to HEAD may come in a frame of its own; of a body the session lets no byte through.
    guard
      let body = fields.writeResponseHead(hasBody: hasBody && !isHead, saysLength: !isHead, into: &upstreams[u].input)
    else {
      return breakAnswer(u, .badStatusLine)
    }
    upstreams[u].stream.incoming = body
    takeAnswerText(u)
  }

  private mutating func endAnswerText(_ u: Handle, _ trailers: HeaderList?) {
    buffers.lend(&upstreams[u].input)
    let dropped = upstreams[u].takeEnd(trailers)
    if dropped > 0 { facts.recordDropped(inTrailers: dropped) }
    takeAnswerText(u)
  }

  /// Text was added to the input.
  mutating func takeAnswerText(_ u: Handle) {
    upstreams[u].giveUpReplay()
    if upstreams[u].unsent == 0 { buffers.reclaim(&upstreams[u].output) }
    setDeadline(upstreams[u].caller, in: times.streamIdle)
    takeAnswer(u)
  }

  /// Gives the endpoint credit for what has left the input.
  mutating func giveCredit(toEndpoint u: Handle) {
    guard let credit = upstreams[u].stream.credit(left: upstreams[u].input.count) else { return }
    give(credit, on: upstreams[u].stream)
  }

  // MARK: End

  /// The endpoint has ended the stream. Where its answer is complete, what is left of it still goes to the caller.
  private mutating func endpointStreamClosed(_ u: Handle, _ code: HTTP2ErrorCode) {
    upstreams[u].stream.isOver = true
    if upstreams[u].stream.hasEnded { return }
    let h = upstreams[u].caller
    if code == .refusedStream, upstreams[u].canReplay {
      resend(u, h, because: .closed, fault: .upstreamReset)  // it surely reached no application (RFC 9113 §8.7)
    } else {
      upstreamEnded(u, h, cleanly: false)
    }
  }

  /// The connection of this stream is gone.
  mutating func endpointStreamLost(_ u: Handle, _ fault: ProxyFault) {
    guard upstreams.contains(u) else { return }
    upstreams[u].stream.isOver = true
    if upstreams[u].stream.hasEnded { return }
    let h = upstreams[u].caller
    switch fault {
    case .connectFailed: resend(u, h, because: .connect, fault: .connectFailed)
    case .upstreamProtocol: breakAnswer(u, .badStatusLine)
    default: upstreamEnded(u, h, cleanly: false)
    }
  }

  /// Lets go of a stream, whatever it was doing. Its caller is the business of whoever calls.
  mutating func endStream(_ u: Handle) {
    var gone = upstreams.remove(u)
    gone.input.removeAll()
    gone.output.removeAll()
    buffers.reclaim(&gone.input)
    buffers.reclaim(&gone.output)
    // Text that became frames may still wait for the endpoint's window.
    let isSent =
      gone.stream.isRequestSent
      && (!sessions.contains(gone.stream.session)
        || sessions[gone.stream.session].machine.queuedBytes(gone.stream.id) == 0)
    let isComplete = gone.hasHead && gone.body.isDone && isSent
    forget(gone.stream, isComplete ? nil : .cancel)
  }
}

extension StreamText {
  fileprivate var isRequestSent: Bool { if case .ended = outgoing { true } else { false } }
}

enum RequestStep {
  case moved
  /// It offers to switch protocols, which HTTP/2 says in another way: `passOffer`.
  case offers
  /// The rest of the text is not there yet.
  case waits
  /// The connection takes no new request.
  case refused
}

extension Upstream {
  fileprivate mutating func takeData(_ range: Range<Int>, of received: borrowing ByteBuffer) {
    stream.takeData(range, of: received, into: &input)
  }

  fileprivate mutating func takeEnd(_ trailers: HeaderList?) -> Int { stream.takeEnd(trailers, into: &input) }

  /// Makes frames of the next part of the request's text.
  fileprivate mutating func passText(to http2: HTTP2Session, tag: UInt64, isGRPC: Bool) -> RequestStep {
    let taken: Int
    switch stream.outgoing {
    case .head: return passHead(to: http2, tag: tag, isGRPC: isGRPC, offer: .undecided)
    case .body(let reader): taken = stream.passBody(reader, output, from: sent, to: http2)
    case .ended, .tunnel: taken = unsent
    }
    return moved(taken)
  }

  /// Sends the head, which is the next part of the request's text.
  mutating func passHead(to http2: HTTP2Session, tag: UInt64, isGRPC: Bool, offer: OfferPassage) -> RequestStep {
    // A gRPC server may refuse who cannot take trailers.
    var head = OwnHeadText(request: output.span.extracting(sent...), scheme: "http", asksForTrailers: isGRPC)
    if head.upgrade != nil, offer == .undecided { return .offers }
    if offer == .extendedConnect { head.becomeExtendedConnect(output.span.extracting(sent...)) }
    let body = BodyReader(head.requestBody, isOwn: true)
    let ends = body.isDone && offer != .extendedConnect
    guard let id = http2.submitRequest(head, of: output.span.extracting(sent...), endStream: ends, tag: tag) else {
      return .refused
    }
    stream.id = id
    if offer == .extendedConnect { stream.outgoing = .tunnel } else { stream.sentHead(body) }
    return moved(head.length)
  }

  private mutating func moved(_ taken: Int) -> RequestStep {
    sent += taken
    if !canReplay { dropSent() }
    return taken > 0 ? .moved : .waits
  }
}
