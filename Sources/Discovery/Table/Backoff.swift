/// When to ask a source again that failed. Full jitter (each pause is uniform between nothing and the bound, the bound
/// doubles), so that many watches of one source that went away do not return at one moment
/// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
public struct Backoff: Sendable {
  private let first: Duration
  private let longest: Duration
  private var failures = 0

  /// - Parameters:
  ///   - first: bound of the first pause.
  ///   - longest: bound of every later one. 10 s: a source that is back is used soon, and one question in 10 s from
  ///     each watch kills nobody.
  public init(first: Duration = .milliseconds(100), longest: Duration = .seconds(10)) {
    self.first = first
    self.longest = max(first, longest)
  }

  /// Failures since the last success.
  public var count: Int { failures }

  /// The pause after one more failure.
  public mutating func failed(using random: inout some RandomNumberGenerator) -> Duration {
    let doublings = min(failures, 20)
    failures += 1
    let bound = min(longest, first * (1 << doublings))
    return .microseconds(Int64.random(in: 0...max(0, bound.wholeMicroseconds), using: &random))
  }

  /// The source answered with something of use.
  public mutating func succeeded() { failures = 0 }
}

extension Duration {
  var wholeMicroseconds: Int64 { Int64(self / .microseconds(1)) }
}
