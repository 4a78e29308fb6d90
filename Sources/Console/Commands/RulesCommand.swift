import ArgumentParser
import JSONFormat

struct RulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules", abstract: "The namespace's rules, in order; later ones win.",
    subcommands: [List.self, Add.self, Remove.self], defaultSubcommand: List.self)

  struct List: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Lists the rules.", discussion: "EXAMPLE\n  heddle rules list -o yaml")
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.list(session.path("rules"), member: "rules")
      try session.show(answer) {
        var table = Table(["ID", "PREFIX", "DESTINATION", "COMMENT"])
        for rule in answer["rules"]?.items ?? [] {
          table.add(
            .init(rule["id"]?.plain ?? ""), .init(rule["prefix"]?.plain ?? ""), .init(rule["destination"]?.plain ?? ""),
            .init(rule["comment"]?.plain ?? "", .faint))
        }
        return table.render(on: session.terminal)
      }
    }
  }

  struct Add: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Adds a rule, last unless --before names another; the last match wins.",
      discussion: """
        EXAMPLES
          heddle rules add /svc/users /#/registry/users-v1
          heddle rules add /svc/users '/#/registry/users-v2 | /#/registry/users-v1' --comment 'v1 as a net'
        """)
    @Argument(help: "Prefix of logical names, e.g. /svc/users; * stands for one segment.") var prefix: String
    @Argument(help: "Name tree, e.g. '/#/registry/a | /#/registry/b' or '9 * /a & 1 * /b'.") var destination: String
    @Option(help: ArgumentHelp("Place it before this rule.", valueName: "id")) var before: String?
    @Option(help: "A word for who reads the rules.") var comment: String?
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      try NameText.check(prefix: prefix)
      try NameText.check(destination: destination)
      var members: [JSON.Member] = [.init("prefix", .string(prefix)), .init("destination", .string(destination))]
      if let before { members.append(.init("before", .string(before))) }
      if let comment { members.append(.init("comment", .string(comment))) }
      try session.change("POST", session.path("rules"), body: .object(members), options: write) { answer in
        "added rule \((answer["id"] ?? answer["rule"]?["id"])?.plain ?? "")".trimmed
      }
    }
  }

  struct Remove: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Removes a rule by its id.", discussion: "EXAMPLE\n  heddle rules remove r-12 --reason 'v1 is gone'")
    @Argument(help: "The rule's id, as `rules list` shows it.") var id: String
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      try session.change("DELETE", session.path("rules", id), options: write) { _ in "removed rule \(id)" }
    }
  }
}
