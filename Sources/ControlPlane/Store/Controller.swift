// The store's face to the rest of the controller: current states, writes, observers.
import GRDB
import MeshProtocol
import Synchronization
import SystemIO

final class Controller: Sendable {
  let store: Store
  let clocks: Clocks
  let epoch: [UInt8]
  let history: HistoryLimits

  private let states: Mutex<[String: NamespaceState]>
  private let observers = Mutex<[any ChangeObserver]>([])
  private let surroundings = Mutex(Surroundings())
  private let leases: Mutex<LeaseTable>
  private let lost = Mutex<LostHistory?>(nil)
  private let proxyBatch = Mutex(ProxyBatch())
  private let renewed = Mutex<[LeaseKey: WallTime]>([:])
  private let lastUpkeep: Mutex<Instant>
  let counters = StoreCounters()
  private let writer = Mutex<Writer?>(nil)

  /// Reads everything; leases begin anew.
  init(store: Store, clocks: Clocks, history: HistoryLimits = HistoryLimits()) throws {
    self.store = store
    self.clocks = clocks
    self.history = history
    let epoch = try store.epoch()
    self.epoch = epoch
    let loaded = try store.database.read { db in try Rows.loadAll(db, epoch: epoch) }
    states = Mutex(loaded)
    leases = Mutex(Self.freshLeases(loaded, now: clocks.monotonic()))
    lastUpkeep = Mutex(clocks.monotonic())
    let perform = { @Sendable [weak self] (jobs: [Writer.Job]) in
      guard let self else { return jobs.forEach { $0.done(.failure(.unavailable("The controller is stopping."))) } }
      self.perform(jobs)
    }
    writer.withLock { $0 = Writer(perform: perform) }
  }

  private static func freshLeases(_ states: [String: NamespaceState], now: Instant) -> LeaseTable {
    var table = LeaseTable()
    for state in states.values {
      for service in state.services.values {
        for endpoint in service.endpoints.values {
          guard let ttl = endpoint.ttl else { continue }
          let key = LeaseKey(namespace: state.name, service: service.name, address: endpoint.address)
          table.start(key, ttl: ttl, now: now, grace: LeaseTable.grace)
        }
      }
    }
    return table
  }

  // MARK: reading

  /// nil when it never existed. A deleted one is not present.
  func state(_ namespace: String) -> NamespaceState? { states.withLock { $0[namespace] } }

  var namespaces: [NamespaceState] { states.withLock { $0.values.filter(\.isPresent).sorted { $0.name < $1.name } } }

  func snapshot(_ namespace: String) -> NamespaceSnapshot? {
    state(namespace)?.snapshot(publishedAt: clocks.monotonic())
  }

  func endpoints(_ namespace: String, _ service: String) -> ServiceEndpoints {
    let state = state(namespace) ?? .absent(namespace, epoch: epoch, now: clocks.wall())
    return state.published(service)
  }

  func lease(_ key: LeaseKey) -> LeaseTable.Lease? { leases.withLock { $0[key] } }
  var suspects: (count: Int, services: [String]) { leases.withLock { ($0.suspects, $0.suspectServices) } }
  var leaseCount: Int { leases.withLock { $0.count } }

  // MARK: writing

  /// From now on, in order, on the writer's thread. Held strongly.
  func observe(_ observer: any ChangeObserver) { observers.withLock { $0.append(observer) } }

  /// Whom to ask about the connected proxies.
  func askProxies(_ whom: ProxyCensus) { surroundings.withLock { $0.proxies = whom } }

  /// Whether a namer beside the registry answers names such as this one: what the linter asks.
  func recogniseNames(_ isKnown: @escaping @Sendable (Path) -> Bool) {
    surroundings.withLock { $0.hasNamer = isKnown }
  }

  /// Carries out an order. When this returns a success, it is on disk and published.
  func write(_ order: WriteOrder) async -> Result<WriteAnswer, Problem> { await submit(.order(order)) }

  /// What an order would do now; stores nothing.
  func plan(_ order: WriteOrder) throws(Problem) -> Edit {
    let surroundings = surroundings.withLock { $0 }
    return try Transaction.plan(
      order, state(order.namespace), epoch: epoch, now: clocks.wall(), surroundings: surroundings
    ).0
  }

