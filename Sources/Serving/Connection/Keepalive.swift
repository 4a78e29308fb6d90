import SystemIO

/// When to ask a silent HTTP/2 peer whether it lives, and when to give it up. Time is an argument; the driver pings and closes.
struct Keepalive {
  enum Verdict: Equatable {
    /// Look again then.
    case quiet(until: Instant)
    /// Send a PING and look again then.
    case ping(until: Instant)
    case dead
  }

  private var pingedAt: Instant?

  /// - Parameter receivedAt: when the peer was last heard.
  mutating func check(receivedAt: Instant, at now: Instant, limits: ServingLimits) -> Verdict {
    if let pingedAt {
      if receivedAt >= pingedAt {
        self.pingedAt = nil
      } else if now >= pingedAt + limits.pingTimeout {
        return .dead
      } else {
        return .quiet(until: pingedAt + limits.pingTimeout)
      }
    }
    if now < receivedAt + limits.keepalive { return .quiet(until: receivedAt + limits.keepalive) }
    pingedAt = now
    return .ping(until: now + limits.pingTimeout)
  }
}
