import GRDB
import SystemIO

/// One transaction in the making: the states as the orders in it left them, and what is to be published once it is on
/// disk.
struct Transaction {
  /// One thing that observers hear of after the commit.
  enum Publication: Sendable {
    case configuration(ConfigurationChange)
    case endpoints(ServiceEndpoints, ServiceEndpoints)
  }

  private(set) var states: [String: NamespaceState]
  private(set) var publications: [Publication] = []
  private(set) var leaseSteps: [LeaseStep] = []
  let now: WallTime
  let published: Instant
  let epoch: [UInt8]
  let surroundings: Surroundings
  /// Whether a lease was found due and nobody has renewed it since.
  let isLapsing: @Sendable (LeaseKey) -> Bool
  /// Why configuration must not change now, if it must not.
  let lostHistory: String?

  /// What the lease table is to do after the commit.
  enum LeaseStep: Sendable {
    case start(LeaseKey, Duration)
    case drop(LeaseKey)
    case ended(LeaseKey, Endpoint)
    case revive(LeaseKey, Duration)
  }

  init(
    states: [String: NamespaceState], epoch: [UInt8], now: WallTime, published: Instant, lostHistory: String?,
    surroundings: Surroundings, isLapsing: @escaping @Sendable (LeaseKey) -> Bool
  ) {
    self.states = states
    self.epoch = epoch
    self.now = now
    self.published = published
    self.lostHistory = lostHistory
    self.surroundings = surroundings
    self.isLapsing = isLapsing
  }

  /// Carries out one task under a savepoint.
  /// - Throws: `Problem` when the task is refused (nothing is written), any other error when the store fails.
  mutating func carryOut(_ task: WriterTask, _ db: Database) throws -> WriteAnswer {
    var result: Result<WriteAnswer, any Error> = .failure(Problem.unavailable("The write was not carried out."))
    let before = self
    try db.inSavepoint {
      do {
        result = .success(try attempt(task, db))
        return .commit
      } catch let problem as Problem {
        result = .failure(problem)
        return .rollback
      }
    }
    if case .failure = result { self = before }
    return try result.get()
  }

  private mutating func attempt(_ task: WriterTask, _ db: Database) throws -> WriteAnswer {
    switch task {
    case .order(let order): return try attempt(order, db)
    case .expire(let keys):
      // One that was registered anew since it was found due, even in this transaction, is no longer due.
      let started = Set(leaseSteps.compactMap { if case .start(let key, _) = $0 { key } else { nil } })
      let due = keys.filter { isLapsing($0) && !started.contains($0) }
      try changeRegistry(due, db) { (edit, key) throws(Problem) in
        guard let endpoint = edit.state.services[key.service]?.endpoints[key.address], endpoint.ttl != nil,
          edit.unregister(key.address, from: key.service)
        else { return .drop(key) }
        return .ended(key, endpoint)
      }
    case .revive(let lapsed):
      let endpoints = Dictionary(lapsed.map { ($0.key, $0.endpoint) }) { first, _ in first }
      try changeRegistry(lapsed.map(\.key), db) { (edit, key) throws(Problem) in
        guard let endpoint = endpoints[key], let ttl = endpoint.ttl, let service = edit.state.services[key.service],
          service.endpoints[key.address] == nil
        else { return nil }
        try edit.register(endpoint, in: key.service)
        return .revive(key, ttl)
      }
    case .upkeep(let work): try work(db)
    }
    return WriteAnswer(status: 200, location: nil, revision: 0, tag: "", members: [], warnings: [])
  }

  private mutating func attempt(_ order: WriteOrder, _ db: Database) throws -> WriteAnswer {
    if let answer = try Answers.find(db, order, at: now) { return answer }
    var (edit, reply) = try Self.plan(
      order, states[order.namespace], epoch: epoch, now: now, surroundings: surroundings)
    if edit.changesConfiguration, let lostHistory { throw Problem.unavailable(lostHistory, retryAfter: 60) }
    if edit.changesConfiguration || !edit.registry.isEmpty {
      try Rows.write(db, edit, who: order.who, why: order.why, at: now)
    }
    let answer = reply.answer(edit, changed: edit.changesConfiguration)
    try Answers.keep(db, order, answer, at: now)
    take(&edit, order)
    return answer
  }

