/// A place in a settings file, both numbers from 1.
public struct Mark: Sendable, Hashable, CustomStringConvertible {
  public let line: Int
  public let column: Int

  /// A place; numbers below 1 count as 1.
  public init(line: Int, column: Int) {
    self.line = max(1, line)
    self.column = max(1, column)
  }

  /// `line 3 column 5`
  public var description: String { "line \(line) column \(column)" }
}

/// Where a value came from.
public enum Origin: Sendable, Hashable, CustomStringConvertible {
  /// Nobody set it: the default.
  case standard
  case file(Mark)
  case environment(String)
  case option(String)

  /// For people: `line 3 column 5`, `HEDDLE_MESH`, `--mesh`, `default`.
  public var description: String {
    switch self {
    case .standard: "default"
    case .file(let mark): mark.description
    case .environment(let name), .option(let name): name
    }
  }
}

/// One thing that is wrong with settings. The author of the settings can repair it; trying again does not help.
public struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
  /// The key, `outbound.listen`; empty when the file as a whole is meant.
  public let path: String
  /// What is wrong, without the place.
  public let message: String
  public let origin: Origin
  /// What to try instead, or empty.
  public let hint: String

  /// Describes a problem.
  public init(path: String, message: String, origin: Origin, hint: String = "") {
    self.path = path
    self.message = message
    self.origin = origin
    self.hint = hint
  }

  /// `outbound.lisen: unknown key, line 3 column 5; did you mean listen?`
  public var description: String {
    let place = path.isEmpty ? message : "\(path): \(message)"
    let located = origin == .standard ? place : "\(place), \(origin)"
    return hint.isEmpty ? located : "\(located); \(hint)"
  }
}

/// Everything that is wrong, so that one run shows it all.
public struct SettingsError: Error, Sendable, CustomStringConvertible {
  public let problems: [Problem]

  /// At least one problem.
  public init(_ problems: [Problem]) { self.problems = problems }

  /// One line per problem.
  public var description: String { problems.map(\.description).joined(separator: "\n") }
}