  /// Keeps a leased endpoint for another ttl, in memory alone. False: there is none like this, register it.
  func renew(_ endpoint: Endpoint, in service: String, of namespace: String) -> Bool {
    guard let state = state(namespace), state.isPresent, endpoint.ttl != nil,
      state.services[service]?.endpoints[endpoint.address] == endpoint
    else { return false }
    let key = LeaseKey(namespace: namespace, service: service, address: endpoint.address)
    guard leases.withLock({ $0.renew(key, now: clocks.monotonic()) }) else { return false }
    renewed.withLock { $0[key] = clocks.wall() }
    return true
  }

  private func submit(_ task: WriterTask) async -> Result<WriteAnswer, Problem> {
    guard let writer = writer.withLock({ $0 }) else { return .failure(.unavailable("The controller is stopping.")) }
    return await writer.submit(task)
  }

  /// Does `work`, which touches no namespace, in the writer's next transaction. What it returns is on disk; what it throws undoes
  /// it: a `Problem` alone, any other error with the whole transaction.
  func transact<Value: Sendable>(_ work: @escaping @Sendable (Database) throws -> Value) async -> Result<Value, Problem>
  {
    let made = Mutex<Value?>(nil)
    let result = await submit(
      .upkeep { db in
        let value = try work(db)
        made.withLock { $0 = value }
      })
    return result.flatMap { _ in
      made.withLock { $0 }.map { .success($0) } ?? .failure(.unavailable("The write was not carried out."))
    }
  }

  /// Waits for writes under way and writes what only memory has.
  func close() async {
    await writeBatches()
    await writer.withLock { $0 }?.flush()
  }

  private func perform(_ jobs: [Writer.Job]) {
    let surroundings = surroundings.withLock { $0 }
    var transaction = Transaction(
      states: states.withLock { $0 }, epoch: epoch, now: clocks.wall(), published: clocks.monotonic(),
      lostHistory: lost.withLock { $0?.description }, surroundings: surroundings,
      isLapsing: { key in self.lease(key)?.isLapsing ?? false })
    var results: [Result<WriteAnswer, Problem>] = []
    do {
      try store.database.writeWithoutTransaction { db in
        try db.inTransaction(.immediate) {
          for job in jobs { results.append(try one(job.task, db, &transaction)) }
          return .commit
        }
      }
      publish(transaction)
      counters.committed(jobs.count)
    } catch {
      // The transaction is undone as a whole: nobody's write stands.
      counters.failed(error)
      let problem = Problem.unavailable(
        "The store cannot be written now: \(StoreCounters.reason(error)). Nothing was changed.")
      results = jobs.map { _ in .failure(problem) }
    }
    for (job, result) in zip(jobs, results) { job.done(result) }
  }

  private func one(_ task: WriterTask, _ db: Database, _ transaction: inout Transaction) throws -> Result<
    WriteAnswer, Problem
  > {
    do { return .success(try transaction.carryOut(task, db)) } catch let problem as Problem { return .failure(problem) }
  }

  private func publish(_ transaction: Transaction) {
    states.withLock { $0 = transaction.states }
    settle(transaction.leaseSteps)
    let observers = observers.withLock { $0 }
    for publication in transaction.publications {
      for observer in observers {
        switch publication {
        case .configuration(let change): observer.configurationChanged(change)
        case .endpoints(let old, let new): observer.endpointsChanged(old, new)
        }
      }
    }
  }

  private func settle(_ steps: [Transaction.LeaseStep]) {
    let now = clocks.monotonic()
    leases.withLock { table in
      for step in steps {
        switch step {
        case .start(let key, let ttl): table.start(key, ttl: ttl, now: now)
        case .drop(let key): table.drop(key)
        case .ended(let key, let endpoint): table.ended(endpoint, key, now: now)
        case .revive(let key, let ttl): table.revive(key, ttl: ttl, now: now)
        }
      }
    }
  }
}

// MARK: lost history

