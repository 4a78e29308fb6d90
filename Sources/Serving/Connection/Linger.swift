import SystemIO

/// The end of a connection on which everything is said and our side is shut. The peer may still be sending, and closing with unread
/// bytes would make the kernel reset the connection, which can take the last answer out of the peer's hands (RFC 9112 §9.6). So
/// what comes is read and dropped for a while; the peer's own end comes first, as a rule.
struct Linger {
  /// Then the connection is closed, whatever the peer does.
  let until: Instant
  private var left: Int

  init(at now: Instant, limits: ServingLimits) {
    until = now + limits.linger
    left = limits.lingerBytes
  }

  /// Counts bytes that came and were dropped. False when there were too many: close.
  mutating func takes(_ count: Int) -> Bool {
    left -= min(left, count)
    return left > 0
  }
}
