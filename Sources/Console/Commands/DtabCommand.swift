import ArgumentParser
import Foundation

struct DtabCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dtab", abstract: "The rules as one delegation table.",
    subcommands: [Get.self, Set.self, Edit.self, Check.self], defaultSubcommand: Get.self)

  struct Get: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Prints the dtab.", discussion: "EXAMPLE\n  heddle dtab get > rules.dtab")
    @Flag(help: "With splits, as proxies see it.") var effective = false
    @OptionGroup var common: CommonOptions

    /// The dtab is text in itself: only an explicit `-o` prints something else.
    func execute(in session: Session) throws(ConsoleError) {
      let query = Query(["effective": effective ? "true" : nil])
      guard common.output == nil || common.output == .table else {
        return try session.show(try session.get(session.path("dtab"), query: query)) { "" }
      }
      session.terminal.write(try session.dtab(query: query).text.endingInNewline)
    }
  }

  struct Set: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Replaces all rules at once by a dtab; entries that stay keep their ids.",
      discussion: """
        EXAMPLES
          heddle dtab set rules.dtab --reason 'users moves to v2'
          echo '/svc => /#/registry' | heddle dtab set -
        """)
    @Argument(help: "File, or - for standard input.") var file: String = "-"
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let text = try session.read(file)
      try NameText.check(dtab: text, file: file)
      try session.replaceDtab(text, options: write)
    }
  }

  struct Edit: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Opens the dtab in $VISUAL or $EDITOR and stores it, unless someone else did meanwhile.",
      discussion: "EXAMPLE\n  EDITOR=nano heddle dtab edit")
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let current = try session.dtab(query: Query())
      let edited = try Editor(environment: session.environment).edit(current.text, suffix: ".dtab")
      guard edited != current.text else { return session.terminal.line("unchanged") }
      do { try NameText.check(dtab: edited, file: "edited dtab") } catch {
        throw .failed(try Editor.rescue(edited, because: error, on: session.terminal))
      }
      var options = write
      options.ifRevision = options.ifRevision ?? current.revision
      do { try session.replaceDtab(edited, options: options) } catch {
        guard case .refused = error else { throw error }
        session.terminal.complain(FaultText.of(error, on: session.terminal))
        throw .failed(try Editor.rescue(edited, because: nil, on: session.terminal))
      }
    }
  }

  struct Check: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Parses a dtab here and asks the controller what storing it would change; stores nothing.",
      discussion: "EXAMPLES\n  heddle dtab check rules.dtab\n  heddle dtab check --offline rules.dtab")
    @Argument(help: "File, or - for standard input.") var file: String = "-"
    @Flag(help: "Only parse; ask no controller.") var offline = false
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let text = try session.read(file)
      let count = try NameText.check(dtab: text, file: file)
      guard !offline else { return session.terminal.line("\(count) \(count == 1 ? "entry" : "entries"), well formed") }
      var options = WriteOptions.none
      options.dryRun = true
      try session.replaceDtab(text, options: options)
    }
  }
}

extension WriteOptions {
  /// The options of a write that nobody gave options for.
  static var none: WriteOptions {
    guard let options = try? WriteOptions.parse([]) else { preconditionFailure("every write option has a default") }
    return options
  }
}

extension Session {
  fileprivate func dtab(query: Query) throws(ConsoleError) -> (text: String, revision: UInt64?) {
    let answer = try accepted(APICall("GET", path("dtab") + query.text, headers: [.init("accept", "text/plain")]))
    let tag = answer.header("etag").map { $0.filter { $0 != "\"" } }
    return (answer.text, tag.flatMap { UInt64($0) })
  }

  fileprivate func replaceDtab(_ text: String, options: WriteOptions) throws(ConsoleError) {
    try change("PUT", path("dtab"), bytes: Array(text.utf8), type: "text/plain", options: options) { _ in "dtab stored"
    }
  }

  /// The text of a file, or of standard input for `-`.
  func read(_ file: String) throws(ConsoleError) -> String {
    guard file != "-" else { return terminal.readInput() }
    do { return try String(contentsOfFile: file, encoding: .utf8) } catch {
      throw .usage("cannot read \(file): \(error.localizedDescription)")
    }
  }
}

extension String {
  var endingInNewline: String { hasSuffix("\n") || isEmpty ? self : self + "\n" }
  var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
