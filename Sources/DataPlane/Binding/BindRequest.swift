import HTTP
import Memory
import MeshProtocol
import SystemIO
import Traffic

extension ProxyCore {
  /// Finds or makes the binding of the request whose head stands in `self.head`, and sends it on its way.
  mutating func bindRequest(_ h: Handle, headLength: Int, hasLocalDtab: Bool) {
    if downstreams[h].origin.direction == .inbound, !authorize(h, headLength) { return }
    let base: Int32
    switch identify(h) {
    case .bound(let b): base = b
    case .answered(let use): return answer(h, headLength, by: use)
    case .unidentified:
      return failUndispatched(
        h, headLength, .unidentified,
        text: "no name: \(listeners[downstreams[h].origin.listener].policy.identifiers.reasons)")
    case .ambiguous:
      return failUndispatched(h, headLength, .badRequest, text: "the path can be read in more than one way")
    case .full: return failUndispatched(h, headLength, .overload, text: "too many names are bound")
    }
    switch hasLocalDtab ? findOverride(h, base) : .found(base) {
    case .found(let b):
      guard bindings[b].inFlight < bindings[b].inFlightLimit else {
        return failUndispatched(h, headLength, .overload, text: "too many requests under way for this name")
      }
      startRequest(h, b)
      dispatch(h, headLength: headLength)
    case .badDtab(let text):
      failUndispatched(h, headLength, .badDtab, text: text)
    case .denied(let text):
      failUndispatched(h, headLength, .overrideDenied, text: text)
    case .full:
      failUndispatched(h, headLength, .overload, text: "too many names are bound")
    }
  }

  /// Counts a request as under way, by this binding.
  mutating func startRequest(_ h: Handle, _ b: Int32) {
    bindings[b].inFlight += 1
    bindings[b].lastUsed = now
    let use = downstreams[h].exchange.route
    if use >= 0 { uses[use].inFlight += 1 }
    downstreams[h].exchange.binding = b
    downstreams[h].exchange.requestSeries = bindings[b].requestSeries
    if let whole = times.request {
      let end = now.adding(nanoseconds: whole)
      if end < downstreams[h].exchange.mustEnd {
        downstreams[h].exchange.mustEnd = end
        downstreams[h].exchange.hasDeadline = false
      }
    }
    facts.gauges.requestsInFlight += 1
    if downstreams[h].exchange.mayTunnel { tunnelPlaces += 1 }
  }

  /// Counts the request and forgets it. `responseClass` nil: the caller left before there was anything to count.
  mutating func endRequest(_ h: Handle, as responseClass: ResponseClass?) {
    let b = downstreams[h].exchange.binding
    guard b >= 0 else { return }
    downstreams[h].exchange.binding = -1
    bindings[b].inFlight -= 1
    let use = downstreams[h].exchange.route
    if use >= 0 {
      downstreams[h].exchange.route = -1
      if let series = uses.release(use) { facts.releaseRequestSeries(series) }
    }
    facts.gauges.requestsInFlight -= 1
    if downstreams[h].exchange.mayTunnel { leaveTunnelPlace(h) }
    downstreams[h].exchange.mustEnd = .distantFuture
    if case .waiting = downstreams[h].phase {
      bindings[b].waiters.removeAll { $0 == h }
      facts.gauges.requestsPending -= 1
    }
    if let responseClass {
      let elapsed = now.nanoseconds(since: downstreams[h].exchange.started) / 1000
      facts.recordRequest(downstreams[h].exchange.requestSeries, responseClass, microseconds: elapsed)
    }
  }

