import Synchronization

/// How much a line matters.
public enum LogLevel: UInt8, Sendable, CaseIterable, Comparable, CustomStringConvertible {
  /// Somebody has to act.
  case error
  /// Something is off; the program copes.
  case warning
  /// Changes of state that an operator wants to find later.
  case info
  /// For finding faults.
  case debug

  /// Reads `error`, `warning` (or `warn`), `info`, `debug`.
  public init?(_ text: String) {
    switch text {
    case "error": self = .error
    case "warning", "warn": self = .warning
    case "info": self = .info
    case "debug": self = .debug
    default: return nil
    }
  }

  public var description: String {
    switch self {
    case .error: "error"
    case .warning: "warning"
    case .info: "info"
    case .debug: "debug"
    }
  }

  public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }
}

/// How lines look.
public enum LogFormat: String, Sendable {
  /// `2026-01-31T12:00:00.000Z info control connected controller=127.0.0.1:4321`
  case text
  /// One JSON object per line.
  case json
}

/// Writes log lines. Safe from any thread.
///
/// Messages are fixed texts; what varies goes into fields, so that each message is one kind and its rate can be
/// bounded: `burst` lines per kind and `window`, then silence that the next line counts as `suppressed`. Values of
/// headers and bodies are never given as fields.
public final class Log: Sendable {
  /// Lines of one kind in a window. 20: a flood of one fault must not hide others, nor fill a disk.
  public static let burst = 20
  /// Milliseconds.
  public static let window: Int64 = 10_000

  private struct State {
    var level: LogLevel
    var rates: [String: Rate] = [:]
  }

  private struct Rate {
    var windowStart: Int64
    var count = 0
    var suppressed = 0
  }

  private let state: Mutex<State>
  private let format: LogFormat
  private let clock: @Sendable () -> Int64
  private let write: @Sendable (String) -> Void

  /// A log.
  ///
  /// - Parameters:
  ///   - clock: wall-clock milliseconds since 1970.
  ///   - write: takes one line, without line end.
  public init(
    level: LogLevel = .info, format: LogFormat = .text, clock: @escaping @Sendable () -> Int64,
    write: @escaping @Sendable (String) -> Void
  ) {
    state = Mutex(State(level: level))
    self.format = format
    self.clock = clock
    self.write = write
  }

  /// Lines above this level are dropped.
  public var level: LogLevel {
    get { state.withLock { $0.level } }
    set { state.withLock { $0.level = newValue } }
  }

  /// Writes a line of level `error`. `area` says which part speaks.
  public func error(_ area: StaticString, _ message: StaticString, _ fields: [(StaticString, String)] = []) {
    emit(.error, area, message, fields)
  }
  /// Writes a line of level `warning`.
  public func warning(_ area: StaticString, _ message: StaticString, _ fields: [(StaticString, String)] = []) {
    emit(.warning, area, message, fields)
  }
  /// Writes a line of level `info`.
  public func info(_ area: StaticString, _ message: StaticString, _ fields: [(StaticString, String)] = []) {
    emit(.info, area, message, fields)
  }
  /// Writes a line of level `debug`.
  public func debug(_ area: StaticString, _ message: StaticString, _ fields: [(StaticString, String)] = []) {
    emit(.debug, area, message, fields)
  }

  private func emit(
    _ level: LogLevel, _ area: StaticString, _ message: StaticString, _ fields: [(StaticString, String)]
  ) {
    let now = clock()
    guard let suppressed = admit(level, "\(area) \(message)", now) else { return }
    var texts = fields.map { ("\($0.0)", $0.1) }
    if suppressed > 0 { texts.append(("suppressed", "\(suppressed)")) }
    switch format {
    case .text: write(LogLine.text(now, level, "\(area)", "\(message)", texts))
    case .json: write(LogLine.json(now, level, "\(area)", "\(message)", texts))
    }
  }

  /// How many lines of this kind were left out before this one; `nil` when this one is left out too.
  private func admit(_ level: LogLevel, _ kind: String, _ now: Int64) -> Int? {
    state.withLock { state in
      guard level <= state.level else { return nil }
      var rate = state.rates[kind] ?? Rate(windowStart: now)
      // A wall clock that went back opens a new window too.
      if now - rate.windowStart >= Self.window || now < rate.windowStart {
        (rate.windowStart, rate.count) = (now, 0)
      }
      defer { state.rates[kind] = rate }
      guard rate.count < Self.burst else {
        rate.suppressed += 1
        return nil
      }
      rate.count += 1
      defer { rate.suppressed = 0 }
      return rate.suppressed
    }
  }
}
