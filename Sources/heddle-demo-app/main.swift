import ArgumentParser

/// The demo's two halves in one program: a small HTTP service in several versions, and the caller that loads it.
struct DemoApp: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heddle-demo-app", abstract: "A small HTTP service to try Heddle with, and load for it.",
    subcommands: [ServeCommand.self, LoadCommand.self], defaultSubcommand: ServeCommand.self)
}

DemoApp.main()
