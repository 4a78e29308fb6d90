import Synchronization
import Testing

@testable import Telemetry

@Suite("Log")
struct LogTests {
  private final class Sink: Sendable {
    let lines = Mutex<[String]>([])
    let now = Mutex<Int64>(1_767_225_600_000)
    func log(_ level: LogLevel, _ format: LogFormat) -> Log {
      Log(
        level: level, format: format, clock: { self.now.withLock { $0 } },
        write: { line in self.lines.withLock { $0.append(line) } })
    }
    var all: [String] { lines.withLock { $0 } }
  }

  @Test("Text and JSON lines; foreign text stays inside its field")
  func looks() {
    let sink = Sink()
    sink.log(.info, .text).warning("control", "lost", [("peer", "127.0.0.1:1"), ("why", "a\nb \"c\"")])
    sink.log(.info, .json).error("state", "torn", [("file", "x\u{1}y")])
    #expect(
      sink.all == [
        "2026-01-01T00:00:00.000Z warning control: lost peer=127.0.0.1:1 why=\"a\\nb \\\"c\\\"\"",
        "{\"time\":\"2026-01-01T00:00:00.000Z\",\"level\":\"error\",\"area\":\"state\",\"message\":\"torn\",\"file\":\"x\\u0001y\"}",
      ])
  }

  @Test("Levels can be changed while running")
  func levels() {
    let sink = Sink()
    let log = sink.log(.warning, .text)
    log.info("a", "hidden")
    log.level = .debug
    log.debug("a", "shown")
    #expect(sink.all.count == 1)
    #expect(LogLevel("warn") == .warning)
    #expect(LogLevel("loud") == nil)
  }

  @Test("A flood of one kind is cut and counted, others pass")
  func rate() {
    let sink = Sink()
    let log = sink.log(.info, .text)
    for _ in 0..<100 { log.info("a", "flood") }
    log.info("a", "other")
    #expect(sink.all.count == Log.burst + 1)
    sink.now.withLock { $0 += Log.window }
    log.info("a", "flood")
    #expect(sink.all.last?.hasSuffix("suppressed=80") == true)
    log.info("a", "flood")
    #expect(sink.all.last?.contains("suppressed") == false)
  }

  @Test(
    "Times of day, leap days, and absurd clocks",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_827_696_789, "2000-02-29T12:34:56.789Z"), (-5, "1970-01-01T00:00:00.000Z"),
      (Int64.max, "9999-12-31T23:59:59.999Z"),
    ] as [(Int64, String)])
  func timestamps(_ milliseconds: Int64, _ text: String) {
    #expect(LogLine.timestamp(milliseconds) == text)
  }
}
