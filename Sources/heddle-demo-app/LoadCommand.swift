import ArgumentParser
import Foundation
import Serving
import Synchronization
import SystemIO

/// Calls a URL through proxies at a steady rate, as an application with `http_proxy` set does, and counts who answered.
struct LoadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "load", abstract: "Sends requests through proxies.")

  @Option(help: "A proxy, HOST:PORT; more than once to spread over several.") var proxy: [String]
  @Option(help: "What to call.") var url = "http://users/"
  @Option(help: "Requests a second.") var rate = 200.0
  @Option(help: "How long; 0 until it is stopped.") var seconds = 10.0
  @Option(help: "Connections.") var connections = 8
  @Option(help: "A file that always holds the counts so far, as JSON.") var report: String?

  func run() throws {
    guard rate > 0, rate <= 100_000, connections > 0, connections <= 1000 else {
      throw ValidationError("--rate or --connections out of range")
    }
    // Before any thread starts, so that all of them leave these signals to this one.
    let stop = try catchSignals([SIGTERM, SIGINT])
    let tally = Tally()
    let url = url
    let host = String(url.dropFirst("http://".count).prefix { $0 != "/" })
    guard url.hasPrefix("http://"), !host.isEmpty else { throw ValidationError("--url: expected http://NAME/…") }
    let pace = Pace(interval: Double(connections) / rate, seconds: seconds)
    for number in 0..<connections {
      guard let address = SocketAddress(proxy[number % proxy.count]) else {
        throw ValidationError("'\(proxy[number % proxy.count])' is no address")
      }
      startThread(name: "load-\(number)") {
        Caller(address: address, url: url, host: host, tally: tally).call(at: pace, offset: number)
      }
    }
    while stop.next() == nil, tally.running(of: connections) > 0 {
      try write(tally)
      Thread.sleep(forTimeInterval: 0.1)
    }
    try write(tally)
    print(tally.json)
  }

  private func write(_ tally: Tally) throws {
    if let report { try Data(tally.json.utf8).write(to: URL(fileURLWithPath: report), options: .atomic) }
  }
}

/// When each caller sends: every `interval` seconds, the callers evenly between each other.
struct Pace: Sendable {
  let began = Date()
  let interval: Double
  /// 0: without an end.
  let seconds: Double
}

struct Caller: Sendable {
  let address: SocketAddress
  let url: String
  let host: String
  let tally: Tally

  func call(at pace: Pace, offset: Int) {
    defer { tally.ended() }
    let client = HTTPClient(address: address, timeout: .seconds(10))
    var sent = 0
    while true {
      let due = pace.began.addingTimeInterval((Double(sent) + Double(offset % 16) / 16) * pace.interval)
      if pace.seconds > 0, due.timeIntervalSince(pace.began) >= pace.seconds { return }
      let wait = due.timeIntervalSinceNow
      if wait > 0 { Thread.sleep(forTimeInterval: wait) }
      sent += 1
      tally.count(one(client))
    }
  }

  private func one(_ client: HTTPClient) -> Tally.Outcome {
    do {
      let answer = try client.send("GET", url, headers: ["host": host])
      if answer.status == 200, let version = answer.headers["demo-version"] { return .answered(version) }
      return .failed("\(answer.status) \(answer.headers["heddle-error"] ?? "")")
    } catch {
      return .failed("\(error)")
    }
  }
}

/// Counts of all callers.
final class Tally: Sendable {
  enum Outcome {
    case answered(String)
    case failed(String)
  }

  /// Different errors told apart; more are counted as `other`, since texts of errors are without bound.
  static let errorKinds = 20

  private struct Counts {
    var versions: [String: Int] = [:]
    var errors: [String: Int] = [:]
    var ended = 0
  }

  private let counts = Mutex(Counts())

  func count(_ outcome: Outcome) {
    counts.withLock { counts in
      switch outcome {
      case .answered(let version): counts.versions[version, default: 0] += 1
      case .failed(let text):
        let isKnown = counts.errors[text] != nil || counts.errors.count < Self.errorKinds
        counts.errors[isKnown ? text : "other", default: 0] += 1
      }
    }
  }

  func ended() { counts.withLock { $0.ended += 1 } }
  func running(of all: Int) -> Int { counts.withLock { all - $0.ended } }

  var json: String {
    let (versions, errors) = counts.withLock { ($0.versions, $0.errors) }
    let value: [String: Any] = ["versions": versions, "errors": errors, "failed": errors.values.reduce(0, +)]
    let data = try? JSONSerialization.data(withJSONObject: value, options: [.sortedKeys])
    return data.map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }
}