  /// Picks where the bound request goes now, and sends it there, lets it wait, or answers why not.
  mutating func dispatch(_ h: Handle, headLength: Int) {
    let b = downstreams[h].exchange.binding
    refresh(b)
    if downstreams[h].exchange.explains == .only { return answerExplanation(h, headLength: headLength) }
    switch Self.pick(bindings, b, &sequences.positions, &clusters, now) {
    case .leaf(let leaf):
      send(h, leaf: Int32(truncatingIfNeeded: leaf), headLength: headLength)
    case .pending:
      wait(h, b, headLength)
    case .noRoute where passOn(h, headLength): break
    case .noRoute where table.awaitsConfiguration:
      failUndispatched(
        h, headLength, .bindingTimeout, text: "no configuration has come yet: no controller has answered")
    case .noRoute:
      failUndispatched(h, headLength, .noRoute, text: "no rule leads \(bindings[b].service) to a service")
    case .noEndpoints:
      failUndispatched(h, headLength, .noEndpoints, text: "no endpoint to send \(bindings[b].service) to")
    case .failed(.name(let name)) where clusters.find(name) == nil:
      failUndispatched(h, headLength, .overload, text: "too many concrete names are in use")
    case .failed(let failure):
      failUndispatched(h, headLength, fault(for: failure), text: failure.description)
    }
  }

  /// Sends a request that no rule leads to a service where its caller had wanted to connect, if the kernel sent it here. Returns whether
  /// it did.
  private mutating func passOn(_ h: Handle, _ headLength: Int) -> Bool {
    guard let original = downstreams[h].origin.original, !downstreams[h].exchange.isPassedOn,
      let name = Path(labels: ["$", "inet", original.host, "\(original.port)"]),
      let b = binding(named: Array(name.description.utf8)), bindings[b].inFlight < bindings[b].inFlightLimit
    else { return false }
    bindings[downstreams[h].exchange.binding].inFlight -= 1
    bindings[b].inFlight += 1
    bindings[b].lastUsed = now
    downstreams[h].exchange.binding = b
    downstreams[h].exchange.requestSeries = bindings[b].requestSeries
    downstreams[h].exchange.isPassedOn = true
    facts.recordPassedOn()
    dispatch(h, headLength: headLength)
    return true
  }

  private static func pick(
    _ bindings: borrowing BindingTable, _ b: Int32, _ positions: inout [UInt64], _ clusters: inout ClusterTable,
    _ now: Instant
  ) -> Pick {
    bindings[b].route.pick(&positions) { clusters[$0].stands(at: now) }
  }

  /// Where a request could go now, without taking any request's turn.
  mutating func pickAside(_ b: Int32) -> Pick {
    Self.pick(bindings, b, key: random.next(), &clusters, now)
  }

  private static func pick(
    _ bindings: borrowing BindingTable, _ b: Int32, key: UInt64, _ clusters: inout ClusterTable, _ now: Instant
  ) -> Pick {
    bindings[b].route.pick(key: key) { clusters[$0].stands(at: now) }
  }

  /// The leaf that stands by for one that took nothing; nil when none does.
  mutating func standby(_ b: Int32, for leaf: Int32) -> Int32? {
    let c = bindings[b].leaves[Int(leaf)].cluster
    // What took nothing has its standing looked at now: from here on it may be probed.
    if c >= 0 { _ = clusters[c].stands(at: now) }
    return Self.standby(bindings, b, leaf, key: random.next(), &clusters, now)
  }

  private static func standby(
    _ bindings: borrowing BindingTable, _ b: Int32, _ leaf: Int32, key: UInt64, _ clusters: inout ClusterTable,
    _ now: Instant
  ) -> Int32? {
    bindings[b].route.standby(for: Int(leaf), key: key) { clusters[$0].stands(at: now) }
      .map { Int32(truncatingIfNeeded: $0) }
  }

  /// The concrete name has no first answer yet: the head stays in the input until it has.
  mutating func wait(_ h: Handle, _ b: Int32, _ headLength: Int) {
    guard bindings[b].waiters.count < pendingPerName else {
      return failUndispatched(h, headLength, .overload, text: "too many requests wait for this name")
    }
    if case .waiting = downstreams[h].phase { return }
    downstreams[h].phase = .waiting(binding: b)
    downstreams[h].exchange.headLength = Int32(truncatingIfNeeded: headLength)
    bindings[b].waiters.append(h)
    facts.gauges.requestsPending += 1
    setDeadline(h, in: times.binding)
  }

