import ArgumentParser

enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
  case table, json, yaml
}

/// Options of every command; they may stand before the noun too (`heddle -n prod rules list`).
struct CommonOptions: ParsableArguments {
  @Option(name: [.customShort("n"), .long], help: "Namespace (default: $HEDDLE_NAMESPACE, else 'default').")
  var namespace: String?

  @Option(
    name: [.customShort("o"), .long],
    help: "table, json or yaml (default: $HEDDLE_OUTPUT, else table on a terminal, else json).")
  var output: OutputFormat?

  @Option(help: "Controller's REST address (default: $HEDDLE_CONTROLLER, else http://127.0.0.1:4180).")
  var controller: String?

  @Option(help: ArgumentHelp("Longest wait for one answer of the controller.", valueName: "duration"))
  var requestTimeout: DurationArgument = .init(seconds: 70)
}

/// `250ms`, `5s`, `1m`.
struct DurationArgument: ExpressibleByArgument, CustomStringConvertible {
  let duration: Duration
  let text: String

  init?(argument: String) {
    guard let duration = Figures.duration(argument) else { return nil }
    self.duration = duration
    self.text = argument
  }

  init(seconds: Int) {
    duration = .seconds(seconds)
    text = "\(seconds)s"
  }

  var description: String { text }
  var defaultValueDescription: String { text }
}

/// A command that can run: it is given a session instead of reaching for the process.
protocol Verb: ParsableCommand {
  var common: CommonOptions { get }
  func execute(in session: Session) throws(ConsoleError)
}
