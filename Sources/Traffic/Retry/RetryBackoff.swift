/// How long a request waits before it is sent again: decorrelated jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture
/// Blog 2015), each pause drawn between the shortest and three times the one before, so that callers that failed together do not come
/// back together.
public struct RetryBackoff: Hashable, Sendable {
  /// Nanoseconds.
  public let shortest: UInt64
  /// Nanoseconds, at least `shortest`.
  public let longest: UInt64

  /// The longest that a pause may be made, in nanoseconds. 10 s: who waits so long has gone.
  public static let limit: UInt64 = 10_000_000_000

  /// - Parameters:
  ///   - shortest: nanoseconds; 25 ms.
  ///   - longest: nanoseconds; 250 ms.
  /// Values above `limit` are brought to it, a `longest` below `shortest` to that.
  public init(shortest: UInt64 = 25_000_000, longest: UInt64 = 250_000_000) {
    self.shortest = min(shortest, Self.limit)
    self.longest = min(max(shortest, longest), Self.limit)
  }

  /// The next pause in nanoseconds; `previous` is the one before, 0 for none.
  public func next(after previous: UInt64, using random: inout FastRandom) -> UInt64 {
    let base = max(shortest, min(previous, longest))
    let spread = 3 * base - shortest
    return min(longest, shortest + UInt64(random.unit() * Double(spread)))
  }
}
