import MeshProtocol
import Serving
import SystemIO
import Telemetry

/// What a namer gets of the world. One for each namer; it belongs to the discovery thread.
public final class NamerContext {
  /// The discovery thread's loop: timers, descriptors, clients.
  public let loop: ServiceLoop
  public let log: Log
  public let counters: NamerCounters
  /// The namer's prefix, whole: `/#/io.l5d.k8s`. For log fields.
  public let prefix: Path
  /// For back-off and the like.
  public var random: any RandomNumberGenerator

  /// Runs what blocks, such as the system's look-ups of host names, on a thread of its own.
  public let blocking: LoopExecutor

  private let desk: () -> DiscoveryDesk?

  init(
    loop: ServiceLoop, log: Log, counters: NamerCounters, prefix: Path, random: any RandomNumberGenerator,
    blocking: LoopExecutor, desk: @escaping () -> DiscoveryDesk?
  ) {
    self.loop = loop
    self.log = log
    self.counters = counters
    self.prefix = prefix
    self.random = random
    self.blocking = blocking
    self.desk = desk
  }

  /// The time of this turn.
  public var now: Instant { loop.now }

  /// The pause after one more failure of `backoff`.
  public func pause(_ backoff: inout Backoff) -> Duration { backoff.failed(using: &random) }

  /// Watches another concrete name, as whole as proxies ask for it: for namers that lead from name to name.
  public func watch(_ name: Path, _ tell: @escaping (DiscoveredName) -> Void) -> any NamerWatch {
    guard let desk = desk() else { return EndedWatch() }
    return desk.listen(to: name, tell)
  }

  /// Watches the name that `from`, a name below this namer's prefix, stands for. What leads in a circle, or over more than
  /// `DiscoveryDesk.longestChain` names, fails.
  func follow(_ target: Path, from: Path, _ tell: @escaping (DiscoveredName) -> Void) -> any NamerWatch {
    guard let desk = desk() else { return EndedWatch() }
    return desk.follow(target, from: prefix + from, tell)
  }
}

/// A watch that will never tell anything.
public final class EndedWatch: NamerWatch {
  public init() {}
  public func cancel() {}
}
