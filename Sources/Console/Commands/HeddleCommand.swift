import ArgumentParser

/// The root of the command line; each noun is a file beside this one.
struct HeddleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heddle", abstract: "Routes requests between services: rules, splits, proxies, metrics.",
    discussion: """
      EXAMPLES
        heddle rules add /svc/users /#/registry/users-v1
        heddle shift users v2=10% --wait
        heddle top backend
        heddle resolve /svc/users
        heddle rollback 41 --reason "errors since 42"

      EXIT STATUS
        0 done, 1 failed check or rejected, 2 usage, 3 unreachable, 4 conflict, 5 timed out
      """,
    version: "heddle \(Version.text)",
    subcommands: [
      RulesCommand.self, DtabCommand.self, SplitCommand.self, ShiftCommand.self, RoutesCommand.self,
      ServicesCommand.self,
      ResolveCommand.self,
      ProxiesCommand.self, IdentityCommand.self, AuthzCommand.self, StatCommand.self, TopCommand.self,
      WatchCommand.self, HistoryCommand.self,
      RollbackCommand.self,
      ApplyCommand.self, DiffCommand.self, CheckCommand.self, NamespacesCommand.self, VersionCommand.self,
      CompletionCommand.self,
    ])
}

enum Version {
  static let text = "0.1.0"
}
