import ArgumentParser
import JSONFormat

struct HistoryCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Who changed what, when and why; one revision in full with its number.",
    discussion: "EXAMPLES\n  heddle history\n  heddle history 42")
  @Argument(help: "Show this revision's diff.") var revision: UInt64?
  @Option(help: "How many, newest first.") var limit: Int = 20
  @OptionGroup var common: CommonOptions

  func execute(in session: Session) throws(ConsoleError) {
    if let revision {
      let answer = try session.get(session.path("revisions", "\(revision)"))
      return try session.show(answer) { Self.describe(answer, on: session.terminal) }
    }
    let answer = try session.get(session.path("revisions"), query: Query(["limit": "\(limit)"]))
    try session.show(answer) {
      var table = Table(["REVISION", "WHEN", "WHO", "CHANGES", "WHY"], numeric: ["REVISION"])
      for item in answer["revisions"]?.items ?? [] {
        table.add(
          .init((item["revision"] ?? item["number"])?.plain ?? ""), .init(Self.when(item)), .init(Self.who(item)),
          .init(Self.summary(item)), .init(Self.why(item), .faint))
      }
      return table.render(on: session.terminal)
    }
  }

  private static func when(_ item: JSON) -> String {
    (item["committed_at"] ?? item["at"] ?? item["when"])?.plain ?? ""
  }
  private static func who(_ item: JSON) -> String { (item["author"] ?? item["actor"] ?? item["who"])?.plain ?? "" }
  private static func why(_ item: JSON) -> String { (item["reason"] ?? item["why"])?.plain ?? "" }

  private static func summary(_ item: JSON) -> String {
    if let text = item["summary"]?.text { return text }
    let changes = (item["changes"] ?? item["diff"])?.items ?? []
    let words = changes.prefix(3).map {
      [$0["op"], $0["kind"], $0["name"]].compactMap { $0?.plain }.joined(separator: " ")
    }
    return words.joined(separator: ", ") + (changes.count > 3 ? " and \(changes.count - 3) more" : "")
  }

  private static func describe(_ item: JSON, on terminal: Terminal) -> String {
    let head =
      "revision \((item["revision"] ?? item["number"])?.plain ?? "")  \(when(item))  \(who(item))  \(why(item))".trimmed
    return ([head] + DiffText.lines(item["diff"] ?? item["changes"] ?? .null, on: terminal)).joined(separator: "\n")
      + "\n"
  }
}

struct RollbackCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Makes the configuration of an earlier revision the newest one.",
    discussion: "EXAMPLE\n  heddle rollback 41 --wait --reason 'errors since 42'")
  @Argument(help: "The revision whose state to restore.") var revision: UInt64
  @OptionGroup var write: WriteOptions
  @OptionGroup var common: CommonOptions

  func execute(in session: Session) throws(ConsoleError) {
    try session.change("POST", session.path("revisions") + "/\(revision):rollback", options: write) { _ in
      "back at the state of revision \(revision)"
    }
  }
}
