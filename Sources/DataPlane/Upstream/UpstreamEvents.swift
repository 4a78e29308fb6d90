import Memory
import SystemIO

// What happens to a connection to an endpoint, beside the answer that it brings (`AnswerIntake`).

extension ProxyCore {
  /// An upstream connection has news.
  mutating func upstreamReady(_ u: Handle, _ readiness: Readiness) {
    guard upstreams.contains(u) else { return }  // an event for one that is gone
    if !readiness.isDisjoint(with: [.hangup, .error]) { upstreams[u].sawHangup = true }
    switch upstreams[u].phase {
    case .idle:
      // Closed by the other side, or bytes that nobody asked for: either way not to be used again. Writability alone is no news.
      if !readiness.isDisjoint(with: [.readable, .hangup, .error]) { closeUpstream(u) }
    case .connecting(let h):
      // Once it stands, a handshake goes on by what can be read.
      guard upstreams[u].link.isSecure || !readiness.isDisjoint(with: [.writable, .hangup, .error]) else { return }
      connected(u, for: h, readiness)
    case .busy(let h):
      if !readiness.isDisjoint(with: [.readable, .hangup, .error]) {
        upstreams[u].mayRead = true
        passAnswer(from: u)
      }
      guard upstreams.contains(u), readiness.contains(.writable), upstreams[u].isOwed else { return }
      if flushUpstream(u), downstreams.contains(h) { advance(h) }
    }
  }

  private mutating func connected(_ u: Handle, for h: Handle, _ readiness: Readiness) {
    guard upstreams[u].link.connectError() == 0 else { return connectFailed(u, for: h) }
    buffers.lend(&upstreams[u].input)
    switch upstreams[u].shakeHands() {
    case .handshaking: return
    case .failed(let fault):
      facts.recordEndpointTLSFault(fault)
      return connectFailed(u, for: h)
    case .established, .closed: break
    }
    if upstreams[u].input.isEmpty { buffers.reclaim(&upstreams[u].input) }
    clusters[upstreams[u].cluster].endpoints[Int(upstreams[u].endpoint)].backoff.succeeded()
    if h == .none { return returnToPool(u) }
    if downstreams[h].exchange.method == .connect { return connectStands(u, h) }
    upstreams[u].phase = .busy(h)
    upstreams[u].mayRead = upstreams[u].link.isSecure || !readiness.isDisjoint(with: [.readable, .hangup, .error])
    upstreams[u].clock.set(
      now.adding(nanoseconds: times.streamIdle), token: u.token(kind: TokenKind.upstream), on: loop)
    guard flushUpstream(u), downstreams.contains(h) else { return }
    advance(h)
    if upstreams.contains(u), upstreams[u].mayRead { takeAnswer(u) }
  }

  mutating func connectFailed(_ u: Handle, for h: Handle) {
    let (c, e) = (upstreams[u].cluster, upstreams[u].endpoint)
    clusters[c].endpoints[Int(e)].backoff.failed(at: now)
    if h == .none { return closeUpstream(u) }
    resend(u, h, because: .connect, fault: .connectFailed)
  }

  /// This attempt surely reached no application: what was written of the request goes elsewhere.
  mutating func resend(_ u: Handle, _ h: Handle, because reason: RetryReason, fault: ProxyFault) {
    let (c, e) = (upstreams[u].cluster, upstreams[u].endpoint)
    endAttempt(h, as: .failure)
    var request = ByteBuffer()
    swap(&request, &upstreams[u].output)
    downstreams[h].phase = .settling
    closeUpstream(u)
    sendAgain(h, request, from: e, in: c, because: reason, fault: fault)
  }

  /// An upstream connection has been where it is for as long as it may.
  mutating func upstreamExpired(_ u: Handle) {
    guard upstreams.contains(u) else { return }
    let token = u.token(kind: TokenKind.upstream)
    guard upstreams[u].clock.isDue(token: token, on: loop) else { return }
    switch upstreams[u].phase {
    case .idle: closeUpstream(u)
    case .connecting(let h): connectFailed(u, for: h)
    case .busy:
      // The caller's own clock watches the exchange; this one only has to be there when the connection is idle again.
      upstreams[u].clock.set(now.adding(nanoseconds: times.poolIdle), token: token, on: loop)
    }
  }

  /// Gives the kernel what it takes of the request. Returns false when the connection is gone or was given up.
  mutating func flushUpstream(_ u: Handle) -> Bool {
    if upstreams[u].link.isStream { return passRequest(u) }
    if case .connecting = upstreams[u].phase { return true }
    switch upstreams[u].flush() {
    case .bytes, .wouldBlock:
      return true
    case .endOfFile, .failed:
      // The service may have answered before it closed: what it said counts more than that it does not listen any more.
      upstreams[u].mayRead = true
      upstreams[u].sawHangup = true
      upstreams[u].isBroken = true
      takeAnswer(u)
      return false
    }
  }
}