  /// Concrete names have changed their state: whoever waited tries again.
  mutating func wakeWaiters() {
    for b in bindings.indices where !bindings[b].waiters.isEmpty {
      refresh(b)
      if case .pending = Self.pick(bindings, b, &sequences.positions, &clusters, now) { continue }
      let waiters = bindings[b].waiters
      bindings[b].waiters = []
      for h in waiters where downstreams.contains(h) { resume(h) }
    }
  }

  private mutating func resume(_ h: Handle) {
    guard case .waiting = downstreams[h].phase else { return }
    downstreams[h].phase = .idle
    facts.gauges.requestsPending -= 1
    if downstreams[h].exchange.isRaw {
      dispatch(h, headLength: 0)
      if downstreams.contains(h) { advance(h) }
      return
    }
    guard case .complete(let length) = downstreams[h].parseHead(into: &head) else {
      return fail(h, .badRequest, text: "the head changed while it waited")  // it was complete before: cannot be
    }
    dispatch(h, headLength: length)
    if downstreams.contains(h) { advance(h) }
  }

  // MARK: Making

  mutating func makeBinding(key: [UInt8], path: Path, local: [RuleEntry]) -> Int32? {
    if bindings.count >= BindingTable.limit {
      disposeBindings(underPressure: true)
      if bindings.count >= BindingTable.limit { return nil }
    }
    let delegation = Interpreter.delegate(path, rules: table.rules, local: local)
    let service = path.description
    let policy = self.binding.policies.policy(of: path).map {
      BoundPolicy($0, share: floorShare, workers: workers, now: now)
    }
    let binding = Binding(
      key: key, path: path, service: service, local: local, delegation: delegation, route: RouteTree.nothing,
      generation: table.generation, statesSeen: 0,
      requestSeries: facts.requestSeries(service: service, direction: .outbound), policy: policy,
      inFlightLimit: inFlightPerName, lastUsed: now)
    return bindings.insert(binding)
  }

  /// The binding of an inbound listener's application. Rules have no say: it is the one place that the listener forwards to.
  mutating func makeBinding(of application: InboundApplication) -> Int32 {
    let limit = Int32(clamping: max(1, application.inFlight / workers))
    let series = facts.requestSeries(service: application.service, direction: .inbound)
    // No name is spelt like this key.
    return bindings.insert(
      Binding(
        key: [0] + application.service.utf8 + [0] + application.name.description.utf8, path: application.name,
        service: application.service, local: [],
        direction: .inbound, delegation: Interpreter.delegate(application.name, rules: RuleIndex(), local: []),
        route: RouteTree.nothing, generation: table.generation, statesSeen: 0, requestSeries: series,
        inFlightLimit: limit, lastUsed: now))
  }

  /// Brings a binding up to date with the rules and with the states of the concrete names, when either has moved.
  private mutating func refresh(_ b: Int32) {
    if bindings[b].generation != table.generation {
      if bindings[b].direction == .outbound,
        changes.affect(bindings[b].delegation, since: bindings[b].generation)
      {
        bindings[b].delegation = Interpreter.delegate(bindings[b].path, rules: table.rules, local: bindings[b].local)
        bindings[b].statesSeen = 0
      }
      bindings[b].generation = table.generation
    }
    if bindings[b].statesSeen != statesEpoch { compile(b) }
  }

  /// Makes the route of a binding: its concrete names get clusters, its unions their sequences, its leaves their header lines.
  private mutating func compile(_ b: Int32) {
    let delegation = bindings[b].delegation
    var held: [ClusterIndex] = []
    for name in delegation.concreteNames {
      if let c = cluster(for: name) { held.append(c) }
    }
    if sequences.isFull {
      sequences = SequenceTable()  // all routes are compiled anew before their next pick
      statesEpoch &+= 1
    }
    let table = clusters
    var sequences = SequenceTable()
    swap(&sequences, &self.sequences)
    let route = RouteTree(
      delegation, failover: binding.failover,
      state: { name in table.find(name).map { table[$0].state } ?? .failed },
      cluster: { name in table.find(name) ?? -1 },
      sequence: { union in sequences.index(of: union, using: &random) })
    swap(&sequences, &self.sequences)
    for c in held { clusters[c].users += 1 }
    releaseLeaves(b)
    bindings[b].held = held
    bindings[b].leaves = route.leaves.map { boundLeaf($0, b) }
    bindings[b].route = route
    bindings[b].statesSeen = statesEpoch
  }

