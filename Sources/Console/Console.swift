import ArgumentParser

/// The command line's entry: arguments in, an exit status out, everything between through the given terminal and controller.
public enum Console {
  /// - Parameters:
  ///   - arguments: without the program's name.
  ///   - connect: makes the controller's client from its address and the longest wait for an answer.
  public static func run(
    _ arguments: [String], environment: [String: String], terminal: Terminal,
    connect: (_ address: String, _ timeout: Duration) throws(ConsoleError) -> any ControllerAPI
  ) -> ProgramExit {
    do {
      let arguments = GlobalOptions.movedBehindVerb(arguments, of: HeddleCommand.self)
      var command = try HeddleCommand.parseAsRoot(arguments)
      guard let verb = command as? any Verb else {
        try command.run()  // help for what was asked, or for a noun without its verb: thrown
        return .done
      }
      let session = try session(for: verb.common, environment: environment, terminal: terminal, connect: connect)
      try verb.execute(in: session)
      return .done
    } catch let error as ConsoleError {
      terminal.complain(FaultText.of(error, on: terminal))
      return error.status
    } catch {
      return concluded(error, terminal: terminal)
    }
  }

  private static func session(
    for options: CommonOptions, environment: [String: String], terminal: Terminal,
    connect: (String, Duration) throws(ConsoleError) -> any ControllerAPI
  ) throws(ConsoleError) -> Session {
    let address = options.controller ?? environment["HEDDLE_CONTROLLER"] ?? "http://127.0.0.1:4180"
    let usual = environment["HEDDLE_OUTPUT"].flatMap(OutputFormat.init(rawValue:))
    return Session(
      api: try connect(address, options.requestTimeout.duration), terminal: terminal, environment: environment,
      namespace: options.namespace ?? environment["HEDDLE_NAMESPACE"] ?? "default",
      asked: options.output ?? usual)
  }

  /// What the argument parser ends with: help and versions are answers, everything else is a usage error.
  private static func concluded(_ error: any Error, terminal: Terminal) -> ProgramExit {
    let message = HeddleCommand.fullMessage(for: error)
    if HeddleCommand.exitCode(for: error) == .success {
      terminal.line(message)
      return .done
    }
    terminal.complain(message + "\n")
    return .usage
  }
}

/// Lets options of all commands stand before the noun.
enum GlobalOptions {
  static let withValue: Set<String> = ["-n", "--namespace", "-o", "--output", "--controller", "--request-timeout"]

  static func movedBehindVerb(_ arguments: [String], of root: any ParsableCommand.Type) -> [String] {
    var index = 0
    while index < arguments.count {
      if withValue.contains(arguments[index]) {
        index += 2
      } else if withValue.contains(where: { arguments[index].hasPrefix($0 + "=") }) {
        index += 1
      } else {
        break
      }
    }
    guard index > 0, index < arguments.count else { return arguments }
    let (moved, rest) = (arguments[..<index], arguments[index...])
    let words = wordsOfVerb(rest, of: root)
    return Array(rest.prefix(words) + moved + rest.dropFirst(words))
  }

  private static func wordsOfVerb(_ arguments: ArraySlice<String>, of root: any ParsableCommand.Type) -> Int {
    var command = root
    var count = 0
    for word in arguments {
      guard let next = command.configuration.subcommands.first(where: { name(of: $0) == word }) else { break }
      command = next
      count += 1
    }
    return count
  }

  /// A verb without a name of its own is called like its type.
  private static func name(of command: any ParsableCommand.Type) -> String {
    command.configuration.commandName ?? String(describing: command).lowercased()
  }
}
