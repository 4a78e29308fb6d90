import ArgumentParser
import JSONFormat

struct VersionCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Versions of this program and the controller.")
  @OptionGroup var common: CommonOptions

  /// The own version is known even when no controller answers, so it is printed first.
  func execute(in session: Session) throws(ConsoleError) {
    let controller: JSON
    do { controller = try session.get("/version") } catch {
      if session.format == .table { session.terminal.line("heddle \(Version.text)") }
      throw error
    }
    let both: JSON = ["heddle": .string(Version.text), "controller": controller["version"] ?? controller]
    try session.show(both) { "heddle \(Version.text)\ncontroller \(both["controller"]?.plain ?? "")\n" }
  }
}

struct CompletionCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "completion", abstract: "Prints a completion script for bash, zsh or fish.",
    discussion: "EXAMPLE\n  source <(heddle completion bash)")
  @Argument(help: "bash, zsh or fish.") var shell: Shell
  @OptionGroup var common: CommonOptions

  enum Shell: String, ExpressibleByArgument, CaseIterable {
    case bash, zsh, fish
  }

  func execute(in session: Session) throws(ConsoleError) {
    let kind: CompletionShell =
      switch shell {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    session.terminal.line(HeddleCommand.completionScript(for: kind))
  }
}
