/// Allows retries in proportion to requests, so that they never multiply an outage: Finagle's `TokenRetryBudget` over
/// its `WindowedAdder`, exact to the constants. Time is an argument, in nanoseconds of any monotonic clock.
public struct TokenBudget: Sendable {
  private let deposited: Int64
  private let withdrawn: Int64
  private let ttlSeconds: Double
  private var reserve: Int64
  private var tokens: WindowedSum

  /// - Parameters:
  ///   - ttlNanoseconds: how long a deposit counts; 1 s to 60 s.
  ///   - minRetriesPerSecond: allowed whatever the requests; may be a fraction, when a floor is shared by many proxies.
  ///   - percent: retries per request, 0 to 1000; 0.2 is a fifth.
  /// Values outside are brought to the nearest bound. Both zero: never a retry.
  public init(
    ttlNanoseconds: UInt64 = 10_000_000_000, minRetriesPerSecond: Double = 10, percent: Double = 0.2, now: UInt64
  ) {
    let ttl = min(max(ttlNanoseconds, 1_000_000_000), 60_000_000_000)
    let share = Self.clamped(percent, to: 1000)
    ttlSeconds = Double(ttl) / 1e9
    deposited = share == 0 ? 0 : 1000
    withdrawn = share == 0 ? 1 : Int64(Self.clamped(1000 / share, to: 1e9))
    reserve = 0
    tokens = WindowedSum(slice: ttl / UInt64(WindowedSum.slices), now: now)
    setFloor(perSecond: minRetriesPerSecond)
  }

  /// Changes the floor; deposits and debits stay.
  public mutating func setFloor(perSecond floor: Double) {
    reserve = Int64(Self.clamped(floor, to: 1e6) * ttlSeconds * Double(withdrawn))
  }

  /// For each request (retry budget) or each success (re-send budget).
  public mutating func deposit(now: UInt64) { tokens.add(deposited, now: now) }

  /// Whether one retry may go out; takes its price if so.
  public mutating func tryWithdraw(now: UInt64) -> Bool {
    guard withdrawn > 0, count(now: now) >= withdrawn else { return false }
    tokens.add(-withdrawn, now: now)
    return true
  }

  /// Retries that could go out now.
  public mutating func balance(now: UInt64) -> Int {
    withdrawn > 0 ? Int(max(0, count(now: now)) / withdrawn) : 0
  }

  private mutating func count(now: UInt64) -> Int64 { tokens.sum(now: now) &+ reserve }

  /// NaN and negatives become 0.
  private static func clamped(_ value: Double, to limit: Double) -> Double { value > 0 ? min(value, limit) : 0 }
}

/// The sum of what was added during the last ten slices of time: one live slice and a ring of nine.
struct WindowedSum: Sendable {
  static let slices = 10

  private let slice: UInt64
  private var ring = [Int64](repeating: 0, count: WindowedSum.slices - 1)
  private var next = 0
  private var live: Int64 = 0
  private var since: UInt64

  init(slice: UInt64, now: UInt64) {
    self.slice = max(1, slice)
    since = now
  }

  mutating func add(_ amount: Int64, now: UInt64) {
    advance(to: now)
    live &+= amount
  }

  mutating func sum(now: UInt64) -> Int64 {
    advance(to: now)
    return ring.reduce(live, &+)
  }

  /// Pushes the live slice into the ring when its time is over, and zeroes the slices in which nothing happened.
  private mutating func advance(to now: UInt64) {
    guard now > since, now - since >= slice else { return }
    push(live)
    live = 0
    let skipped = min((now - since) / slice - 1, UInt64(ring.count))
    for _ in 0..<skipped { push(0) }
    since = now
  }

  private mutating func push(_ amount: Int64) {
    ring[next] = amount
    next = (next + 1) % ring.count
  }
}
