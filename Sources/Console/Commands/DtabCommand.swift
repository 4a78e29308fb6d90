import ArgumentParser
import Foundation

struct DtabCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dtab", abstract: "The rules as one delegation table.",
    subcommands: [Get.self, Set.self, Edit.self, Check.self, Diff.self], defaultSubcommand: Get.self)

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
}

extension WriteOptions {
  /// The options of a write that nobody gave options for.
  static var none: WriteOptions {
    guard let options = try? WriteOptions.parse([]) else { preconditionFailure("every write option has a default") }
    return options
  }
}

extension Session {
  func dtab(query: Query) throws(ConsoleError) -> (text: String, revision: UInt64?) {
    let answer = try accepted(APICall("GET", path("dtab") + query.text, headers: [.init("accept", "text/plain")]))
    let tag = answer.header("etag").map { $0.filter { $0 != "\"" } }
    return (answer.text, tag.flatMap { UInt64($0) })
  }

  func replaceDtab(_ text: String, options: WriteOptions) throws(ConsoleError) {
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
