import HTTP2
import Memory

// Tunnels of which a side is one stream of a session: its bytes come as events, and go as DATA as far as the session takes them. The end
// of either direction is END_STREAM, a reset RST_STREAM (RFC 9113 §8.5, RFC 8441 §5).

extension ProxyCore {
  /// The stream's events are the tunnel's from now on. False when it was reset meanwhile, which nothing would tell any more.
  mutating func watchTunnelled(_ t: Handle, _ side: TunnelSide) -> Bool {
    guard let http2 = tunnelSession(t, side), !tunnels[t][side].stream.isOver else { return false }
    let isThere = http2.setTag(t.token(kind: side.tokenKind), on: tunnels[t][side].stream.id)
    http2.setTunnel(tunnels[t][side].stream.id)
    tunnels[t][side].stream.isOver = !isThere
    return isThere
  }

  private mutating func tunnelSession(_ t: Handle, _ side: TunnelSide) -> HTTP2Session? {
    let s = tunnels[t][side].stream.session
    guard sessions.contains(s), case .http2(let http2) = sessions[s].machine else { return nil }
    return http2
  }

  // MARK: What the peer says

  /// An event of a stream whose tag is a tunnel's.
  mutating func takeTunnelEvent(_ event: HTTP2Event, _ http2: HTTP2Session) {
    let t = Handle(bits: event.tag)
    guard let side = TunnelSide(tag: event.tag), tunnels.contains(t) else {
      if case .data(let range) = event.kind { http2.consume(event.stream, range.count) }
      return
    }
    switch event.kind {
    case .data(let range):
      if range.isEmpty { return }
      buffers.lend(&tunnels[t][side.other].output)
      tunnels[t].take(range, of: sessionInput, from: side)
      passed(t, range.count, from: side)
      carryOn(t)
    case .ended:
      tunnels[t][side].hasEnded = true
      touchTunnel(t)
      carryOn(t)
    case .closed: tunnelStreamClosed(event.tag)
    case .tooLarge: closeTunnel(t, reset: true)
    // Trailers are nothing to who speaks no HTTP; their end is an event of its own.
    case .trailers, .endWritten, .request, .response, .informational, .settings, .pong, .goAway: break
    }
  }

  /// The stream is over, or its whole connection. Where the peer had not said its last, that is a reset.
  mutating func tunnelStreamClosed(_ tag: UInt64) {
    let t = Handle(bits: tag)
    guard let side = TunnelSide(tag: tag), tunnels.contains(t) else { return }
    tunnels[t][side].stream.isOver = true
    guard tunnels[t][side].hasEnded else { return closeTunnel(t, reset: true) }
    if !tunnels[t][side].isShut { tunnels[t][side].setBroken() }
    carryOn(t)
  }

  /// Lets the peers that speak HTTP/2 send as much more as the other side has taken.
  mutating func giveTunnelCredit(_ t: Handle) {
    giveCredit(t, to: .caller)
    giveCredit(t, to: .service)
  }

  private mutating func giveCredit(_ t: Handle, to side: TunnelSide) {
    guard tunnels[t][side].link.isStream else { return }
    let left = tunnels[t][side.other].output.count
    if let credit = tunnels[t][side].stream.credit(left: left) { give(credit, on: tunnels[t][side].stream) }
  }

  // MARK: What the peer is told

  /// Gives the session what it takes of the bytes for this peer: what waits for the peer's window is bounded.
  mutating func passTunnelled(_ t: Handle, _ side: TunnelSide) {
    guard let http2 = tunnelSession(t, side) else { return }
    let stream = tunnels[t][side].stream
    let sent = tunnels[t][side].pass(atMost: limits.highWater - http2.queuedBytes(stream.id), to: http2)
    if !tunnels[t][side].output.isEmpty, tunnels[t][side].stream.stalls() {
      sessions[stream.session].stalledTunnels.append(t)
    }
    markDirty(stream.session)
    if sent == 0 { return }
    if side == .caller { facts.recordTunnelBytes(tunnels[t].direction, received: 0, sent: sent) }
    touchTunnel(t)
  }

  /// Tells this peer that nothing more comes.
  mutating func endTunnelled(_ t: Handle, _ side: TunnelSide) {
    guard let http2 = tunnelSession(t, side) else { return }
    http2.send(tunnels[t][side].stream.id, [], endStream: true)
    markDirty(tunnels[t][side].stream.session)
  }

  /// The session has written: its tunnels that had more than it took go on.
  mutating func resumeTunnels(_ s: Handle) {
    guard sessions.contains(s), !sessions[s].stalledTunnels.isEmpty else { return }
    var waiting: [Handle] = []
    swap(&waiting, &sessions[s].stalledTunnels)
    for t in waiting where tunnels.contains(t) {
      for side in [TunnelSide.caller, .service] where tunnels[t][side].stream.session == s {
        tunnels[t][side].stream.isStalled = false
      }
      carryOn(t)
    }
  }
}

extension Tunnel {
  /// Adds these bytes of a session's input to what the other side gets.
  fileprivate mutating func take(_ range: Range<Int>, of received: borrowing ByteBuffer, from side: TunnelSide) {
    self[side].stream.held &+= range.count
    self[side.other].output.append(received.span.extracting(range))
  }
}

extension TunnelEnd {
  /// Queues so many of the bytes for this peer on its stream. Returns how many that were.
  fileprivate mutating func pass(atMost limit: Int, to http2: HTTP2Session) -> Int {
    let count = min(limit, output.count)
    guard count > 0 else { return 0 }
    http2.send(stream.id, copying: output.span.extracting(..<count))
    output.removeFirst(count)
    return count
  }
}
