/// Whether one concrete name takes requests where another stands by for it (`failover: health`), with hysteresis: it
/// yields when nothing of it has been ready for a while and takes back when enough of it has been ready for longer, so
/// that an endpoint that comes and goes does not drag the traffic along.
///
/// A machine without a clock: time is an argument, in nanoseconds of any monotonic clock.
public struct Standing: Hashable, Sendable {
  /// Nothing ready for so long: yields. At once when every endpoint refuses. 1 s.
  public static let yieldAfter: UInt64 = 1_000_000_000
  /// At least half ready for so long: takes back. 10 s.
  public static let returnAfter: UInt64 = 10_000_000_000

  /// What is known of a name's endpoints.
  public struct Health: Hashable, Sendable {
    /// Endpoints that could take a request now.
    public var ready: Int
    /// All that may get requests.
    public var total: Int
    /// None of them can be connected to; also when there is none.
    public var allRefuse: Bool

    public init(ready: Int, total: Int, allRefuse: Bool) {
      self.ready = ready
      self.total = total
      self.allRefuse = allRefuse
    }
  }

  private enum State: Hashable, Sendable {
    case standing
    /// Nothing has been ready since.
    case fading(since: UInt64)
    case down
    /// Half or more has been ready since.
    case returning(since: UInt64)
  }

  private var state = State.standing

  public init() {}

  /// Whether it stood at the last look and nothing pointed to a change.
  public var isSteady: Bool { state == .standing }

  /// Whether it has yielded, or is on its way back.
  public var isDown: Bool {
    switch state {
    case .standing, .fading: false
    case .down, .returning: true
    }
  }

  /// Takes note of the endpoints' health. Returns whether the name takes requests now.
  public mutating func observe(_ health: Health, at now: UInt64) -> Bool {
    state = next(health, now)
    return !isDown
  }

  private func next(_ health: Health, _ now: UInt64) -> State {
    switch state {
    case .standing, .fading:
      if health.ready > 0 { return .standing }
      if health.allRefuse { return .down }
      guard case .fading(let since) = state else { return .fading(since: now) }
      return now &- since >= Self.yieldAfter ? .down : state
    case .down, .returning:
      guard health.ready > 0, health.ready * 2 >= health.total else { return .down }
      guard case .returning(let since) = state else { return .returning(since: now) }
      return now &- since >= Self.returnAfter ? .standing : state
    }
  }
}
