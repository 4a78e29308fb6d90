import ArgumentParser
import ControlPlane

@main
struct HeddleController: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heddle-controller", abstract: "The control plane of a Heddle mesh.",
    version: "heddle-controller \(ControllerProgram.version)",
    subcommands: [Serve.self, BackUp.self, Restore.self, Epoch.self], defaultSubcommand: Serve.self)

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      end(error)
    }
  }

  /// 0: help or version was asked for. 1: it failed. 2: the command line or the configuration is wrong.
  private static func end(_ error: any Error) -> Never {
    if exitCode(for: error).isSuccess { exit(withError: error) }
    if let failure = error as? ConfigurationFailure { ControllerProgram.fail("heddle-controller: \(failure)", code: 2) }
    if exitCode(for: error) == .validationFailure { ControllerProgram.fail(fullMessage(for: error), code: 2) }
    ControllerProgram.fail("heddle-controller: \(error)", code: 1)
  }
}

struct ConfigurationOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Configuration file (YAML).", valueName: "file")) var config: String?
  @Option(help: ArgumentHelp("Where the REST API answers (default 127.0.0.1:4180).", valueName: "host:port"))
  var restListen: String?
  @Option(help: ArgumentHelp("Names under which the REST API is reached.", valueName: "names")) var restNames: String?
  @Option(help: ArgumentHelp("Where proxies connect (default 127.0.0.1:4321).", valueName: "host:port")) var meshListen:
    String?
  @Option(help: ArgumentHelp("Names and addresses in the controller's certificate.", valueName: "names")) var meshNames:
    String?
  @Option(help: "Whether proxies without TLS are served: required or permissive.") var meshTls: String?
  @Option(help: "The mesh's part of identities (default heddle.local).") var trustDomain: String?
  @Option(help: ArgumentHelp("The database (default ./heddle.db).", valueName: "file")) var storePath: String?
  @Flag(help: "Allow addresses that others can reach, without TLS and tokens.") var insecureListen = false
  @Option(help: "error, warning, info or debug.") var logLevel: String?
  @Option(help: "text or json.") var logFormat: String?

  private var given: [(name: String, value: String)] {
    let all: [(String, String?)] = [
      ("--rest-listen", restListen), ("--rest-names", restNames), ("--mesh-listen", meshListen),
      ("--mesh-names", meshNames), ("--mesh-tls", meshTls), ("--trust-domain", trustDomain),
      ("--store-path", storePath),
      ("--insecure-listen", insecureListen ? "true" : nil), ("--log-level", logLevel), ("--log-format", logFormat),
    ]
    return all.compactMap { name, value in value.map { (name, $0) } }
  }

  func read() throws -> ControllerConfiguration { try ControllerConfiguration(file: config, options: given) }
}

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Runs the controller (the default).")
  @OptionGroup var options: ConfigurationOptions
  @Flag(help: "Check the configuration and exit.") var validate = false

  func run() throws {
    if validate {
      _ = try options.read()
      return print("the configuration is valid")
    }
    try ControllerProgram.serve { try options.read() }
  }
}

struct BackUp: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Copies the store to a new file; the controller may run.")
  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "The copy.") var file: String

  func run() throws {
    try ControllerProgram.backUp(try options.read(), to: file)
    print("backed up to \(file)")
  }
}

struct Restore: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Puts a copy in the place of the store, under a new epoch; the controller must not run.")
  @OptionGroup var options: ConfigurationOptions
  @Argument(help: "A copy made by `backup`.") var file: String

  func run() throws {
    try ControllerProgram.restore(try options.read(), from: file)
    print("restored from \(file) under a new epoch")
  }
}

struct Epoch: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "epoch", abstract: "The store's epoch.", subcommands: [New.self])

  struct New: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Starts a new epoch: accepts that history which proxies saw is lost; the controller must not run.")
    @OptionGroup var options: ConfigurationOptions

    func run() throws { print("epoch \(try ControllerProgram.renewEpoch(try options.read()))") }
  }
}