  /// What a namer leaves of its name stands before what is left of the path: both are the service's to see.
  private func boundLeaf(_ leaf: RouteLeaf, _ b: Int32) -> BoundLeaf {
    let known = leaf.cluster >= 0 ? clusters[leaf.cluster] : nil
    let residual = (known?.residual ?? .root) + leaf.residual
    let client = known.flatMap { $0.id.isEmpty ? nil : $0.id } ?? leaf.name.description
    if bindings[b].direction == .inbound {
      return BoundLeaf(cluster: leaf.cluster, split: "", branch: "", headers: Array("via: 1.1 heddle\r\n".utf8))
    }
    var lines = "l5d-dst-service: \(bindings[b].service)\r\nl5d-dst-client: \(client)\r\n"
    if !residual.isRoot { lines += "l5d-dst-residual: \(residual)\r\n" }
    let travelling = RequestRules.travelling(bindings[b].local, residual: residual)
    if !travelling.isEmpty { lines += contextLines(RequestRules.text(travelling)) }
    lines += "via: 1.1 heddle\r\n"
    return BoundLeaf(cluster: leaf.cluster, split: leaf.split, branch: leaf.branch, headers: Array(lines.utf8))
  }

  /// The cluster of a concrete name; a name not known yet is asked for. Nil at the limit: its leaf then has no endpoints.
  private mutating func cluster(for name: Path) -> ClusterIndex? {
    if let known = clusters.find(name) { return known }
    guard clusters.count < limits.concreteNames else { return nil }
    let c = clusters.insert(
      Cluster(
        name: name, state: .pending, requeueFloor: requeueFloor,
        security: ServiceSecurity.find(name, in: services.map(\.prefix)), now: now))
    if let literal = EndpointSet(literal: name, serviceProtocol: declaredProtocol(of: name)) {
      _ = clusters[c].update(literal)
    } else {
      notify(.wants(worker: worker, name: name))
    }
    return c
  }

  /// What a numeric address speaks: that of an application of ours is known.
  private mutating func declaredProtocol(of name: Path) -> EndpointProtocol {
    for index in 0..<listeners.slotCount {
      guard let l = listeners.handle(at: index), let application = listeners[l].policy.application else { continue }
      if application.name == name { return application.serviceProtocol }
    }
    return .automatic
  }

  // MARK: Letting go

  private mutating func releaseLeaves(_ b: Int32) {
    for leaf in bindings[b].leaves {
      for series in leaf.series where series.number >= 0 { facts.releaseAttemptSeries(series.number) }
    }
    for c in bindings[b].held {
      clusters[c].users -= 1
      if clusters[c].users == 0 { clusters[c].unusedSince = now }
    }
    bindings[b].held = []
  }

  /// Lets go of bindings that nobody used for long, and of concrete names that no binding uses any more.
  mutating func disposeBindings(underPressure: Bool) {
    for b in bindings.indices where bindings.isDisposable(b, at: now, underPressure: underPressure) {
      discard(b)
    }
  }

  mutating func discard(_ b: Int32) {
    releaseLeaves(b)
    facts.releaseRequestSeries(bindings[b].requestSeries)
    bindings.remove(b)
  }

  /// Concrete names unused for `BindingTable.idleLifetime` are given back to the control side.
  mutating func disposeClusters() {
    for c in Array(clusters.live) where !clusters[c].isInUse {
      guard now >= clusters[c].unusedSince + BindingTable.idleLifetime else { continue }
      notify(.releases(worker: worker, name: clusters[c].name))
      clusters.remove(c)
    }
  }
}

/// What a failed binding is answered with.
private func fault(for failure: NamingFailure) -> ProxyFault {
  switch failure {
  case .loop, .tooLarge: .namingLoop
  case .unknownNamer: .noRoute
  case .name: .bindingTimeout
  }
}
