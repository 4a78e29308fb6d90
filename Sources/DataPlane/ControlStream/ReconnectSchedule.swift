/// When to try which controller next. Full jitter (each pause is uniform between nothing and the bound, the bound
/// doubles), so that a fleet that lost its controller at one moment does not return at one moment
/// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
struct ReconnectSchedule {
  /// Bound of the first pause.
  static let first = Duration.milliseconds(100)
  /// Bound of every later pause.
  static let longest = Duration.seconds(10)
  /// A controller's wish for a pause is honoured up to this, so that a broken one cannot send a proxy away for good.
  static let longestWish = Duration.seconds(60)

  private let controllers: Int
  private var next: Int
  private var failures = 0
  private var wish = Duration.zero

  /// `controllers` ≥ 1; the first one tried is drawn from `random`, so that proxies spread over controllers.
  init(controllers: Int, using random: inout some RandomNumberGenerator) {
    self.controllers = max(1, controllers)
    next = Int.random(in: 0..<self.controllers, using: &random)
  }

  /// The pause before the next attempt and the index of the controller to try. The first attempt comes at once.
  mutating func attempt(using random: inout some RandomNumberGenerator) -> (pause: Duration, controller: Int) {
    let controller = next
    next = (next + 1) % controllers
    defer {
      failures += 1
      wish = .zero
    }
    if failures == 0 { return (wish, controller) }
    let doublings = min(failures - 1, 10)
    let bound = min(Self.longest, Self.first * (1 << doublings))
    let microseconds = Int64.random(in: 0...Int64(bound / .microseconds(1)), using: &random)
    return (wish + .microseconds(microseconds), controller)
  }

  /// The controller answered with something of use: the next loss begins with short pauses again, though not with none.
  mutating func succeeded() { failures = 1 }

  /// The controller asked to leave and come back not before this.
  mutating func asked(toWait pause: Duration) { wish = max(.zero, min(pause, Self.longestWish)) }
}