  /// What an order would do to a state. Pure: also the dry run.
  static func plan(
    _ order: WriteOrder, _ state: NamespaceState?, epoch: [UInt8], now: WallTime, surroundings: Surroundings
  ) throws(Problem) -> (Edit, WriteOrder.Reply) {
    let base = state ?? .absent(order.namespace, epoch: epoch, now: now)
    try order.preconditions.check(base)
    guard base.isPresent || order.creates else { throw .absentNamespace(order.namespace) }
    var edit = Edit(base, isForced: order.isForced, surroundings: surroundings)
    edit.makeNamespace()
    let reply = try order.apply(&edit)
    try edit.finish(at: now, places: reply.places)
    return (edit, reply)
  }

  /// The state of an edit becomes the state of what follows in this transaction.
  private mutating func take(_ edit: inout Edit, _ order: WriteOrder) {
    states[edit.state.name] = edit.state
    for (key, ttl) in edit.leases { leaseSteps.append(.start(key, ttl)) }
    publishRegistry(edit)
    for (service, touch) in edit.registry { dropLeases(edit, service, touch) }
    guard edit.changesConfiguration else { return }
    publications.append(.configuration(edit.published(who: order.who, why: order.why, at: published)))
  }

  private mutating func publishRegistry(_ edit: Edit) {
    for service in edit.registry.keys.sorted() {
      publications.append(.endpoints(edit.base.published(service), edit.state.published(service)))
    }
  }

  private mutating func dropLeases(_ edit: Edit, _ service: String, _ touch: Edit.RegistryTouch) {
    let addresses =
      touch.wasRemoved ? edit.base.services[service].map { Set($0.endpoints.keys) } ?? [] : touch.addresses
    for address in addresses where edit.state.services[service]?.endpoints[address]?.ttl == nil {
      leaseSteps.append(.drop(LeaseKey(namespace: edit.state.name, service: service, address: address)))
    }
  }

  private mutating func changeRegistry(
    _ keys: [LeaseKey], _ db: Database, _ change: (inout Edit, LeaseKey) throws(Problem) -> LeaseStep?
  ) throws {
    for (namespace, keys) in Dictionary(grouping: keys, by: \.namespace).sorted(by: { $0.key < $1.key }) {
      guard let state = states[namespace], state.isPresent else { continue }
      var edit = Edit(state, isForced: true, surroundings: surroundings)
      var steps: [LeaseStep] = []
      for key in keys { if let step = try change(&edit, key) { steps.append(step) } }
      try Rows.write(db, edit, who: "controller", why: "", at: now)
      states[namespace] = edit.state
      publishRegistry(edit)
      leaseSteps += steps
    }
  }
}

extension Problem {
  static func absentNamespace(_ name: String) -> Problem {
    .notFound("There is no namespace \(name). A write with ?create=true makes it.")
  }
}

extension Edit {
  /// What observers get of it.
  func published(who: String, why: String, at published: Instant) -> ConfigurationChange {
    let after = state.snapshot(publishedAt: published)
    var upserts: [EncodedResource] = []
    var removes: [ResourceKey] = []
    for change in changes {
      if let key = change.after?.resourceKey, let resource = state.encoded[key] {
        upserts.append(resource)
      } else if let key = change.before?.resourceKey {
        removes.append(key)
      }
    }
    return ConfigurationChange(
      before: base.snapshot(publishedAt: published), after: after, upserts: upserts, removes: removes, urgent: isUrgent,
      who: who,
      why: why)
  }
}

extension WriteOrder.Reply {
  func answer(_ edit: Edit, changed: Bool) -> WriteAnswer {
    WriteAnswer(
      status: status, location: location, revision: edit.state.revision, tag: String(edit.state.revision),
      members: members(edit.state), warnings: edit.warnings.map(\.json))
  }
}
