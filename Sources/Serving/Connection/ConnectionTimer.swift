import Memory
import SystemIO
import Workers

/// One connection's deadline. Deadlines move on with every byte, so a later one leaves the timer alone and is looked at when it
/// fires: a busy connection costs no timer work.
struct ConnectionTimer {
  private var timer = TimerHandle.none
  private var firesAt = Instant.distantFuture

  /// Makes sure that the timer fires at `deadline` or before.
  mutating func arm(_ deadline: Instant, token: UInt64, on loop: ServiceLoop) {
    guard deadline < firesAt else { return }
    loop.events.cancel(timer)
    timer = loop.events.schedule(token, at: deadline)
    firesAt = deadline
  }

  /// To be called when it fired, before `arm`.
  mutating func fired() {
    timer = .none
    firesAt = .distantFuture
  }

  mutating func cancel(on loop: ServiceLoop) {
    loop.events.cancel(timer)
    fired()
  }
}
