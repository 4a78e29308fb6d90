import ArgumentParser
import JSONFormat

struct CheckCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Is everything well? Says what is not, and what to do about it.",
    discussion: "EXAMPLE\n  heddle check || heddle proxies")
  @OptionGroup var common: CommonOptions

  func execute(in session: Session) throws(ConsoleError) {
    var findings = try CheckUp.ofController(session)
    findings += try CheckUp.ofProxies(session)
    findings += try CheckUp.ofNames(session)
    try session.show(.array(findings.map(\.json))) { findings.map { $0.text(on: session.terminal) }.joined() }
    let failed = findings.count { $0.verdict == .fault }
    if failed > 0 { throw .failed("\(failed) \(failed == 1 ? "thing is" : "things are") not well") }
  }
}

struct Finding: Equatable {
  enum Verdict: String { case well, warning, fault }

  let verdict: Verdict
  let what: String
  var hint: String?

  var json: JSON {
    let base: [JSON.Member] = [.init("verdict", .string(verdict.rawValue)), .init("what", .string(what))]
    return .object(base + (hint.map { [.init("hint", .string($0))] } ?? []))
  }

  func text(on terminal: Terminal) -> String {
    let mark: (String, Paint) =
      switch verdict {
      case .well: ("✓", .green)
      case .warning: ("!", .yellow)
      case .fault: ("✗", .red)
      }
    return "\(terminal.painted(mark.0, mark.1)) \(what)\n" + (hint.map { "    hint: \($0)\n" } ?? "")
  }
}

/// The single checks; each asks the controller and judges the answer.
enum CheckUp {
  static func ofController(_ session: Session) throws(ConsoleError) -> [Finding] {
    var findings: [Finding] = []
    let version = try session.get("/version")["version"]?.plain ?? "unknown"
    findings.append(
      version == Version.text
        ? Finding(verdict: .well, what: "controller answers, version \(version)")
        : Finding(
          verdict: .warning, what: "controller is version \(version), this program \(Version.text)",
          hint: "use the heddle that came with the controller"))
    return findings + (try readiness(session))
  }

  /// One finding for each check of the controller's own that is not well; one for all of them otherwise.
  private static func readiness(_ session: Session) throws(ConsoleError) -> [Finding] {
    let answer = try session.api.send(APICall("GET", "/readyz?verbose"))
    let checks = (try? JSON.answer(answer.body))?["checks"]?.items ?? []
    let faults = checks.filter { $0["ok"] == false }.map {
      Finding(
        verdict: $0["fatal"]?.isTrue == true ? .fault : .warning,
        what: "controller, \($0["name"]?.plain ?? "?"): \($0["detail"]?.plain ?? "not well")",
        hint: "see docs/operations.md")
    }
    if !faults.isEmpty { return faults }
    return answer.status == 200
      ? [Finding(verdict: .well, what: "controller is ready")]
      : [
        Finding(
          verdict: .fault, what: "controller is not ready: \(answer.text.trimmed)", hint: "see the controller's log")
      ]
  }

  static func ofProxies(_ session: Session) throws(ConsoleError) -> [Finding] {
    let proxies = try session.list("/v1/proxies", member: "proxies", query: Query(["namespace": session.namespace]))
    let list = proxies["proxies"]?.items ?? []
    guard !list.isEmpty else {
      return [
        Finding(
          verdict: .warning, what: "no proxy is connected",
          hint: "start heddle-proxy --mesh with the controller's mesh address")
      ]
    }
    let findings = list.compactMap { finding(of: $0) }
    let synced = Finding(
      verdict: .well, what: "\(list.count - findings.count) of \(list.count) proxies run the newest revision")
    return (findings.count < list.count ? [synced] : []) + findings
  }

  private static func finding(of proxy: JSON) -> Finding? {
    let id = proxy["id"]?.plain ?? "?"
    let error = proxy["last_error"]?.plain ?? ""
    switch proxy["state"]?.text {
    case "synced": return nil
    case "pending":
      return Finding(
        verdict: .warning, what: "proxy \(id) has not yet acknowledged the newest revision",
        hint: "look again in a moment")
    case "rejected":
      return Finding(
        verdict: .fault, what: "proxy \(id) refuses the configuration: \(error)",
        hint: "undo what it names: heddle history, then heddle rollback")
    case "stale":
      return Finding(
        verdict: .fault, what: "proxy \(id) is connected but silent", hint: "look at its host and at its /readyz")
    case "disconnected":
      return Finding(
        verdict: .fault, what: "proxy \(id) is disconnected",
        hint: "if it is gone for good: heddle proxies forget \(id)")
    default: return Finding(verdict: .warning, what: "proxy \(id) is in state \(proxy["state"]?.plain ?? "unknown")")
    }
  }

  static func ofNames(_ session: Session) throws(ConsoleError) -> [Finding] {
    let rules = try session.list(session.path("rules"), member: "rules")["rules"]?.items ?? []
    let splits = try session.list(session.path("splits"), member: "splits")["splits"]?.items ?? []
    let services = try session.list(session.path("services"), member: "services")["services"]?.items ?? []
    var findings = splits.compactMap { zeroWeights(in: $0) }
    let backends = splits.flatMap { $0["backends"]?.items ?? [] }
    var used: Set<String> = []
    for destination in (rules + backends).compactMap({ $0["destination"]?.text }) {
      used.formUnion(NameText.registryNames(in: destination))
    }
    findings += used.sorted().compactMap { missingEndpoints(of: $0, in: services) }
    if findings.isEmpty {
      findings.append(
        Finding(
          verdict: .well, what: "rules: \(rules.count), splits: \(splits.count); every service they name has endpoints")
      )
    }
    return findings
  }

  private static func zeroWeights(in split: JSON) -> Finding? {
    let weights = (split["backends"]?.items ?? []).map { $0["weight"]?.double ?? 0 }
    guard weights.allSatisfy({ $0 == 0 }) else { return nil }
    let name = split["name"]?.plain ?? "?"
    return Finding(
      verdict: .fault, what: "split \(name): all weights are 0, requests get 503 no-endpoints",
      hint: "heddle shift \(name) BACKEND=100")
  }

  private static func missingEndpoints(of name: String, in services: [JSON]) -> Finding? {
    let service = services.first { $0["name"]?.text == name }
    let count = service.map { $0["endpoints"]?.items?.count ?? $0["endpoint_count"]?.integer ?? 0 } ?? 0
    guard count == 0 else { return nil }
    return Finding(
      verdict: .fault, what: "service \(name) is named by a rule or split and has no endpoint",
      hint: "heddle services register \(name) HOST:PORT")
  }
}
