import Discovery
import Dispatch
import Serving
import SystemIO
import Telemetry

/// The controller as a whole: store, mesh stream, REST API, signals.
///
/// Threads: the main one waits for signals; `rest` and `mesh` serve; `store-writer` writes; requests run as tasks.
public final class ControllerProgram: Sendable {
  public static let version = "0.1.0"

  private let controller: Controller
  private let identity: IdentityService
  private let service: MeshService
  private let reviewer: TokenReviewer?
  private let rest: Confined<HTTPServer>
  private let restExecutor: LoopExecutor
  private let ticking: Task<Void, Never>
  let log: Log
  /// Where it listens: the ports that the kernel chose where 0 was asked for.
  public let restAddress: SocketAddress
  public let meshAddress: SocketAddress

  static let systemClocks = Clocks(
    wall: { WallTime(milliseconds: Int64(clamping: wallClockMilliseconds())) }, monotonic: { Instant.now() })

  /// How often leases are looked at.
  private static let tick = Duration.milliseconds(500)

  /// Opens the store, listens, and returns when requests and proxies can come.
  public init(_ configuration: ControllerConfiguration) throws {
    log = Log(
      level: configuration.logLevel, format: configuration.logFormat,
      clock: { Int64(clamping: wallClockMilliseconds()) },
      write: { writeStandardError($0) })
    // Without randomness there can be no epoch; reading it once here makes the failure one of the start.
    let seed = try randomBytes(16)
    let store = try Store(path: configuration.storePath, clocks: Self.systemClocks) { Array(seed.prefix($0)) }
    let controller = try Controller(store: store, clocks: Self.systemClocks)
    self.controller = controller
    let log = log
    let reviewer = try configuration.identity.kubernetes.map {
      try TokenReviewer.start($0.access, audience: $0.audience, log: log)
    }
    self.reviewer = reviewer
    let accounts = reviewer.flatMap { reviewer in
      configuration.identity.kubernetes.map { settings in
        AccountReviews(audience: settings.audience) { await reviewer.review($0) }
      }
    }
    let identity = try IdentityService(
      controller: controller, settings: configuration.identity, accounts: accounts, log: log)
    self.identity = identity
    service = try MeshService.start(
      controller: controller, address: configuration.mesh, namers: configuration.namers, identity: identity,
      log: log)
    meshAddress = service.address
    let api = API(
      controller: controller, mesh: service.half, hosts: configuration.names + [hostName()],
      names: service.directory(controller), identity: identity, version: Self.version)
    let started = try ServiceLoop.start(name: "rest") { loop in
      let server = try HTTPServer(
        loop: loop, address: configuration.rest, handler: AsyncHandler { await api.respond(to: $0) })
      return (loop.confine(server), server.localAddress)
    }
    (rest, restAddress) = started.value
    restExecutor = started.executor
    ticking = Task {
      while !Task.isCancelled {
        await controller.tick()
        api.tick()
        do { try await Task.sleep(for: Self.tick) } catch { return }
      }
    }
    log.info(
      "controller", "ready",
      [
        ("rest", "\(restAddress)"), ("mesh", "\(meshAddress)"), ("store", configuration.storePath),
        ("version", Self.version),
      ])
  }

  /// Lets requests under way finish, asks the proxies to leave, and writes what only memory has.
  public func stop() async {
    ticking.cancel()
    await withCheckedContinuation { continuation in
      rest.execute { $0.drain { continuation.resume() } }
    }
    await service.drain(reason: "the controller is stopping")
    reviewer?.stop()
    await ticking.value
    await controller.close()
    restExecutor.stop()
    do { try controller.store.close() } catch {
      // Everything answered is on disk; the next start recovers from the write-ahead log.
      log.warning("controller", "the store was not closed cleanly", [("error", "\(error)")])
    }
  }

  /// Reads certificates again, also where the rest of the configuration is of no use.
  func rereadFiles() {
    let identity = identity
    Task { await identity.rereadFiles() }
  }

  /// Takes over what can change while it runs.
  func reload(_ configuration: ControllerConfiguration) {
    log.level = configuration.logLevel
    service.reconfigure(configuration.namers)
    log.info("controller", "configuration reloaded", [("log_level", "\(configuration.logLevel)")])
  }

  // MARK: from the command line

  /// Runs until SIGTERM or SIGINT. SIGHUP reads the configuration anew.
  /// - Parameter configuration: reads file, environment and options.
  public static func serve(_ configuration: () throws -> ControllerConfiguration) throws {
    // Before any other thread, so that all of them leave these signals to this one.
    let signals = try SignalQueue()
    raiseDescriptorLimit()
    let program = try ControllerProgram(try configuration())
    writeStandardOutput("ready rest=\(program.restAddress) mesh=\(program.meshAddress)")
    while signals.next() == .reload {
      program.rereadFiles()
      do { program.reload(try configuration()) } catch {
        program.log.error("controller", "the configuration was not reloaded", [("error", "\(error)")])
      }
    }
    let stopped = DispatchSemaphore(value: 0)
    Task {
      await program.stop()
      stopped.signal()
    }
    stopped.wait()
  }

  /// Says why on standard error and ends the process.
  public static func fail(_ message: String, code: Int32) -> Never {
    writeStandardError(message)
    terminate(code)
  }

  /// Copies the store to a new file. The controller may run.
  public static func backUp(_ configuration: ControllerConfiguration, to file: String) throws {
    try Backup.save(store: configuration.storePath, to: file)
  }

  /// Puts a copy in the place of the store, under a new epoch. The controller must not run.
  public static func restore(_ configuration: ControllerConfiguration, from file: String) throws {
    let seed = try randomBytes(16)
    try Backup.restore(file, to: configuration.storePath) { Array(seed.prefix($0)) }
  }

  /// Gives the store a new epoch and returns it. The controller must not run.
  public static func renewEpoch(_ configuration: ControllerConfiguration) throws -> String {
    let seed = try randomBytes(16)
    return try Backup.renewEpoch(configuration.storePath) { Array(seed.prefix($0)) }
  }
}
