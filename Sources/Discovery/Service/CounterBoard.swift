import MeshProtocol
import Synchronization
import SystemIO
import Telemetry

/// The counters of all namers, for scrapes from any thread.
final class CounterBoard: Sendable {
  private struct Namer: Sendable {
    let prefix: String
    let counters: NamerCounters
  }

  private let namers = Mutex<[Namer]>([])
  private let nameCount = Atomic<Int>(0)

  func show(_ shown: [(prefix: Path, counters: NamerCounters)]) {
    let sorted = shown.map { Namer(prefix: "\($0.prefix)", counters: $0.counters) }.sorted { $0.prefix < $1.prefix }
    namers.withLock { $0 = sorted }
  }

  func names(_ count: Int) { nameCount.store(count, ordering: .relaxed) }

  func exposition(at now: Instant) -> String {
    let namers = namers.withLock { $0 }
    var page = Exposition()
    page.begin("heddle_discovered_names", .gauge, help: "Concrete names asked for from namers.")
    page.sample(UInt64(max(0, nameCount.load(ordering: .relaxed))))
    page.begin("heddle_namer_watches", .gauge, help: "Names under watch in the source.")
    for namer in namers {
      page.sample(UInt64(max(0, namer.counters.watches.load(ordering: .relaxed))), [("namer", namer.prefix)])
    }
    page.begin("heddle_namer_findings_total", .counter, help: "Answers of the source about a name.")
    for namer in namers { page.sample(Self.read(namer.counters.findings), [("namer", namer.prefix)]) }
    page.begin("heddle_namer_failures_total", .counter, help: "Times that the source could not be asked or understood.")
    for namer in namers { page.sample(Self.read(namer.counters.failures), [("namer", namer.prefix)]) }
    page.begin("heddle_namer_held_back_total", .counter, help: "Empty or negative answers that waited for the grace.")
    for namer in namers { page.sample(Self.read(namer.counters.heldBack), [("namer", namer.prefix)]) }
    page.begin("heddle_namer_left_out_total", .counter, help: "Objects of the source that made no sense.")
    for namer in namers { page.sample(Self.read(namer.counters.leftOut), [("namer", namer.prefix)]) }
    page.begin("heddle_namer_answer_age_seconds", .gauge, help: "Seconds since the source last answered.")
    for namer in namers {
      guard let age = namer.counters.secondsSinceAnswer(at: now) else { continue }
      page.sample(age, [("namer", namer.prefix)])
    }
    return page.text
  }

  private static func read(_ counter: borrowing Atomic<UInt64>) -> UInt64 { counter.load(ordering: .relaxed) }
}
