import MeshProtocol
import Serving
import Settings
import SystemIO
import Telemetry
import Traffic

/// Why a proxy did not start. The operator can repair it.
struct StartFailure: Error, CustomStringConvertible {
  let description: String
}

/// The proxy as a whole: configuration, state file, workers, control side, admin port, signals.
///
/// Threads: the main one waits for signals; `control` is the control side; `compile` makes and frees routing tables
/// at the lowest priority; `blocking` writes the state file and looks names up; `worker-N` carry requests.
public final class ProxyProgram: Sendable {
  private let configuration: ProxyConfiguration
  private let log: Log
  private let control: Confined<ProxyControl>
  private let workers: [WorkerHandle]
  private let loops: [LoopExecutor]
  /// Where it listens: the ports that the kernel chose where 0 was asked for.
  let listeners: [(name: String, address: SocketAddress)]
  let admin: SocketAddress
  let observe: SocketAddress?

  /// The program: reads the process's arguments, runs, and ends the process with its exit code.
  public static func main() -> Never { terminate(run(arguments: Array(CommandLine.arguments.dropFirst()))) }

  /// Runs the program with these arguments (without the program's name) and returns its exit code.
  static func run(arguments: [String]) -> Int32 {
    do {
      let parsed = try ProxyCommandLine.reader.read(arguments)
      if let printed = printed(for: parsed) {
        writeStandardOutput(printed)
        return ProxyCommandLine.ExitCode.done
      }
      let configuration = try ProxyCommandLine.configuration(parsed)
      if parsed.flags.contains("--validate") {
        writeStandardOutput("the configuration is valid")
        return ProxyCommandLine.ExitCode.done
      }
      return try serve(configuration, parsed)
    } catch let error as CommandLineError {
      writeStandardError("heddle-proxy: \(error)\nTry heddle-proxy --help.")
      return ProxyCommandLine.ExitCode.usage
    } catch let error as SettingsError {
      writeStandardError("heddle-proxy: the configuration is not valid:\n\(error)")
      return ProxyCommandLine.ExitCode.usage
    } catch {
      writeStandardError("heddle-proxy: \(error)")
      return ProxyCommandLine.ExitCode.failed
    }
  }

  private static func printed(for parsed: ParsedCommandLine) -> String? {
    if parsed.flags.contains("--help") { return ProxyCommandLine.help }
    if parsed.flags.contains("--version") { return "heddle-proxy \(ProxyVersion.text)" }
    return nil
  }

  /// Starts everything and waits for the end.
  private static func serve(_ configuration: ProxyConfiguration, _ parsed: ParsedCommandLine) throws -> Int32 {
    // Before any other thread, so that all of them leave these signals to this one.
    let watch = try SignalWatch()
    raiseDescriptorLimit()
    let log = Log(
      level: configuration.logLevel, format: configuration.logFormat,
      clock: { Int64(clamping: wallClockMilliseconds()) }, write: { writeStandardError($0) })
    let program = try ProxyProgram(configuration, log: log, onDrained: { watch.end() })
    let listeners = program.listeners.map { " \($0.name)=\($0.address)" }.joined()
    let observe = program.observe.map { " observe=\($0)" } ?? ""
    writeStandardOutput("ready\(listeners) admin=\(program.admin)\(observe)")
    watch.run(
      terminate: { program.drain() },
      reload: {
        do { program.reload(try ProxyCommandLine.configuration(parsed)) } catch {
          log.error("proxy", "the configuration was not reloaded", [("error", "\(error)")])
        }
      })
    program.end()
    return ProxyCommandLine.ExitCode.done
  }

  /// Binds, starts threads, and returns when requests can come.
  /// - Parameter onDrained: called on the control thread once every worker has drained.
  init(_ configuration: ProxyConfiguration, log: Log, onDrained: @escaping @Sendable () -> Void) throws {
    self.configuration = configuration
    self.log = log
    let (compiling, (compiler, table)) = try ServiceLoop.start(name: "compile") { loop in
      setLowPriority()
      let compiler = RuleCompiler(dtab: configuration.dtab, isStandalone: configuration.isStandalone)
      return (loop.confine(compiler), compiler.current().table)
    }
    let kept = try Self.openState(configuration, log)
    let relay = NoticeRelay()
    let (addresses, workers) = try Self.startWorkers(configuration, table, relay)
    listeners = zip(configuration.listeners, addresses).map { ($0.name, $1) }
    self.workers = workers
    let start = ControlStart(
      configuration: configuration, addresses: addresses, identity: try Self.identity(configuration, addresses),
      log: log, workers: workers, table: table,
      compiler: compiler, blocking: kept.executor, state: kept.keeper, restored: kept.state,
      meshIdentity: kept.identity)
    let (controlling, made) = try ServiceLoop.start(name: "control") { loop in
      try Self.startControl(loop, start, onDrained)
    }
    control = made.control
    admin = made.admin
    observe = made.observe
    loops = [controlling, compiling, kept.executor]
    relay.connect(made.control)
  }

