import MeshProtocol
import Synchronization
import SystemIO
import Traffic
import Workers

@testable import DataPlane

/// A proxy of one worker with a table of the test's own, on a port of its own. Nothing but the data path runs.
final class ProxyHarness: Sendable {
  let port: UInt16
  let worker: WorkerHandle
  private let notices: Notices
  /// Far from the tickets that tests choose.
  private let nextTicket = Mutex<UInt64>(1 << 32)

  /// - Parameter dtab: e.g. `/svc/web => /$/inet/127.0.0.1/8080`.
  /// - Parameter kernelBytes: what the kernel keeps per direction of a caller's connection; its own choice unless set.
  init(
    dtab: String, routes: [String: HTTPRoute] = [:], limits: ProxyLimits = .patient,
    policy: ListenerPolicy = ListenerPolicy(), binding: BindingPolicy = BindingPolicy(),
    services: [ServiceContext] = [], kernelBytes: Int32? = nil
  ) throws {
    let listener = try Socket.listen(on: SocketAddress(host: "127.0.0.1", port: 0)!)
    if let kernelBytes {
      try listener.setSendBuffer(bytes: kernelBytes)
      try listener.setReceiveBuffer(bytes: kernelBytes)
    }
    port = listener.localAddress()!.port
    let notices = Notices()
    self.notices = notices
    worker = try startWorker(
      index: 0, of: 1, listeners: [ListenerStart(listener, policy)], limits: limits, binding: binding, services: services,
      table: Self.table(dtab, Self.routes(routes), generation: 1), seed: 42
    ) { notices.append($0) }
  }

  deinit { worker.send(.stop) }

  static func table(
    _ dtab: String, _ routes: RouteTable = RouteTable(), generation: UInt64, changed: [Prefix]? = nil
  ) throws -> RoutingTable {
    RoutingTable(
      generation: generation, rules: RuleIndex(RuleEntry.file(try Dtab(parsing: dtab))), routes: routes,
      changed: changed)
  }

  /// `changing`: the table that they replace.
  static func routes(_ routes: [String: HTTPRoute], changing old: RouteTable = RouteTable()) -> RouteTable {
    var table = old
    let refused = table.apply(
      removes: old.routes.map(\.name),
      upserts: routes.map { NamedRoute(name: $0.key, revision: 1, route: $0.value) })
    precondition(refused.isEmpty, "\(refused)")
    return table
  }

  /// Swaps the table and waits until the worker runs it.
  func run(
    _ dtab: String, _ routes: RouteTable = RouteTable(), generation: UInt64, changed: [Prefix]? = nil
  ) throws {
    worker.send(.run(try Self.table(dtab, routes, generation: generation, changed: changed)))
    try wait { notices in
      notices.contains { if case .running(_, let running) = $0 { running == generation } else { false } }
    }
  }

  /// Answers the worker's question for this concrete name as soon as it is asked.
  func answerWants(_ set: EndpointSet) {
    let (notices, worker) = (notices, worker)
    startThread(name: "answers") {
      for _ in 0..<10_000 {
        if notices.all.contains(where: { if case .wants(_, set.name) = $0 { true } else { false } }) {
          return worker.send(.endpoints(set))
        }
        pause()
      }
    }
  }

  func connect() throws -> RawConnection { try RawConnection(port: port) }

  /// One request on a connection of its own.
  func send(_ request: String) throws -> RawAnswer {
    let connection = try connect()
    try connection.send(request)
    return try connection.readAnswer()
  }

  func get(_ host: String, path: String = "/", fields: String = "") throws -> RawAnswer {
    try send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n")
  }

  /// What the worker has told so far.
  var told: [WorkerNotice] { notices.all }

  func wait(_ isThere: ([WorkerNotice]) -> Bool) throws {
    for _ in 0..<10_000 {
      if isThere(notices.all) { return }
      pause()
    }
    throw TestTimeout()
  }

  /// What is open in the worker now.
  func gauges() throws -> WorkerGauges {
    let ticket = nextTicket.withLock { next in
      next += 1
      return next
    }
    return try collect(ticket: ticket).gauges
  }

  /// What the worker shows of itself, as JSON.
  func describe(_ view: WorkerView) throws -> String {
    let ticket = nextTicket.withLock { next in
      next += 1
      return next
    }
    worker.send(.describe(ticket: ticket, what: view))
    var found: String?
    try wait { notices in
      for case .described(_, ticket, let text) in notices { found = text }
      return found != nil
    }
    return found ?? ""
  }

  /// The worker's facts since the last call.
  func collect(ticket: UInt64) throws -> WorkerFacts {
    worker.send(.collect(ticket: ticket))
    var found: WorkerFacts?
    try wait { notices in
      for case .collected(_, ticket, let facts) in notices { found = facts }
      return found != nil
    }
    return found!
  }
}

extension ProxyLimits {
  /// The times that a slow machine could overrun without a fault of ours are long; a test of one of them sets its own.
  static var patient: ProxyLimits {
    var limits = ProxyLimits()
    limits.binding = .seconds(10)
    limits.connect = .seconds(10)
    limits.poolIdle = .seconds(60)
    return limits
  }
}

/// Looks again and again until it is so; gives up after some ten seconds.
func wait(until isSo: () throws -> Bool) throws {
  for _ in 0..<10_000 {
    if try isSo() { return }
    pause()
  }
  throw TestTimeout()
}

/// A millisecond's rest between looks; no test asserts on time.
func pause() {
  guard let poller = try? Poller() else { return }
  _ = poller.wait(milliseconds: 1)
}

private final class Notices: Sendable {
  private let list = Mutex<[WorkerNotice]>([])
  func append(_ notice: WorkerNotice) { list.withLock { $0.append(notice) } }
  var all: [WorkerNotice] { list.withLock { $0 } }
}
