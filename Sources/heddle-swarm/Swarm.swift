import ArgumentParser
import Serving
import SystemIO

/// Simulates many proxies on one controller and measures how long a change takes to reach them all.
@main
struct Swarm: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heddle-swarm",
    abstract: "Simulates many proxies over the mesh stream and prints how changes propagate, as JSON.")

  @Option(help: "The controller's mesh port.")
  var mesh = "127.0.0.1:4321"
  @Option(help: "The controller's REST port. Without --changes it is not used.")
  var rest = "127.0.0.1:4180"
  @Option(name: [.short, .long], help: "Proxies to simulate.")
  var proxies = 100
  @Option(name: [.customShort("s"), .long], help: "Namespace of the proxies and the changes.")
  var namespace = "default"
  @Option(help: "Changes to make, one after the other; each shifts the weights of the split named swarm.")
  var changes = 0
  @Option(help: "Milliseconds between the last answer to a change and the next change.")
  var pause = 100
  @Option(help: "Concrete names that each proxy subscribes to.")
  var subscribe: [String] = []
  @Option(help: "Seconds to wait for all answers.")
  var timeout = 60
  @Option(help: "Seconds to stay connected at the end.")
  var stay = 0
  @Option(help: "Process id of the controller, to tell its memory and processor time.")
  var controllerPid: Int?

  /// Clients on one loop, and so on one thread: a loop takes 255.
  private static let proxiesPerLoop = 250

  func run() async throws {
    raiseDescriptorLimit()
    guard let address = SocketAddress(mesh) else { throw ValidationError("--mesh is not an address: \(mesh)") }
    let tally = Tally()
    let begun = Instant.now()
    try startProxies(address, tally)
    let isSynced = try await waitUntil(tally) { $0.synced + ($0.answers.values.map(\.count).max() ?? 0) >= proxies }
    let synced = Instant.now()
    let before = controllerPid.flatMap { ProcessFacts(pid: $0) }
    let measured = changes > 0 && isSynced ? try await measure(tally) : []
    if stay > 0 { try await Task.sleep(for: .seconds(stay)) }
    print(report(tally, measured, sync: milliseconds(begun, synced), isSynced: isSynced, before: before))
    if !isSynced || measured.contains(where: { !$0.isComplete }) { throw ExitCode(5) }
  }

  private func startProxies(_ address: SocketAddress, _ tally: Tally) throws {
    let (namespace, names) = (namespace, subscribe)
    var first = 0
    while first < proxies {
      let range = first..<min(first + Self.proxiesPerLoop, proxies)
      first = range.upperBound
      _ = try ServiceLoop.start(name: "swarm") { loop in
        for number in range {
          let proxy = SwarmProxy(
            name: "swarm-\(number)", namespace: namespace, address: address, names: names, tally: tally, loop: loop)
          try proxy.start()
          // The client keeps its events, and the loop the client.
        }
      }
    }
  }

  // MARK: changes

  struct Change {
    let revision: UInt64
    /// From sending the request to the answer of REST, and to the answer of each proxy, in milliseconds.
    let rest: Double
    let answers: [Double]
    let isComplete: Bool
  }

  private func measure(_ tally: Tally) async throws -> [Change] {
    guard let address = SocketAddress(rest) else { throw ValidationError("--rest is not an address: \(rest)") }
    let client = HTTPClient(address: address)
    _ = try post(client, "PUT", Self.split)
    try await Task.sleep(for: .seconds(1))
    var measured: [Change] = []
    for number in 1...changes {
      let sent = Instant.now()
      let revision = try post(
        client, "PATCH", "{\"weights\": {\"v1\": \(number % 100), \"v2\": \(100 - number % 100)}}")
      let stored = Instant.now()
      let isComplete = try await waitUntil(tally) { ($0.answers[revision]?.count ?? 0) >= proxies }
      let answers = tally.read { $0.answers[revision] ?? [] }.map { milliseconds(sent, $0) }
      measured.append(
        Change(revision: revision, rest: milliseconds(sent, stored), answers: answers, isComplete: isComplete))
      try await Task.sleep(for: .milliseconds(pause))
    }
    return measured
  }

  private static let split = """
    {"prefix": "/svc/swarm", "backends": [{"name": "v1", "destination": "/#/registry/swarm-v1", "weight": 50}, \
    {"name": "v2", "destination": "/#/registry/swarm-v2", "weight": 50}]}
    """

  /// The revision that the write made.
  private func post(_ client: HTTPClient, _ method: String, _ body: String) throws -> UInt64 {
    let headers: HeaderList = [
      "content-type": method == "PATCH" ? "application/merge-patch+json" : "application/json"
    ]
    let response = try client.send(
      method, "/v1/namespaces/\(namespace)/splits/swarm", headers: headers, body: Array(body.utf8))
    guard (200..<300).contains(response.status), let tag = response.headers["etag"],
      let revision = UInt64(tag.filter(\.isNumber))
    else { throw ValidationError("\(method) of the split: \(response.status) \(response.text ?? "")") }
    return revision
  }

  // MARK: report

  private func report(
    _ tally: Tally, _ changes: [Change], sync: Double, isSynced: Bool, before: ProcessFacts?
  ) -> String {
    var lines = [
      "\"proxies\": \(proxies)", "\"synced\": \(isSynced)", "\"sync_ms\": \(decimal(sync))",
      tally.read { state in
        "\"connected\": \(state.connected), \"failed\": \(state.failed), \"disconnected\": \(state.disconnected), "
          + "\"desynced\": \(state.desynced), \"bytes\": \(state.bytes), \"messages\": \(state.messages), "
          + "\"reasons\": [\(state.reasons.map(jsonString).joined(separator: ", "))]"
      },
    ]
    if !changes.isEmpty {
      lines.append("\"changes\": \(changes.count), \"complete\": \(changes.count { $0.isComplete })")
      lines.append("\"rest_ms\": \(Distribution(changes.map(\.rest)).json)")
      lines.append("\"each_answer_ms\": \(Distribution(changes.flatMap(\.answers)).json)")
      lines.append("\"last_answer_ms\": \(Distribution(changes.compactMap { $0.answers.max() }).json)")
    }
    if let before, let pid = controllerPid, let after = ProcessFacts(pid: pid) {
      lines.append(
        "\"controller\": {\"resident_bytes\": \(after.residentBytes), "
          + "\"cpu_s\": \(decimal(after.cpuSeconds - before.cpuSeconds))}"
      )
    }
    return "{\n  " + lines.joined(separator: ",\n  ") + "\n}"
  }

  // MARK: waiting

  /// Looks every millisecond until it holds. False: the time-out came first.
  private func waitUntil(_ tally: Tally, _ holds: @Sendable (Tally.State) -> Bool) async throws -> Bool {
    let end = Instant.now() + .seconds(timeout)
    while Instant.now() < end {
      if tally.read(holds) { return true }
      try await Task.sleep(for: .milliseconds(1))
    }
    return false
  }

  private func milliseconds(_ from: Instant, _ to: Instant) -> Double { Double(to.nanoseconds(since: from)) / 1e6 }
}
