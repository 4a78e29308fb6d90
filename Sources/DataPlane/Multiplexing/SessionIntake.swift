import HTTP
import HTTP2
import Memory
import SystemIO
import Workers

extension ProxyCore {
  /// Makes a session of this connection, nil when the kernel is out of watches: the peer sees a reset.
  mutating func openSession(_ socket: consuming PeerSocket, _ peer: Session.Peer, _ machine: SessionMachine) -> Handle?
  {
    let descriptor = socket.descriptor
    let (phase, time) =
      switch peer {
      case .caller: (Session.Phase.open, machine.canPing ? times.headTime : times.connectionIdle)
      case .endpoint: (Session.Phase.connecting, times.connect)
      }
    let deadline = now.adding(nanoseconds: time)
    let s = sessions.insert(
      Session(socket: socket, machine: machine, peer: peer, phase: phase, clock: ConnectionClock(deadline: deadline)))
    let token = s.token(kind: TokenKind.session)
    do {
      try loop.add(descriptor, token: token, [.read, .write, .edgeTriggered])
    } catch {
      _ = sessions.remove(s)
      return nil
    }
    sessions[s].settlesBy = now.adding(nanoseconds: times.headTime + (phase.isConnecting ? times.connect : 0))
    // Calls need no settings of the peer's.
    if case .calls = machine { sessions[s].isSettled = true }
    sessions[s].clock.set(deadline, token: token, on: loop)
    markDirty(s)
    return s
  }

  /// The clock of a session's flood limits.
  var milliseconds: UInt64 { now.nanoseconds / 1_000_000 }

  /// A session's connection has news.
  mutating func sessionReady(_ s: Handle, _ readiness: Readiness) {
    guard sessions.contains(s) else { return }  // an event for one that is gone
    if !readiness.isDisjoint(with: [.hangup, .error]) { sessions[s].sawHangup = true }
    if case .connecting = sessions[s].phase {
      // Once it stands, a handshake goes on by what can be read.
      guard sessions[s].socket.isSecure || !readiness.isDisjoint(with: [.writable, .hangup, .error]),
        sessionConnected(s)
      else { return }
    }
    if !readiness.isDisjoint(with: [.readable, .hangup, .error]) { sessions[s].mayRead = true }
    if readiness.contains(.writable) { markDirty(s) }
    readSession(s)
  }

