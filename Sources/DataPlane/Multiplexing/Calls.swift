import HTTP
import Memory
import RPC
import SystemIO
import Traffic

// Calls of Thrift and Mux: both sides of them (docs/decisions/0015-thrift-and-mux-at-the-edge.md). A message is whole before it is told
// of, so a call begins with all its text, and there is no window to give.

extension ProxyCore {
  // MARK: Callers

  mutating func takeCallerEvent(_ event: CallEvent, of s: Handle, from origin: Origin, _ calls: CallSession) {
    let h = Handle(bits: event.tag)
    switch event.kind {
    case .call:
      let h = insertCall(event, of: s, from: origin, calls)
      buffers.lend(&downstreams[h].input)
      calls.takeText(event.call, into: &downstreams[h].input)
      advance(h)
    case .malformed(let reason):
      refuse(insertCall(event, of: s, from: origin, calls), .badRequest, status: 400, text: reason)
    case .discarded: if downstreams.contains(h) { closeDownstream(h) }
    case .closed: callerStreamClosed(h)
    case .answer, .refused: break
    }
  }

  private mutating func insertCall(
    _ event: CallEvent, of s: Handle, from origin: Origin, _ calls: CallSession
  ) -> Handle {
    var stream = StreamText()
    stream.session = s
    stream.id = event.call
    stream.call = calls.speaks
    let h = insertStream(stream, from: origin)
    calls.setTag(h.bits, on: event.call)
    return h
  }

  /// Gives the answer's text to the session, which writes a message when it is complete.
  mutating func passAnswer(_ h: Handle, to calls: CallSession) {
    let s = downstreams[h].stream.session
    if calls.queuedBytes >= limits.highWater {
      if downstreams[h].stream.stalls() { sessions[s].stalled.append(h) }
    } else {
      downstreams[h].giveAnswer(to: calls)
      buffers.reclaim(&downstreams[h].output)
    }
    markDirty(s)
  }

  // MARK: Endpoints

  /// Takes a place on the session at once: a Thrift connection has one.
  mutating func beginCall(_ u: Handle, on s: Handle) {
    guard case .calls(let calls) = sessions[s].machine, let id = calls.submit(tag: u.bits) else { return }
    upstreams[u].stream.id = id
  }

  /// Gives the request's text to the session. Returns false when the attempt is over.
  mutating func passRequest(_ u: Handle, to calls: CallSession) -> Bool {
    let (s, h) = (upstreams[u].stream.session, upstreams[u].caller)
    if calls.queuedBytes >= limits.highWater {
      if upstreams[u].stream.stalls() { sessions[s].stalled.append(u) }
      return true
    }
    guard upstreams[u].giveRequest(to: calls) else {
      fail(h, .badRequest, text: "the message is none that the service's protocol can carry")
      if downstreams.contains(h) { advance(h) }
      return false
    }
    markDirty(s)
    return true
  }

  mutating func takeEndpointEvent(_ event: CallEvent, _ calls: CallSession) {
    let u = Handle(bits: event.tag)
    guard upstreams.contains(u) else { return }
    switch event.kind {
    case .answer:
      if judge(u, CallOutcome(calls.reply(to: event.call))) { return }
      buffers.lend(&upstreams[u].input)
      calls.takeText(event.call, into: &upstreams[u].input)
      upstreams[u].stream.hasEnded = true
      takeAnswerText(u)
    case .refused:
      // It surely did nothing. Without the request's text there is nothing to send elsewhere: the caller may do that.
      let h = upstreams[u].caller
      if upstreams[u].canReplay { return resend(u, h, because: .closed, fault: .overload) }
      fail(h, .overload, text: "the service refused the call")
      if downstreams.contains(h) { advance(h) }
    case .call, .malformed, .discarded, .closed: break
    }
  }
}

extension CallOutcome {
  fileprivate init(_ reply: CallReply) {
    switch reply {
    case .value: self = .value
    case .declared(let field): self = .declared(field)
    case .application(let type): self = .application(type)
    case .error: self = .error
    }
  }
}

extension Downstream {
  fileprivate mutating func giveAnswer(to calls: CallSession) {
    calls.takeAnswer(stream.id, output.span)
    output.removeAll()
  }
}

extension Upstream {
  /// Returns false for a request that cannot be sent.
  fileprivate mutating func giveRequest(to calls: CallSession) -> Bool {
    guard let isComplete = calls.takeRequest(stream.id, output.span.extracting(sent...)) else { return false }
    sent = output.count
    if !canReplay { dropSent() }
    if isComplete { stream.outgoing = .ended }
    return true
  }
}
