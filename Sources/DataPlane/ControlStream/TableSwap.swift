import MeshProtocol
import SystemIO

/// The last steps of applying a table: wait a little for names it makes reachable, order the swap, wait for every
/// worker.
struct TableSwap {
  /// How long a new table waits for first answers of names that it makes reachable (contract, mesh stream rule 2).
  /// Longer would let one dead namer hold up every change; those names then are pending for the requests that meet
  /// them.
  static let patience = Duration.milliseconds(250)

  private enum State {
    case idle
    case waiting(RoutingTable, missing: Set<Path>, until: Instant)
    case swapping(RoutingTable, workers: Set<Int>)
  }

  private let workers: Int
  private var state = State.idle

  init(workers: Int) { self.workers = workers }

  var isIdle: Bool {
    if case .idle = state { true } else { false }
  }

  /// When `tick` is due.
  var deadline: Instant? {
    if case .waiting(_, _, let until) = state { until } else { nil }
  }

  /// Begins with a compiled table; only when idle. Returns the table when the workers are to run it now.
  mutating func begin(_ table: RoutingTable, missing: Set<Path>, at now: Instant) -> RoutingTable? {
    if missing.isEmpty { return order(table) }
    state = .waiting(table, missing: missing, until: now + Self.patience)
    return nil
  }

  /// A name has its first answer.
  mutating func answered(_ name: Path) -> RoutingTable? {
    guard case .waiting(let table, var missing, let until) = state, missing.remove(name) != nil else { return nil }
    if missing.isEmpty { return order(table) }
    state = .waiting(table, missing: missing, until: until)
    return nil
  }

  /// The patience may be over.
  mutating func tick(at now: Instant) -> RoutingTable? {
    guard case .waiting(let table, _, let until) = state, now >= until else { return nil }
    return order(table)
  }

  /// A worker runs a table. Returns it when now all workers do.
  mutating func running(worker: Int, generation: UInt64) -> RoutingTable? {
    guard case .swapping(let table, var workers) = state, generation >= table.generation else { return nil }
    workers.remove(worker)
    state = workers.isEmpty ? .idle : .swapping(table, workers: workers)
    return workers.isEmpty ? table : nil
  }

  private mutating func order(_ table: RoutingTable) -> RoutingTable {
    state = .swapping(table, workers: Set(0..<workers))
    return table
  }
}
