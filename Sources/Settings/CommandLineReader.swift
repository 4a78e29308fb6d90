/// What a command line said.
public struct ParsedCommandLine: Sendable {
  /// Options with their values, in order: `("--mesh", "10.0.0.1")`.
  public var options: [(name: String, value: String)] = []
  /// Flags that were given, such as `--version`.
  public var flags: Set<String> = []
}

/// A mistake in a command line; the message is for the person who typed it.
public struct CommandLineError: Error, Sendable, CustomStringConvertible {
  public let description: String
}

/// Reads command lines of programs whose options come from a settings table: `--name value`, `--name=value`, and flags.
public struct CommandLineReader: Sendable {
  /// Options that take a value, with their placeholder and meaning.
  private let valued: [(name: String, meaning: String)]
  private let flags: [(name: String, meaning: String)]

  /// The options of a table, and more of the program's own.
  public init(
    table: SettingsTable, options: [(name: String, meaning: String)], flags: [(name: String, meaning: String)]
  ) {
    valued =
      options
      + table.settings.compactMap { setting in
        setting.option.map { name in
          let standard = setting.standard.flatMap { $0.isEmpty ? nil : " [\($0)]" } ?? ""
          return (name, setting.summary + standard)
        }
      }
    self.flags = flags
  }

  /// Reads the arguments after the program's name.
  public func read(_ arguments: [String]) throws(CommandLineError) -> ParsedCommandLine {
    var parsed = ParsedCommandLine()
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let name = parts.first ?? ""
      if flags.contains(where: { $0.name == name }), parts.count == 1 {
        parsed.flags.insert(name)
      } else if valued.contains(where: { $0.name == name }) {
        guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
          throw CommandLineError(description: "\(name) needs a value")
        }
        parsed.options.append((name, value))
      } else {
        let near = nearest(to: name, in: (valued + flags).map(\.name))
        throw CommandLineError(description: "unknown option \(name)" + (near.map { "; did you mean \($0)?" } ?? ""))
      }
    }
    return parsed
  }

  /// One line per option, for `--help`.
  public var help: String {
    let rows = valued.map { ("\($0.name) VALUE", $0.meaning) } + flags.map { ($0.name, $0.meaning) }
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { "  \($0.0)\(String(repeating: " ", count: width - $0.0.count))  \($0.1)" }.joined(separator: "\n")
  }
}

extension SettingsTable {
  /// The table as a Markdown page, which the documentation holds and a test compares.
  public var markdown: String {
    var lines = ["| key | default | environment, option | meaning |", "|---|---|---|---|"]
    for setting in settings {
      let standard = setting.standard.map { $0.isEmpty ? "–" : "`\($0)`" } ?? "–"
      let ways = [setting.environment, setting.option].compactMap { $0 }.map { "`\($0)`" }.joined(separator: ", ")
      let meaning = setting.summary.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
      lines.append(
        "| `\(setting.path)` | \(standard) | \(ways.isEmpty ? "–" : ways) | \(meaning) (\(setting.expectation)) |")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
