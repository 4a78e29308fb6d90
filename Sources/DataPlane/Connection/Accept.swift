import HTTP
import Memory
import SystemIO
import TLS
import Workers

extension ProxyCore {
  /// After running out of descriptors or memory, accepting rests this long: trying at once would only burn the processor.
  static let acceptRest = Duration.milliseconds(100)
  /// Connections taken in one go, so that a burst of new callers does not hold up those who are connected.
  static let acceptBatch = 64

  /// Takes connections that wait at a listener. It is level-triggered: what is left is reported again.
  /// Returns false when accepting must rest.
  mutating func accept(at l: Handle) -> Bool {
    for _ in 0..<Self.acceptBatch {
      if facts.gauges.downstreamConnections >= limits.downstreamConnections { return false }
      switch listeners[l].accept() {
      case .connection(let socket, let caller):
        listeners[l].accepted &+= 1
        let origin = listeners[l].origin(l, caller, original: original(of: socket, at: l))
        adopt(socket, from: origin)
      case .wouldBlock: return true
      case .exhausted: return false
      case .failed: continue  // that caller left before we came to it
      }
    }
    return true
  }

  /// Where a connection that the kernel sent here had wanted to go; nil for one that was meant for us.
  private mutating func original(of socket: borrowing Socket, at l: Handle) -> SocketAddress? {
    guard listeners[l].policy.isTransparent, let original = socket.originalDestination() else { return nil }
    return original == socket.localAddress() ? nil : original
  }

  private mutating func adopt(_ accepted: consuming Socket, from origin: Origin) {
    let l = origin.listener
    let security = listeners[l].immediateSecurity
    let socket: PeerSocket
    if let security {
      socket = PeerSocket(accepted, securedBy: TLSSession(security))
    } else {
      socket = PeerSocket(accepted)
    }
    if let kind = listeners[l].policy.listenerProtocol.session, origin.greeting == .none,
      listeners[l].meshSecurity == nil
    {
      var origin = origin
      origin.isSecure = security != nil
      adoptSession(socket, kind, from: origin)
      return
    }
    let descriptor = socket.descriptor
    let time = firstTime(l)
    let h = downstreams.insert(
      Downstream(socket: socket, from: origin, clock: ConnectionClock(deadline: now.adding(nanoseconds: time))))
    let token = h.token(kind: TokenKind.downstream)
    do {
      try loop.add(descriptor, token: token, [.read, .write, .edgeTriggered])
    } catch {
      _ = downstreams.remove(h)  // the kernel is out of watches: the caller sees a reset
      return
    }
    facts.gauges.downstreamConnections += 1
    downstreams[h].clock.set(now.adding(nanoseconds: time), token: token, on: loop)
    if listeners[l].policy.listenerProtocol == .tcp, origin.greeting == .none { beginRaw(h, as: .declared) }
  }

  /// How long a new connection may say nothing.
  private mutating func firstTime(_ l: Handle) -> UInt64 {
    // A handshake and the first head, or what a load balancer has to say, have the header time.
    if listeners[l].security != nil || listeners[l].policy.expectsProxyHeader { return times.headTime }
    return listeners[l].takesSilence ? times.detection : times.connectionIdle
  }

  /// Closes a caller's connection and lets go of whatever worked for it.
  mutating func closeDownstream(_ h: Handle, reset: Bool = false) {
    if case .exchanging(let u) = downstreams[h].phase {
      endAttempt(h, as: nil)
      closeUpstream(u)
    } else if case .retrying(let r) = downstreams[h].phase {
      dropRetry(r)
    }
    endRequest(h, as: nil)
    var gone = downstreams.remove(h)
    gone.clock.stop(on: loop)
    gone.input.removeAll()
    gone.output.removeAll()
    buffers.reclaim(&gone.input)
    buffers.reclaim(&gone.output)
    if gone.link.isStream { return forget(gone.stream, reset ? .internalError : .cancel) }
    loop.remove(gone.link.descriptor)
    if reset { gone.link.setReset() } else { gone.link.finish() }
    if let fault = gone.link.fault { facts.recordTLSFault(fault) }
    facts.gauges.downstreamConnections -= 1
  }

  /// A caller's connection has news.
  mutating func downstreamReady(_ h: Handle, _ readiness: Readiness) {
    guard downstreams.contains(h) else { return }  // an event for one that is gone
    if !readiness.isDisjoint(with: [.hangup, .error]) { downstreams[h].sawHangup = true }
    var goesOn = downstreams[h].gaveWay
    if !readiness.isDisjoint(with: [.readable, .hangup, .error]) {
      downstreams[h].mayRead = true
      goesOn = true
    }
    if readiness.contains(.writable), !downstreams[h].output.isEmpty || downstreams[h].link.hasUnsent {
      guard flushDownstream(h) else { return }
      if downstreams[h].output.count < limits.highWater, goOnWriting(h) { goesOn = true }
      guard downstreams.contains(h) else { return }
    }
    if goesOn { moveOn(h) }  // a stream has no events of its own
  }

  /// The caller was slow and takes more now. Returns whether its next request may be looked at.
  mutating func goOnWriting(_ h: Handle) -> Bool {
    switch downstreams[h].phase {
    case .exchanging(let u):
      takeAnswer(u)  // the upstream was not read meanwhile
      return false
    case .idle, .head: return true
    case .waiting, .retrying, .settling, .closing: return false
    }
  }

  /// A caller's connection has been where it is for as long as it may.
  mutating func downstreamExpired(_ h: Handle) {
    guard downstreams.contains(h) else { return }
    guard downstreams[h].clock.isDue(token: h.token(kind: TokenKind.downstream), on: loop) else { return }
    switch downstreams[h].phase {
    case .idle where downstreams[h].isFresh && takeSilence(h), .head where downstreams[h].isFresh && takeSilence(h):
      return
    case .idle where !downstreams[h].output.isEmpty || downstreams[h].link.hasUnsent:
      beginClosing(h)  // a slow reader still gets the end of its last answer
    case .idle, .closing, .settling: closeDownstream(h)
    case .head: refuse(h, .badRequest, status: 408, text: "the head did not arrive within the header time")
    case .waiting where downstreams[h].exchange.isOverdue(at: now),
      .retrying where downstreams[h].exchange.isOverdue(at: now),
      .exchanging where downstreams[h].exchange.isOverdue(at: now):
      fail(h, .deadline, text: "the caller's deadline is over")
    case .waiting: fail(h, .bindingTimeout, text: "no answer for this name within the binding time")
    case .retrying: fail(h, .timeout, text: "the time for the request is over")
    case .exchanging: fail(h, .timeout, text: "the service was silent for too long")
    }
    if downstreams.contains(h) { advance(h) }
  }

  /// Moves a connection's deadline.
  mutating func setDeadline(_ h: Handle, in nanoseconds: UInt64) {
    let deadline = min(now.adding(nanoseconds: nanoseconds), downstreams[h].exchange.mustEnd)
    downstreams[h].clock.set(deadline, token: h.token(kind: TokenKind.downstream), on: loop)
  }
}