  /// Reads what has come, for as long as it is this peer's turn.
  mutating func readSession(_ s: Handle) {
    for _ in 0..<Self.stepsInARow {
      guard sessions.contains(s), sessions[s].isReadable else { return }
      buffers.lend(&sessionInput)
      switch sessions[s].receive(into: &sessionInput, atMost: sessionInput.writableCount) {
      case .bytes(let n):
        if case .caller(let origin) = sessions[s].peer { facts.recordBytes(origin.direction, received: n, sent: 0) }
        takeFrames(s)
      case .wouldBlock: return
      case .endOfFile, .failed: return closeSession(s)
      }
    }
    if sessions.contains(s), sessions[s].isReadable { yieldTurn(s) }
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
  mutating func takeFrames(_ s: Handle) {
    if case .lingering(let left) = sessions[s].phase { return dropFrames(s, left: left) }
    let machine = sessions[s].machine
    sessions[s].isAsked = false
    machine.receive(sessionInput.span, at: milliseconds)
    takeEvents(s, machine)
    sessionInput.removeAll()
    guard sessions.contains(s) else { return }
    if machine.hasFault || machine.hasReproach { endSession(s) }
    markDirty(s)
    restSession(s)
  }

  /// Acts on what the session has to tell.
  mutating func takeEvents(_ s: Handle, _ machine: SessionMachine) {
    let peer = sessions[s].peer
    switch machine {
    case .http2(let http2):
      while let event = http2.nextEvent() {
        if case .settings = event.kind { settled(s, http2) }
        switch peer {
        case .caller(let origin): takeCallerEvent(event, of: s, from: origin, http2)
        case .endpoint: takeEndpointEvent(event, http2)
        }
        http2.recycle(event)
      }
    case .calls(let calls):
      while let event = calls.nextEvent() {
        switch peer {
        case .caller(let origin): takeCallerEvent(event, of: s, from: origin, calls)
        case .endpoint: takeEndpointEvent(event, calls)
        }
      }
    }
  }

  /// The peer has said what it allows.
  private mutating func settled(_ s: Handle, _ http2: HTTP2Session) {
    sessions[s].isSettled = true
    if case .endpoint(let c, let e) = sessions[s].peer {
      clusters[c].endpoints[Int(e)].allowedStreams = http2.peerConcurrentStreams
    }
    if !sessions[s].unsettled.isEmpty { resumeUnsettled(s) }
  }

  /// Reads past what still comes to a session that has said its last byte.
  private mutating func dropFrames(_ s: Handle, left: Int) {
    let n = sessionInput.count
    sessionInput.removeAll()
    if left < n { return closeSession(s) }
    sessions[s].phase = .lingering(left: left - n)
  }

  /// Lets the peer send so many bytes more on a stream. An answer that is complete may outlive its session.
  mutating func give(_ credit: Int, on stream: StreamText) {
    guard sessions.contains(stream.session) else { return }
    sessions[stream.session].machine.consume(stream.id, credit)
    markDirty(stream.session)
  }

  // MARK: End

  /// A stream is let go of: the session gets back the window that its body held, and a peer that still works on it is told.
  /// - Parameter reason: what the peer is told; nil where both messages are complete.
  mutating func forget(_ stream: StreamText, _ reason: HTTP2ErrorCode?) {
    guard sessions.contains(stream.session) else { return }
    sessions[stream.session].machine.forget(stream.id, held: stream.held, isOver: stream.isOver, reason)
    markDirty(stream.session)
  }

  /// Says nothing more than what waits, and then closes.
  mutating func endSession(_ s: Handle) {
    switch sessions[s].phase {
    case .closing, .lingering: return
    case .connecting, .open: break
    }
    sessions[s].phase = .closing
    closeStreams(of: s, .upstreamProtocol)
    guard sessions.contains(s) else { return }
    sessions[s].clock.set(now.adding(nanoseconds: times.headTime), token: s.token(kind: TokenKind.session), on: loop)
    markDirty(s)
  }

  /// Ends everything that runs on a session.
  /// - Parameter fault: what an endpoint's callers are told.
  mutating func closeStreams(of s: Handle, _ fault: ProxyFault) {
    let peer = sessions[s].peer
    var unsettled: [Handle] = []
    swap(&unsettled, &sessions[s].unsettled)  // the machine does not know them yet
    for u in unsettled { endpointStreamLost(u, fault) }
    guard sessions.contains(s) else { return }
    for tag in sessions[s].machine.tags where tag != 0 {
      if TunnelSide(tag: tag) != nil {
        tunnelStreamClosed(tag)
        continue
      }
      switch peer {
      case .caller: callerStreamClosed(Handle(bits: tag))
      case .endpoint: endpointStreamLost(Handle(bits: tag), fault)
      }
    }
  }

  /// Closes a session's connection and everything that runs on it.
  mutating func closeSession(_ s: Handle) {
    let wasConnecting = if case .connecting = sessions[s].phase { true } else { false }
    if wasConnecting, case .endpoint(let c, let e) = sessions[s].peer {
      clusters[c].endpoints[Int(e)].backoff.failed(at: now)
    }
    sessions[s].phase = .lingering(left: 0)  // nothing new goes this way while its streams end
    closeStreams(of: s, wasConnecting ? .connectFailed : .upstreamReset)
    var gone = sessions.remove(s)
    gone.clock.stop(on: loop)
    loop.remove(gone.socket.descriptor)
    gone.output.removeAll()
    buffers.reclaim(&gone.output)
    switch gone.peer {
    case .caller:
      facts.gauges.downstreamConnections -= 1
      callerSessions -= 1
    case .endpoint(let c, let e): endpointSessionGone(s, c, e, wasIdle: gone.isIdle)
    }
  }
}
