/// Until when the caller waits, as `l5d-ctx-deadline` carries it: `<timestamp> <deadline>`, in nanoseconds since 1970.
///
/// Only the difference of both means something on another host: the timestamp is the sender's clock when it sent.
public struct Deadline: Hashable, Sendable, CustomStringConvertible {
  /// The sender's clock, nanoseconds since 1970.
  public let timestamp: Int64
  /// When time is up, by the sender's clock.
  public let deadline: Int64

  public init(timestamp: Int64, deadline: Int64) {
    self.timestamp = timestamp
    self.deadline = deadline
  }

  /// Time is up `timeout` nanoseconds from `now`.
  public init(now: Int64, timeout: Int64) { self.init(timestamp: now, deadline: Self.sum(now, max(0, timeout))) }

  /// Reads two whole numbers with one space between; nil for anything else, which is ignored as if it were not there.
  public init?(parsing text: Span<UInt8>) {
    var index = 0
    guard let timestamp = Self.number(text, &index), index < text.count, text[index] == UInt8(ascii: " ") else {
      return nil
    }
    index += 1
    guard let deadline = Self.number(text, &index), index == text.count else { return nil }
    self.init(timestamp: timestamp, deadline: deadline)
  }

  public init?(parsing text: String) {
    let bytes = Array(text.utf8)
    self.init(parsing: bytes.span)
  }

  /// Of two, the later timestamp and the earlier deadline.
  public func combined(with other: Deadline) -> Deadline {
    Deadline(timestamp: max(timestamp, other.timestamp), deadline: min(deadline, other.deadline))
  }

  /// The same time left, by the own clock: what an inbound listener does, so that the hosts' clocks may differ.
  public func rebased(to now: Int64) -> Deadline { Deadline(now: now, timeout: Self.difference(deadline, timestamp)) }

  /// Nanoseconds left by the own clock; 0 when time is up.
  public func remaining(at now: Int64) -> Int64 { max(0, Self.difference(deadline, now)) }

  public func isExpired(at now: Int64) -> Bool { deadline <= now }

  /// As it is sent at `now`: every send writes its own clock.
  public func sent(at now: Int64) -> Deadline { Deadline(timestamp: now, deadline: deadline) }

  public var description: String { "\(timestamp) \(deadline)" }

  /// Digits up to Int64.max.
  private static func number(_ text: Span<UInt8>, _ index: inout Int) -> Int64? {
    var value: Int64 = 0
    let start = index
    while index < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[index]) {
      let (tens, high) = value.multipliedReportingOverflow(by: 10)
      let (sum, low) = tens.addingReportingOverflow(Int64(text[index] - UInt8(ascii: "0")))
      guard !high, !low else { return nil }
      value = sum
      index += 1
    }
    return index > start ? value : nil
  }

  private static func sum(_ a: Int64, _ b: Int64) -> Int64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? (b < 0 ? .min : .max) : sum
  }

  private static func difference(_ a: Int64, _ b: Int64) -> Int64 {
    let (difference, overflow) = a.subtractingReportingOverflow(b)
    return overflow ? (a < 0 ? .min : .max) : difference
  }
}
