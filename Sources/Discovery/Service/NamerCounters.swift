import Synchronization
import SystemIO

/// What one namer counts; read from any thread at scrape. Findings are counted where they are taken; a namer itself says
/// only that its source answered when that brought no finding.
public final class NamerCounters: Sendable {
  /// Names under watch now.
  let watches = Atomic<Int>(0)
  /// Findings that were failures.
  let failures = Atomic<UInt64>(0)
  /// Findings that bound or were negative.
  let findings = Atomic<UInt64>(0)
  /// Empty and negative findings that had to wait for the grace.
  let heldBack = Atomic<UInt64>(0)
  /// Objects of the source that made no sense and were left out.
  let leftOut = Atomic<UInt64>(0)
  /// Nanoseconds of the monotonic clock; 0 = never.
  private let lastAnswer = Atomic<UInt64>(0)

  public init() {}

  /// The source answered, whether or not that was news.
  public func answered(at now: Instant) { lastAnswer.store(now.nanoseconds, ordering: .relaxed) }

  /// The source failed in a way that concerns no single name: a connection lost, a poll refused.
  public func failed() { failures.wrappingAdd(1, ordering: .relaxed) }

  /// One object of the source makes no sense; what else there is serves.
  public func skipped() { leftOut.wrappingAdd(1, ordering: .relaxed) }

  /// Seconds since the source last answered; nil when it never did.
  func secondsSinceAnswer(at now: Instant) -> Double? {
    let last = lastAnswer.load(ordering: .relaxed)
    return last == 0 ? nil : Double(now.nanoseconds(since: Instant(nanoseconds: last))) / 1e9
  }

  func count(_ finding: Finding, at now: Instant) {
    if case .failed = finding { return failed() }
    findings.wrappingAdd(1, ordering: .relaxed)
    answered(at: now)
  }
}