/// Proxies hold a later revision of our own epoch than we do, or ours with another content: the file went back in time without a
/// restore, and may have been written since.
struct LostHistory: Sendable, CustomStringConvertible {
  let namespace: String
  let revision: UInt64
  let proxy: String
  let here: UInt64

  var description: String {
    let what = revision == here ? "this store has other rules under that number" : "this store is at \(here)"
    return "Proxy \(proxy) holds revision \(revision) of namespace \(namespace) and \(what): "
      + "history was lost. Stop the controller and run `heddle-controller epoch new` to go on from here."
  }
}

extension Controller {
  /// A proxy said what it holds; true: something that this store has lost. Thread-safe; cheap.
  @discardableResult
  func proxyReported(namespace: String, holds version: ConfigurationVersion, proxy: String) -> Bool {
    guard version.epoch == epoch else { return false }
    let state = state(namespace)
    let here = state?.revision ?? 0
    let isOther = version.revision == here && state?.mayHave(version.hash) == false
    guard version.revision > here || isOther else { return false }
    lost.withLock { lost in
      if lost == nil { lost = LostHistory(namespace: namespace, revision: version.revision, proxy: proxy, here: here) }
    }
    return true
  }

  var lostHistory: LostHistory? { lost.withLock { $0 } }
}

// MARK: what time brings

extension Controller {
  /// Renewals and seen proxies go to disk this often; the rest of upkeep hourly.
  static let batchInterval = Duration.seconds(5)
  static let upkeepInterval = Duration.seconds(3600)

  /// Ends leases and writes batches. To be called about twice a second, never concurrently.
  func tick() async {
    let now = clocks.monotonic()
    await endLeases(now)
    await writeBatchesIfDue(now)
    let isDue = lastUpkeep.withLock { last in
      guard now - last >= Self.upkeepInterval else { return false }
      last = now
      return true
    }
    if isDue { await prune() }
  }

  private func endLeases(_ now: Instant) async {
    let look = leases.withLock { $0.look(now: now) }
    if !look.lapsed.isEmpty, case .failure = await submit(.expire(look.lapsed)) {
      leases.withLock { table in for key in look.lapsed { table.keep(key, now: now) } }
    }
    if !look.revived.isEmpty, case .failure = await submit(.revive(look.revived)) {
      // Lost for good would be worse than late: they count as gone again and the next suspicion brings them back.
      leases.withLock { table in for lapsed in look.revived { table.ended(lapsed.endpoint, lapsed.key, now: now) } }
    }
    counters.alarmed(look.alarmed.count)
  }

  private func writeBatchesIfDue(_ now: Instant) async {
    let isDue = proxyBatch.withLock { batch in
      guard now - batch.writtenAt >= Self.batchInterval else { return false }
      batch.writtenAt = now
      return true
    }
    if isDue { await writeBatches() }
  }

  private func writeBatches() async {
    let (kept, forgotten) = proxyBatch.withLock { $0.take() }
    let renewals = renewed.withLock { renewed in
      defer { renewed = [:] }
      return renewed
    }
    guard !kept.isEmpty || !forgotten.isEmpty || !renewals.isEmpty else { return }
    let result = await submit(
      .upkeep { db in
        try ProxyBatch.write(db, kept, forgotten)
        for (key, at) in renewals { try Rows.renew(db, key, at: at) }
      })
    if case .failure = result { proxyBatch.withLock { $0.giveBack(kept, forgotten) } }
  }

  /// Takes out of the history, the kept answers and the known proxies what is past its time.
  func prune() async {
    let (now, limits) = (clocks.wall(), history)
    _ = await submit(
      .upkeep { db in
        try Answers.prune(db, at: now)
        try ProxyBatch.prune(db, at: now)
        try JoinTokenRows.prune(db, at: now)
        try CertifiedKeyRows.prune(db, at: now)
        try History.prune(db, limits, at: now)
      })
  }
}

// MARK: known proxies

extension Controller: ProxyArchive {
  func knownProxies() throws -> [KnownProxy] { try store.database.read { db in try ProxyBatch.load(db) } }
  func keep(_ proxies: [KnownProxy]) { proxyBatch.withLock { $0.keep(proxies) } }
  func forget(_ ids: [String]) { proxyBatch.withLock { $0.forget(ids) } }
}
