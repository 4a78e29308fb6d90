import ArgumentParser
import JSONFormat

/// Options of every command that changes configuration.
struct WriteOptions: ParsableArguments {
  @Option(help: "Why, for the history.")
  var reason: String?

  @Flag(help: "Validate and show what would change; store nothing.")
  var dryRun = false

  @Flag(help: "Override a refusal that protects connected proxies.")
  var force = false

  @Flag(help: "Wait until every proxy runs the change: exit 0 complete, 1 rejected, 5 otherwise.")
  var wait = false

  @Option(help: "With --wait: how long, at most 60s.")
  var timeout: DurationArgument = .init(seconds: 5)

  @Option(help: ArgumentHelp("Change only if the namespace is still at this revision.", valueName: "revision"))
  var ifRevision: UInt64?

  func query() -> Query {
    var query = Query()
    if dryRun { query.set("dry_run", "true") }
    if force { query.set("force", "true") }
    if wait, !dryRun {
      query.set("wait", "applied")
      query.set("timeout", timeout.text)
    }
    return query
  }

  var headers: [APICall.Header] {
    var headers: [APICall.Header] = []
    if let reason { headers.append(.init("heddle-reason", reason)) }
    if let ifRevision { headers.append(.init("if-match", "\"\(ifRevision)\"")) }
    return headers
  }
}

extension Session {
  /// Sends a configuration write, prints what came of it, and ends as `--wait` says.
  /// - Parameter done: one line for people about what was done, given the answer.
  func change(
    _ method: String, _ path: String, body: JSON? = nil, options: WriteOptions,
    done: (JSON) -> String
  ) throws(ConsoleError) {
    let json = body?.printed ?? []
    do {
      try change(method, path, bytes: json, type: body == nil ? nil : "application/json", options: options, done: done)
    } catch {
      guard case .refused(let problem) = error else { throw error }
      throw .refused(problem.showing { body?.at(pointer: $0)?.text })
    }
  }

  func change(
    _ method: String, _ path: String, bytes: [UInt8], type: String?, options: WriteOptions, done: (JSON) -> String
  ) throws(ConsoleError) {
    let typed: [APICall.Header] = type.map { [.init("content-type", $0)] } ?? []
    let call = APICall(method, path + options.query().text, headers: typed + options.headers, body: bytes)
    let answer = try document(try accepted(call))
    try show(answer) { ChangeReport(answer, isDryRun: options.dryRun).text(done: done(answer), on: terminal) }
    warn(of: answer)
    if options.wait, !options.dryRun { try BarrierOutcome(answer).conclude() }
  }

  /// Warnings go to standard error, so that they are seen and do not spoil what is piped on.
  func warn(of answer: JSON) {
    guard format == .table else { return }
    for warning in answer["warnings"]?.items ?? [] {
      let text =
        warning.text ?? [warning["code"]?.text, warning["detail"]?.text].compactMap { $0 }.joined(separator: ": ")
      terminal.complain(terminal.painted("warning: ", .yellow) + (text.isEmpty ? warning.plain : text) + "\n")
    }
  }
}

/// What a write came to, for people.
struct ChangeReport {
  let answer: JSON
  let isDryRun: Bool

  init(_ answer: JSON, isDryRun: Bool) {
    self.answer = answer
    self.isDryRun = isDryRun
  }

  func text(done: String, on terminal: Terminal) -> String {
    var lines: [String] = []
    if isDryRun {
      lines.append("dry run, nothing stored")
      lines += DiffText.lines(answer["diff"] ?? answer["changes"] ?? .null, on: terminal)
    } else {
      lines.append(done + (answer["revision"]?.integer.map { " (revision \($0))" } ?? ""))
    }
    if let barrier = BarrierOutcome(found: answer) { lines.append(barrier.summary) }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// The answer to `wait=applied`.
struct BarrierOutcome {
  let isComplete: Bool
  let applied: Int
  let pending: [String]
  let rejected: [(id: String, error: String)]
  let disconnected: [String]

  init(_ answer: JSON) {
    let answer = answer["wait"] ?? answer
    isComplete = answer["complete"]?.isTrue ?? false
    applied = answer["applied"]?.integer ?? 0
    pending = (answer["pending"]?.items ?? []).map(\.plain)
    rejected = (answer["rejected"]?.items ?? []).map { ($0["id"]?.text ?? "?", $0["error"]?.plain ?? "") }
    disconnected = (answer["disconnected"]?.items ?? []).map(\.plain)
  }

  /// Nil when the answer says nothing of a barrier.
  init?(found answer: JSON) {
    guard (answer["wait"] ?? answer)["complete"] != nil else { return nil }
    self.init(answer)
  }

  var summary: String {
    var parts = ["applied by \(applied) \(applied == 1 ? "proxy" : "proxies")"]
    if !pending.isEmpty { parts.append("pending: " + pending.joined(separator: ", ")) }
    if !disconnected.isEmpty { parts.append("disconnected: " + disconnected.joined(separator: ", ")) }
    for (id, error) in rejected { parts.append("rejected by \(id): \(error)") }
    return parts.joined(separator: "; ")
  }

  /// 0 complete, 1 rejected, 5 otherwise.
  func conclude() throws(ConsoleError) {
    if !rejected.isEmpty {
      throw .failed("the change stands, but was rejected by \(rejected.map(\.id).joined(separator: ", "))")
    }
    if !isComplete {
      let why = applied == 0 && pending.isEmpty && disconnected.isEmpty ? "no proxy is connected" : summary
      throw .timedOut("the change stands, but not every proxy runs it: \(why)")
    }
  }
}

/// A diff as the controller gives it (`[{op, kind, name, before, after}]`) or as text, coloured by sign.
enum DiffText {
  static func lines(_ diff: JSON, on terminal: Terminal) -> [String] {
    if let text = diff.text { return text.split(separator: "\n").map { paint(String($0), on: terminal) } }
    let entries = diff.items ?? []
    guard !entries.isEmpty else { return ["no difference"] }
    return entries.flatMap { entry in
      if let text = entry.text { return [paint(text, on: terminal)] }
      let name = [entry["kind"], entry["name"] ?? entry["id"]].compactMap { $0?.plain }.joined(separator: " ")
      let before = entry["before"] ?? entry["old"] ?? .null
      let after = entry["after"] ?? entry["new"] ?? .null
      var lines: [String] = []
      if before != .null { lines.append(paint("- \(name) \(before.printedText)", on: terminal)) }
      if after != .null { lines.append(paint("+ \(name) \(after.printedText)", on: terminal)) }
      return lines.isEmpty ? ["  \(entry.printedText)"] : lines
    }
  }

  private static func paint(_ line: String, on terminal: Terminal) -> String {
    terminal.painted(line, line.hasPrefix("+") ? .green : line.hasPrefix("-") ? .red : .plain)
  }
}