  private struct Kept: Sendable {
    let executor: LoopExecutor
    let keeper: Confined<StateKeeper>?
    let state: RestoredState
    let identity: KeptIdentity?
  }

  /// What the thread for blocking work found on disk.
  private struct Found: Sendable {
    var keeper: Confined<StateKeeper>?
    var state = LoadedState()
    var identity: KeptIdentity?
  }

  private static func openState(_ configuration: ProxyConfiguration, _ log: Log) throws -> Kept {
    let (executor, found) = try ServiceLoop.start(name: "blocking") { loop in
      var found = Found()
      if let path = configuration.statePath {
        let keeper = StateKeeper(try StateStore(path: path))
        found.keeper = loop.confine(keeper)
        found.state = keeper.load(namespace: configuration.namespace)
      }
      found.identity = try configuration.identity?.open(namespace: configuration.namespace)
      return found
    }
    for fault in found.state.faults { log.error("state", "a state file is of no use", [("file", fault)]) }
    let state = RestoredState(configuration.isStandalone ? nil : found.state.state)
    return Kept(executor: executor, keeper: found.keeper, state: state, identity: found.identity)
  }

  private static func startWorkers(
    _ configuration: ProxyConfiguration, _ table: RoutingTable, _ relay: NoticeRelay
  ) throws -> ([SocketAddress], [WorkerHandle]) {
    var addresses = configuration.listeners.map(\.address)
    var workers: [WorkerHandle] = []
    for index in 0..<configuration.workers {
      var starts: [ListenerStart] = []
      for (place, listener) in configuration.listeners.enumerated() {
        let socket: Socket
        do { socket = try Socket.listen(on: addresses[place], reusePort: configuration.workers > 1) } catch {
          throw StartFailure(description: "\(listener.path).listen: \(addresses[place]): \(error)")
        }
        // With port 0 the kernel chose one for the first worker; the others share it.
        addresses[place] = socket.localAddress() ?? addresses[place]
        starts.append(ListenerStart(socket, listener.policy))
      }
      workers.append(
        try startWorker(
          index: index, of: configuration.workers, listeners: starts, limits: configuration.limits,
          binding: configuration.binding, services: configuration.clients.compactMap(\.service), table: table,
          seed: try randomSeed(), notices: { relay.post($0) }))
    }
    return (addresses, workers)
  }

  private struct Made: Sendable {
    let control: Confined<ProxyControl>
    let admin: SocketAddress
    let observe: SocketAddress?
  }

  private static func startControl(
    _ loop: ServiceLoop, _ start: ControlStart, _ onDrained: @escaping @Sendable () -> Void
  ) throws -> Made {
    let control = ProxyControl(loop: loop, start: start)
    control.onDrained = onDrained
    let confined = loop.confine(control)
    let admin = try server(loop, "admin.listen", start.configuration.admin, .admin, confined)
    let observe = try start.configuration.observe.map { try server(loop, "observe.listen", $0, .observe, confined) }
    control.machine.identity.address = admin.description
    try control.begin()
    return Made(control: confined, admin: admin, observe: observe)
  }

  private static func server(
    _ loop: ServiceLoop, _ key: String, _ address: SocketAddress, _ scope: AdminHandler.Scope,
    _ control: Confined<ProxyControl>
  ) throws -> SocketAddress {
    do {
      return try HTTPServer(loop: loop, address: address, handler: AdminHandler(scope: scope, control: control))
        .localAddress
    } catch {
      throw StartFailure(description: "\(key): \(address): \(error)")
    }
  }

  private static func identity(
    _ configuration: ProxyConfiguration, _ addresses: [SocketAddress]
  ) throws -> ProxyIdentity {
    let suffix = try randomBytes(4).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    let plain = configuration.node.unicodeScalars.map { scalar in
      scalar.isASCII
        && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil
          || "._-".unicodeScalars.contains(scalar))
        ? Character(scalar) : "-"
    }
    var identity = ProxyIdentity(
      node: configuration.node, instance: "\(String(plain.prefix(200)))-\(suffix)", version: ProxyVersion.text,
      namespace: configuration.namespace, labels: configuration.labels, zone: configuration.zone)
    for (listener, address) in zip(configuration.listeners, addresses) {
      if let application = listener.policy.application { identity.inbounds.append((address.port, application.port)) }
    }
    return identity
  }

  // MARK: While it runs

  /// Begins draining.
  func drain() { control.execute { $0.beginDrain() } }

  /// Takes over what of a new configuration can change while running: rules, static names, log level.
  func reload(_ changed: ProxyConfiguration) { control.execute { $0.reload(changed) } }

  /// Leaves the controller and ends every thread; the state file's lock goes with them.
  func end() {
    control.execute { $0.end() }
    for worker in workers { worker.send(.stop) }
    for loop in loops { loop.stop() }
  }

  /// Runs work with the control side: for tests.
  func withControl(_ body: @escaping @Sendable (ProxyControl) -> Void) { control.execute(body) }
}
