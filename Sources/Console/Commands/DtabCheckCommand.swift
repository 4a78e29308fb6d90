import ArgumentParser
import JSONFormat
import MeshProtocol

extension DtabCommand {
  struct Check: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Parses a dtab, says what in it is probably not meant, and what storing it would change.",
      discussion: """
        Faults and findings are shown under their place in the text. Then the controller is asked, which knows services
        and namers; it stores nothing. Exit status 1: the text is no dtab, it loops, the controller would refuse it, or,
        with --strict, something was found.

        EXAMPLES
          heddle dtab check rules.dtab
          heddle dtab check --offline --strict rules.dtab
          heddle dtab get | heddle dtab check -
        """)
    @Argument(help: "File, or - for standard input.") var file: String = "-"
    @Flag(help: "Ask no controller.") var offline = false
    @Flag(help: "Exit 1 also for warnings.") var strict = false
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let text = try session.read(file)
      try NameText.check(dtab: text, file: file)
      guard let read = try? DtabText(parsing: text) else { throw .failed("\(file) is no dtab") }
      let found = DtabFindings(read)
      let count = read.entries.count
      let summary = "\(count) \(count == 1 ? "entry" : "entries"), well formed"
      if session.format == .table { session.terminal.complain(found.text(in: text, on: session.terminal)) }
      if found.hasErrors { throw .failed("the rules loop; they would be refused") }
      var others: [JSON] = []
      if offline {
        try session.show(
          .object([.init("entries", JSON(count)), .init("findings", found.json(in: text))])
        ) { summary + "\n" }
      } else {
        others = try check(text, found, summary, in: session)
      }
      if strict, !found.findings.isEmpty || !others.isEmpty { throw .failed("something was found") }
    }

    /// - Returns: what only the controller could find.
    private func check(
      _ text: String, _ found: DtabFindings, _ summary: String, in session: Session
    ) throws(ConsoleError) -> [JSON] {
      var options = WriteOptions.none
      options.dryRun = true
      let call = APICall(
        "PUT", session.path("dtab") + options.query().text, headers: [.init("content-type", "text/plain")],
        body: Array(text.utf8))
      let answer = try session.document(try session.accepted(call))
      let known = Swift.Set(found.findings.map(\.finding.code.rawValue))
      let others = (answer["warnings"]?.items ?? []).filter { !known.contains($0["code"]?.text ?? "") }
      let all = JSON.object((answer.members ?? []) + [.init("findings", found.json(in: text))])
      try session.show(all) {
        summary + "\n" + ChangeReport(answer, isDryRun: true).text(done: "", on: session.terminal)
      }
      session.warn(of: .object([.init("warnings", .array(others))]))
      return others
    }
  }

  struct Diff: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Shows how a dtab differs from the stored one: entries added (+), removed (-), moved (>).",
      discussion: """
        EXAMPLES
          heddle dtab diff rules.dtab
          heddle dtab diff rules.dtab --exit-code && echo same
        """)
    @Argument(help: "File, or - for standard input.") var file: String = "-"
    @Flag(help: "Exit 1 when there are differences.") var exitCode = false
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let text = try session.read(file)
      try NameText.check(dtab: text, file: file)
      let stored = try session.dtab(query: Query())
      guard let new = try? Dtab(parsing: text), let old = try? Dtab(parsing: stored.text) else {
        throw .failed("the stored dtab cannot be read")
      }
      let diff = DtabDiff(from: old, to: new)
      try session.show(diff.json) { diff.text(on: session.terminal).map { $0 + "\n" }.joined() }
      if exitCode, !diff.lines.isEmpty { throw .failed("there are differences") }
    }
  }
}
