import Foundation
import Serving
import Synchronization
import SystemIO
import Testing

/// The controller is killed while rules are posted: what was answered stands, what was not stands whole or not at all.
@Suite(.serialized) struct StoreDurabilityTests {
  static let rounds = 8
  static let writers = 4

  @Test func answeredRulesOutliveEveryKill() throws {  // items 99, 109
    let mesh = try Mesh()
    let ledger = RuleLedger()
    var random = SeededNumbers(seed: 0x4865_6464_6C65)
    for round in 0..<Self.rounds {
      let before = ledger.answered.count
      let wanted = Int.random(in: 1...40, using: &random)
      let writing = Writing(to: mesh.rest, round: round, writers: Self.writers, ledger: ledger)
      try eventually("round \(round) has \(wanted) answers") { ledger.answered.count >= before + wanted ? () : nil }
      usleep(UInt32.random(in: 0...20_000, using: &random))
      mesh.killController()
      try writing.end()
      try mesh.restartController()
      try check(ledger, mesh, round: round)
    }
    #expect(ledger.answered.count >= Self.rounds)
  }

  private func check(_ ledger: RuleLedger, _ mesh: Mesh, round: Int) throws {
    let list = try curl(mesh.url("/namespaces/default/rules")).json
    let rules = list["rules"] as? [[String: Any]] ?? []
    var stored: [String: [String: Any]] = [:]
    for rule in rules { stored[rule["prefix"] as? String ?? ""] = rule }
    #expect(stored.count == rules.count, "round \(round): a rule stands twice")

    for (id, sent) in ledger.answered {
      let rule = stored[sent.prefix]
      #expect(rule?["id"] as? String == id, "round \(round): \(sent.prefix) was answered as \(id) and is \(rule ?? [:])")
    }
    // Answered or not: a rule that stands is the whole one.
    for (prefix, rule) in stored {
      let sent = ledger.sent[prefix]
      #expect(rule["destination"] as? String == sent?.destination, "round \(round): \(prefix)")
      #expect(rule["comment"] as? String == sent?.comment, "round \(round): \(prefix)")
    }

    // Each rule is one revision, after the one that made the namespace.
    let revision = list["revision"] as? Int ?? 0
    #expect(revision == rules.count + 1, "round \(round)")
    let numbers = try history(mesh)
    #expect(numbers == Array((1...max(1, revision)).reversed()), "round \(round): the history has a gap")
  }

  private func history(_ mesh: Mesh) throws -> [Int] {
    var numbers: [Int] = []
    var token: String? = nil
    repeat {
      let page = try curl(mesh.url("/namespaces/default/revisions?limit=1000" + (token.map { "&continue=\($0)" } ?? ""))).json
      numbers += (page["revisions"] as? [[String: Any]] ?? []).compactMap { $0["revision"] as? Int }
      token = page["continue"] as? String
    } while token != nil
    return numbers
  }
}

/// A rule as it was sent.
private struct SentRule: Sendable {
  let prefix: String
  let destination: String
  let comment: String

  init(_ number: Int, writer: Int, round: Int) {
    prefix = "/svc/r\(round)w\(writer)n\(number)"
    destination = "/#/registry/round\(round) | /#/registry/writer\(writer)"
    comment = "number \(number) " + String(repeating: "x", count: (number * 37) % 200)
  }

  var body: [UInt8] { Array("{\"prefix\":\"\(prefix)\",\"destination\":\"\(destination)\",\"comment\":\"\(comment)\"}".utf8) }
}

/// What was sent, and what was answered 2xx, under the rule's id.
private final class RuleLedger: Sendable {
  private let state = Mutex((sent: [String: SentRule](), answered: [String: SentRule]()))

  var sent: [String: SentRule] { state.withLock { $0.sent } }
  var answered: [String: SentRule] { state.withLock { $0.answered } }
  func send(_ rule: SentRule) { state.withLock { $0.sent[rule.prefix] = rule } }
  func answer(_ rule: SentRule, id: String) { state.withLock { $0.answered[id] = rule } }
}

/// Several writers that post until the controller is gone.
private final class Writing: Sendable {
  private let ended = Mutex(0)
  private let complaints = Mutex<[String]>([])
  private let writers: Int

  init(to rest: String, round: Int, writers: Int, ledger: RuleLedger) {
    self.writers = writers
    for writer in 0..<writers {
      startThread(name: "writer-\(writer)") { [self] in
        if let address = SocketAddress(rest) { write(HTTPClient(address: address), writer, round, ledger) }
        ended.withLock { $0 += 1 }
      }
    }
  }

  /// Waits until all have seen that the controller is gone.
  func end() throws {
    try eventually("the writers see that the controller is gone") { ended.withLock { $0 == writers } ? () : nil }
    #expect(complaints.withLock { $0 } == [])
  }

  private func write(_ client: HTTPClient, _ writer: Int, _ round: Int, _ ledger: RuleLedger) {
    for number in 0... {
      let rule = SentRule(number, writer: writer, round: round)
      ledger.send(rule)
      // The kill is meant to be seen here as an error: the rule then may stand or not.
      guard
        let answer = try? client.send(
          "POST", "/v1/namespaces/default/rules", headers: ["content-type": "application/json"], body: rule.body)
      else { return }
      let json = (try? JSONSerialization.jsonObject(with: Data(answer.bytes ?? []))) as? [String: Any]
      guard answer.status == 201, let id = json?["id"] as? String else {
        return complaints.withLock { $0.append("\(answer.status) \(String(decoding: answer.bytes ?? [], as: UTF8.self))") }
      }
      ledger.answer(rule, id: id)
    }
  }
}
