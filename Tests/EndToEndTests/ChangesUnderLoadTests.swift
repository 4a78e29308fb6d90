import Foundation
import Serving
import Synchronization
import SystemIO
import Testing

/// Tables are swapped a hundred times a second, and the proxy leaves, while requests flow: none is lost.
@Suite(.serialized) struct ChangesUnderLoadTests {
  static let requests = 5_000
  static let changes = 200

  @Test func hundredChangesASecondLoseNoRequest() throws {
    let mesh = try Mesh()
    for label in ["v1", "v2"] { try mesh.register("users-\(label)", try mesh.startService(label, delay: "0ms").address) }
    let proxy = try mesh.startProxy("edge")
    let split = try curl(
      "-X", "PUT", mesh.url("/namespaces/default/splits/users?wait=applied"),
      body: #"""
        {"prefix": "/svc/users", "backends": [
          {"name": "v1", "destination": "/#/registry/users-v1", "weight": 50},
          {"name": "v2", "destination": "/#/registry/users-v2", "weight": 50}]}
        """#)
    #expect(split.json["complete"] as? Bool == true, "\(split)")

    let shifting = try Shifting(mesh.rest, splits: "users", perSecond: 100)
    let callers = try Callers(4, through: proxy.address, host: "users")
    try eventually("\(Self.requests) requests and \(Self.changes) changes") {
      callers.seen.total >= Self.requests && shifting.count >= Self.changes ? () : nil
    }
    let (revision, refusals) = try shifting.stop()
    let counts = try callers.stop()
    #expect(refusals == [])
    #expect(counts.failed == [])
    #expect(counts.refused == 0)
    #expect(Set(counts.answered.keys) == ["v1", "v2"])
    try eventually("the proxy runs the last change") {
      try mesh.proxyStatus("edge")?["revision_acknowledged"] as? Int == revision ? () : nil
    }
    #expect(proxy.program.isRunning, "\(proxy.program.text)")
  }

  @Test func drainLosesNoRequest() throws {
    let mesh = try Mesh()
    try mesh.register("web", try mesh.startService("v1").address)
    for round in 0..<4 {
      let proxy = try mesh.startProxy("edge", workers: 1 + round % 2)
      if round == 0 { try mesh.route("/svc", "/#/registry") }
      try eventually("round \(round) serves") { try curl("-H", "Host: web", "http://\(proxy.address)/").status == 200 ? () : nil }
      // Some callers rest between requests, so that the signal finds connections busy, idle and between the two.
      let callers = try Callers(12, through: proxy.address, host: "web") { UInt32($0 % 4) * 2_000 }
      try eventually("all are calling") { callers.seen.total >= 100 ? () : nil }
      proxy.program.terminate()
      try eventually("every caller is told to leave") { callers.seen.ended == 12 ? () : nil }
      let counts = try callers.stop()
      #expect(counts.failed == [], "round \(round)")
      #expect(counts.refused == 12, "round \(round)")
      #expect(try proxy.program.exitCode() == 0, "\(proxy.program.text)")
    }
  }
}

/// Moves a split's weights at a steady rate until it is stopped.
private final class Shifting: Sendable {
  private struct Progress {
    var count = 0
    var revision = 0
    var refusals: [String] = []
    var isStopped = false
    var hasEnded = false
  }

  private let progress = Mutex(Progress())

  init(_ rest: String, splits name: String, perSecond rate: UInt64) throws {
    guard let address = SocketAddress(rest) else { throw NeverHappened(description: "'\(rest)' is an address") }
    startThread(name: "shifting") { [self] in
      let client = HTTPClient(address: address)
      let began = Instant.now()
      for number in 0... {
        if progress.withLock({ $0.isStopped }) { break }
        let due = began.adding(nanoseconds: UInt64(number) * 1_000_000_000 / rate)
        let now = Instant.now()
        if due > now { usleep(UInt32(due.nanoseconds(since: now) / 1000)) }
        shift(client, name, percent: 1 + number * 7 % 99)
      }
      progress.withLock { $0.hasEnded = true }
    }
  }

  var count: Int { progress.withLock { $0.count } }

  /// The last revision, and what was not answered with 200.
  func stop() throws -> (revision: Int, refusals: [String]) {
    progress.withLock { $0.isStopped = true }
    return try eventually("shifting ends") {
      progress.withLock { $0.hasEnded ? ($0.revision, $0.refusals) : nil }
    }
  }

  private func shift(_ client: HTTPClient, _ name: String, percent: Int) {
    let refusal: String
    do {
      let answer = try client.send(
        "PATCH", "/v1/namespaces/default/splits/\(name)", headers: ["content-type": "application/json"],
        body: Array("{\"percent\": {\"v2\": \(percent)}}".utf8))
      let json = (try? JSONSerialization.jsonObject(with: Data(answer.bytes ?? []))) as? [String: Any]
      if answer.status == 200, let revision = json?["revision"] as? Int {
        return progress.withLock {
          $0.count += 1
          $0.revision = revision
        }
      }
      refusal = "\(answer.status) \(json ?? [:])"
    } catch {
      refusal = "\(error)"
    }
    progress.withLock { $0.refusals.append(refusal) }
  }
}
