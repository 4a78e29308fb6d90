import HTTP2
import Memory
import SystemIO

// What goes through a tunnel, and how it ends. Each side's end is passed on to the other as it came: an orderly one as such, behind the
// last byte, a reset as a reset.

extension ProxyCore {
  /// A connection of a tunnel has news.
  mutating func tunnelReady(_ t: Handle, _ side: TunnelSide, _ readiness: Readiness) {
    guard tunnels.contains(t) else { return }  // an event for one that is gone
    if !readiness.isDisjoint(with: [.hangup, .error]) { tunnels[t][side].sawHangup = true }
    if !readiness.isDisjoint(with: [.readable, .hangup, .error]), !tunnels[t][side].hasEnded {
      tunnels[t][side].mayRead = true
    }
    // Reading, which would tell as well, is over for it.
    if readiness.contains(.error), tunnels[t][side].hasEnded { tunnels[t][side].setBroken() }
    carryOn(t)
  }

  /// Carries what has come, both ways.
  mutating func carryOn(_ t: Handle) {
    guard carry(t, from: .caller), carry(t, from: .service) else { return }
    // A service that the caller's bytes could not reach was just read to its end; now the caller likewise.
    if tunnels[t].caller.isBroken, tunnels[t].caller.mayRead {
      guard carry(t, from: .caller) else { return }
    }
    giveTunnelCredit(t)
    settleTunnel(t)
  }

  /// Carries what one peer said to the other, as far as that one takes it. Returns false when the tunnel is gone.
  private mutating func carry(_ t: Handle, from side: TunnelSide) -> Bool {
    let to = side.other
    var taken = 0
    while true {
      flushTunnel(t, to)
      guard tunnels[t][to].output.count < limits.highWater, tunnels[t][side].mayRead else { return true }
      if taken >= limits.turn { return giveWay(t, side) }
      buffers.lend(&tunnels[t][to].output)
      switch tunnels[t].receive(from: side) {
      case .bytes(let n):
        taken += n
        passed(t, n, from: side)
      case .wouldBlock, .endOfFile: break
      case .failed:
        // One that could not be reached any more was to fail.
        guard tunnels[t][side].isBroken else {
          closeTunnel(t, reset: true)
          return false
        }
      }
    }
  }

  /// So many bytes of a side have come into the other one's output.
  mutating func passed(_ t: Handle, _ n: Int, from side: TunnelSide) {
    if side == .caller { facts.recordTunnelBytes(tunnels[t].direction, received: n, sent: 0) }
    if tunnels[t][side.other].isBroken { return tunnels[t][side.other].output.removeAll() }  // nobody takes it
    touchTunnel(t)
  }

  /// Gives the kernel what it takes for this peer.
  private mutating func flushTunnel(_ t: Handle, _ side: TunnelSide) {
    if tunnels[t][side].isFlushed || tunnels[t][side].isBroken { return }
    if tunnels[t][side].link.isStream { return passTunnelled(t, side) }
    guard let sent = tunnels[t][side].flush() else {
      tunnels[t][side].setBroken()
      return touchTunnel(t)
    }
    if sent == 0 { return }
    if side == .caller { facts.recordTunnelBytes(tunnels[t].direction, received: 0, sent: sent) }
    touchTunnel(t)
  }

  /// This peer sends as fast as we read: the others' turn comes first. Arming the descriptor anew makes the kernel tell again what is
  /// ready, in the loop's next turn.
  private mutating func giveWay(_ t: Handle, _ side: TunnelSide) -> Bool {
    do {
      try loop.modify(
        tunnels[t][side].link.descriptor, token: t.token(kind: side.tokenKind), [.read, .write, .edgeTriggered])
      return true
    } catch {
      closeTunnel(t, reset: true)  // the kernel no longer watches it: nothing would ever wake it
      return false
    }
  }

  // MARK: End

  /// Passes on that a peer has said its last, once its bytes are with the kernel; closes what is over.
  private mutating func settleTunnel(_ t: Handle) {
    settle(t, .caller)
    settle(t, .service)
    if tunnels[t].isOver { closeTunnel(t, reset: false) }
  }

  private mutating func settle(_ t: Handle, _ side: TunnelSide) {
    guard tunnels[t][side].isFlushed else { return }
    buffers.reclaim(&tunnels[t][side].output)
    guard tunnels[t][side.other].hasEnded, !tunnels[t][side].isBroken else { return }
    if !tunnels[t][side].isShut {
      tunnels[t][side].shut()
      if tunnels[t][side].link.isStream { endTunnelled(t, side) }
    }
    // Nobody hears this peer any more: it may end in order, but not at its leisure.
    if tunnels[t][side.other].isBroken, !tunnels[t].isLingering {
      tunnels[t].isLingering = true
      setTunnelDeadline(t, in: times.linger)
    }
  }

  /// Something moved: the tunnel has its idle time again.
  mutating func touchTunnel(_ t: Handle) {
    if tunnels[t].isEnding {
      setTunnelDeadline(t, in: times.streamIdle)
    } else if let idle = times.tunnelIdle {
      setTunnelDeadline(t, in: idle)
    }
  }

  private mutating func setTunnelDeadline(_ t: Handle, in nanoseconds: UInt64) {
    tunnels[t].clock.set(
      now.adding(nanoseconds: nanoseconds), token: t.token(kind: TokenKind.tunnelCaller), on: loop)
  }

  /// Nothing has moved for as long as it may.
  mutating func tunnelExpired(_ t: Handle) {
    guard tunnels.contains(t), tunnels[t].clock.isDue(token: t.token(kind: TokenKind.tunnelCaller), on: loop) else {
      return
    }
    // A peer that has got all and was told so keeps it; what is cut off must not look whole.
    closeTunnel(t, reset: tunnels[t].caller.isOwed || tunnels[t].service.isOwed || !tunnels[t].isEnding)
  }

  /// Closes both connections.
  mutating func closeTunnel(_ t: Handle, reset: Bool) {
    var gone = tunnels.remove(t)
    gone.clock.stop(on: loop)
    let code = reset ? gone.cutCode : nil
    release(&gone.caller, code, unheard: .noError)
    release(&gone.service, code, unheard: .cancel)
    tunnelPlaces -= 1
    facts.gauges.tunnels -= 1
    // The connection of a stream is its session's.
    if !gone.caller.link.isStream { facts.gauges.downstreamConnections -= 1 }
    if gone.service.link.isStream { return }
    facts.gauges.upstreamActive -= 1
    clusters[gone.cluster].endpoints[Int(gone.endpoint)].connections -= 1
    clusters[gone.cluster].releaseIfUnused(gone.endpoint)
  }

  /// - Parameters:
  ///   - code: of a reset; nil: what was said stands.
  ///   - unheard: what a stream is told whose peer would speak to nobody now.
  private mutating func release(_ end: inout TunnelEnd, _ code: HTTP2ErrorCode?, unheard: HTTP2ErrorCode) {
    end.output.removeAll()
    buffers.reclaim(&end.output)
    if end.link.isStream { return forget(end.stream, code ?? (end.hasEnded ? nil : unheard)) }
    loop.remove(end.link.descriptor)
    if code != nil { end.link.setReset() }
  }
}
