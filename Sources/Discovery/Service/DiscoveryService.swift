import MeshProtocol
import Serving
import Synchronization
import SystemIO
import Telemetry

/// Discovery as the rest of a program sees it: names are wanted, states are told. Safe from any thread; the work is done on
/// a thread of its own.
public final class DiscoveryService: Sendable {
  private let executor: LoopExecutor
  private let blocking: LoopExecutor
  private let desk: Confined<DiscoveryDesk>
  private let board: CounterBoard
  private let prefixes: Mutex<[Path]>
  /// Held while work is sent, so that nothing is sent after the end and waits there for ever.
  private let hasStopped = Mutex(false)

  private init(
    _ executor: LoopExecutor, _ blocking: LoopExecutor, _ desk: Confined<DiscoveryDesk>, _ board: CounterBoard,
    _ configuration: NamerConfiguration
  ) {
    self.executor = executor
    self.blocking = blocking
    self.desk = desk
    self.board = board
    prefixes = Mutex(configuration.prefixes)
  }

  /// Starts the thread `discovery` with these namers.
  /// - Parameter tell: Called on that thread with every change of a name that is wanted, soon after the first `want` at
  ///   the latest when its source answers; it must not block.
  /// - Throws: `SystemError` when the system gives no descriptor.
  public static func start(
    _ configuration: NamerConfiguration, log: Log, limits: NameLimits = NameLimits(),
    tell: @escaping @Sendable (DiscoveredName) -> Void
  ) throws -> DiscoveryService {
    let board = CounterBoard()
    let (blocking, _) = try ServiceLoop.start(name: "discovery-block") { _ in () }
    let (executor, desk) = try ServiceLoop.start(name: "discovery") { loop in
      let desk = DiscoveryDesk(loop: loop, blocking: blocking, log: log, limits: limits, board: board, tell: tell)
      desk.configure(configuration)
      return loop.confine(desk)
    }
    return DiscoveryService(executor, blocking, desk, board, configuration)
  }

  /// Whether a configured namer answers names such as this.
  public func claims(_ name: Path) -> Bool { prefixes.withLock { $0.contains { name.hasPrefix($0) } } }

  /// One more wants `name`: its state is told as soon as it is known, and again with each change.
  public func want(_ name: Path) { desk.execute { $0.want(name) } }

  /// One less wants it. To be called once for each `want`.
  public func release(_ name: Path) { desk.execute { $0.release(name) } }

  /// What is known of `name`, asked for its first answer if need be, and pending when there is none in time.
  public func look(_ name: Path, within patience: Duration) async -> DiscoveredName {
    await withCheckedContinuation { continuation in
      let answer = LookAnswer(name, continuation)
      hasStopped.withLock { hasStopped in
        if !hasStopped { desk.execute { $0.look(name, within: patience, answer) } }
      }
    }
  }

  /// The namers' figures as Prometheus text.
  public func exposition() -> String { board.exposition(at: Instant.now()) }

  /// Takes over another set of namers. Those that did not change go on; names of those that did keep what was bound until
  /// the new namer has answered.
  public func reconfigure(_ configuration: NamerConfiguration) {
    prefixes.withLock { $0 = configuration.prefixes }
    desk.execute { $0.configure(configuration) }
  }

  /// Ends the thread. Nothing is told afterwards; looks under way are answered with pending.
  public func stop() {
    hasStopped.withLock { hasStopped in
      hasStopped = true
      executor.stop()
    }
  }
}
