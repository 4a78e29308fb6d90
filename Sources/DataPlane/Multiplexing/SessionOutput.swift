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
    let machine = sessions[s].machine
    switch sessions[s].phase {
    case .connecting, .lingering: return
    case .open, .closing: break
    }
    buffers.lend(&sessions[s].output)
    switch sessions[s].write(atMost: limits.turn) {
    case .bytes(let n):
      if case .caller(let origin) = sessions[s].peer { facts.recordBytes(origin.direction, received: 0, sent: n) }
      takeEvents(s, machine)
      guard sessions.contains(s) else { return }
      if n > 0 {
        resumeStalled(s)
        resumeTunnels(s)
      }
      guard sessions.contains(s) else { return }
      if machine.hasFault || machine.hasReproach { endSession(s) }
      readOn(s)
      guard sessions.contains(s) else { return }
      if sessions[s].isFlushed { afterWriting(s, moved: n) }
    case .wouldBlock: break
    case .endOfFile, .failed: closeSession(s)
    }
  }

  /// A caller of calls was not read while one was under way: the kernel tells again what has come.
  private mutating func readOn(_ s: Handle) {
    if case .calls = sessions[s].machine, case .open = sessions[s].phase, sessions[s].isReadable { yieldTurn(s) }
  }

  /// The kernel has taken all frames that there were.
  private mutating func afterWriting(_ s: Handle, moved: Int) {
    buffers.reclaim(&sessions[s].output)
    if sessions[s].isOver || sessions[s].isClosing && !sessions[s].machine.wantsWrite { return linger(s) }
    if moved >= limits.turn { return yieldTurn(s) }
    if moved > 0, sessions[s].machine.streamCount == 0 { restSession(s) }
  }

  /// Ends our side. The peer has the linger time to end its own.
  private mutating func linger(_ s: Handle) {
    closeStreams(of: s, sessions[s].machine.hasReproach ? .upstreamProtocol : .upstreamReset)
    sessions[s].phase = .lingering(left: limits.lingerBytes)
    sessions[s].socket.shutdownWrite()
    setSessionDeadline(s, in: times.linger)
  }

  /// Streams that had more text than the session took go on.
  private mutating func resumeStalled(_ s: Handle) {
    guard !sessions[s].stalled.isEmpty else { return }
    var waiting: [Handle] = []
    swap(&waiting, &sessions[s].stalled)
    let peer = sessions[s].peer
    for stream in waiting {
      switch peer {
      case .caller: resumeCaller(stream)
      case .endpoint: resumeEndpoint(stream)
      }
    }
  }

  // MARK: Times and leaving

  /// A session is watched for standing still, or for doing nothing.
  mutating func restSession(_ s: Handle) {
    guard case .open = sessions[s].phase else { return }
    let isBusy = sessions[s].machine.streamCount > 0
    // Who cannot be asked is watched by the clocks of what is under way.
    let busy = sessions[s].machine.canPing ? times.ping : times.streamIdle
    switch sessions[s].peer {
    case .caller:
      if isDraining { return }  // only `announceDrain` moves it
      setSessionDeadline(s, in: !sessions[s].isSettled ? times.headTime : isBusy ? busy : times.connectionIdle)
    case .endpoint:
      setIdle(s, !isBusy)
      setSessionDeadline(s, in: isBusy ? busy : times.poolIdle)
    }
  }

  private mutating func setSessionDeadline(_ s: Handle, in nanoseconds: UInt64) {
    let deadline = now.adding(nanoseconds: nanoseconds)
    let due = isOwedSettings(s) ? min(deadline, sessions[s].settlesBy) : deadline
    sessions[s].clock.set(due, token: s.token(kind: TokenKind.session), on: loop)
  }

  /// The peer has yet to say that it goes by our settings.
  private mutating func isOwedSettings(_ s: Handle) -> Bool {
    if case .open = sessions[s].phase { !sessions[s].machine.isAcknowledged } else { false }
  }

  /// A session has been where it is for as long as it may.
  mutating func sessionExpired(_ s: Handle) {
    guard sessions.contains(s), sessions[s].clock.isDue(token: s.token(kind: TokenKind.session), on: loop) else {
      return
    }
    switch sessions[s].phase {
    case .open where isOwedSettings(s) && now >= sessions[s].settlesBy && sessions[s].isSettled:
      sessions[s].machine.reproachForSettings()
      endSession(s)
    case .open where sessions[s].isAsked || !sessions[s].isSettled: closeSession(s)
    case .open:
      sessions[s].isAsked = true
      if sessions[s].machine.streamCount > 0, !isDraining {
        sessions[s].machine.ping()
      } else {
        // Unused, or draining: no stream after those begun. With none the session is over when this is written.
        sessions[s].machine.goAway()
      }
      markDirty(s)
      setSessionDeadline(s, in: isDraining ? max(times.streamIdle, times.ping) : times.ping)
    case .connecting, .closing, .lingering: closeSession(s)
    }
  }

  /// Tells every caller's session that the connection will end; requests sent meanwhile are still served (RFC 9113 §6.8).
  mutating func announceDrain() {
    for index in 0..<sessions.slotCount {
      guard let s = sessions.handle(at: index), case .open = sessions[s].phase, case .caller = sessions[s].peer else {
        continue
      }
      sessions[s].machine.announceShutdown()
      markDirty(s)
      setSessionDeadline(s, in: Self.drainLinger)
    }
  }
}
