import HTTP
import Memory
import MeshProtocol
import SystemIO
import Traffic

extension ProxyCore {
  /// Routes by this table from now on. Bindings notice one by one, each when it is used next, whether they are concerned.
  mutating func run(_ newer: RoutingTable) {
    changes.append(newer.generation, newer.changed)
    if newer.routes.version != table.routes.version {
      for series in uses.leaveTable() { facts.releaseRequestSeries(series) }
    }
    table = newer
  }

  /// Takes over the state of a concrete name.
  mutating func update(_ set: EndpointSet) {
    guard let c = clusters.find(set.name) else { return }  // given back meanwhile
    let before = (clusters[c].state, clusters[c].residual)
    for e in clusters[c].update(set) { closeIdle(c, e) }
    if before != (clusters[c].state, clusters[c].residual) {
      statesEpoch &+= 1
      wakeWaiters()
    }
  }

  /// This proxy's share of the fleet's floor changed.
  mutating func takeRequeueShare(_ share: Double) {
    requeueFloor = RequeueFloor.ofWorker(share: share, workers: workers)
    for c in clusters.live { clusters[c].requeues.setFloor(perSecond: requeueFloor) }
    floorShare = share
    for b in bindings.indices where !bindings[b].isFree {
      bindings[b].policy?.setFloor(share: share, workers: workers)
    }
  }

  /// Presents and trusts this in the mesh from now on; connections that stand keep what they began with.
  mutating func take(_ newer: MeshCredentials) {
    credentials = newer
    for index in 0..<listeners.slotCount {
      guard let l = listeners.handle(at: index), listeners[l].direction == .inbound else { continue }
      listeners[l].meshSecurity = newer.server
    }
  }

  /// Hands over what was counted since the last time, and what stands now.
  mutating func collect() -> WorkerFacts {
    var collected = facts.collect(now: now.nanoseconds / 1000)
    for c in clusters.live {
      let balance = clusters[c].requeues.balance(now: now.nanoseconds)
      collected.requeueBalances.append(BalanceFact(backend: clusters[c].text, balance: balance))
    }
    for index in 0..<listeners.slotCount {
      if let l = listeners.handle(at: index) { collected.accepted.append(listeners[l].takeAccepted()) }
    }
    return collected
  }

  /// How long an idle caller is kept when draining, in nanoseconds. It may be sending at this very moment, and a closed connection
  /// would lose that request; one that sends is told `connection: close` with its answer.
  static let drainLinger: UInt64 = 1_000_000_000

  /// Finishes what runs: every caller is told to leave with its next answer, or leaves when it has sent nothing for a while.
  mutating func beginDrain() {
    isDraining = true
    for index in 0..<downstreams.slotCount {
      guard let h = downstreams.handle(at: index), downstreams[h].phase == .idle else { continue }
      setDeadline(h, in: min(Self.drainLinger, times.connectionIdle))
    }
    announceDrain()
  }

  /// The grace is over: cuts every connection.
  mutating func closeAll() {
    for index in 0..<downstreams.slotCount {
      if let h = downstreams.handle(at: index) { closeDownstream(h, reset: true) }
    }
    for index in 0..<sessions.slotCount {
      if let s = sessions.handle(at: index) { closeSession(s) }
    }
    for index in 0..<tunnels.slotCount {
      if let t = tunnels.handle(at: index) { closeTunnel(t, reset: true) }
    }
  }

  // MARK: Showing

  /// What this worker has, as a JSON array.
  func describe(_ view: WorkerView) -> String {
    var rows: [String] = []
    switch view {
    case .endpoints(let name):
      for c in clusters.live where name == nil || clusters[c].text == name { rows += describeEndpoints(c) }
    case .bindings:
      for b in bindings.indices where !bindings[b].isFree { rows.append(describeBinding(b)) }
    }
    return "[" + rows.joined(separator: ",") + "]"
  }

  private func describeEndpoints(_ c: ClusterIndex) -> [String] {
    clusters[c].endpoints.filter { !$0.isFree }.map { slot in
      return "{\"name\":\(quoted(clusters[c].text)),\"address\":\(quoted(slot.endpoint.text)),"
        + "\"weight\":\(slot.endpoint.weight),\"state\":\"\(slot.stateName(at: now))\",\"outstanding\":\(slot.outstanding),"
        + "\"connections\":\(slot.connections),\"worker\":\(worker)}"
    }
  }

  private func describeBinding(_ b: Int32) -> String {
    let leaves = bindings[b].leaves.map { leaf in
      "{\"name\":\(quoted(leaf.cluster >= 0 ? clusters[leaf.cluster].text : "")),\"split\":\(quoted(leaf.split)),"
        + "\"branch\":\(quoted(leaf.branch))}"
    }
    return "{\"service\":\(quoted(bindings[b].service)),\"in_flight\":\(bindings[b].inFlight),"
      + "\"override\":\(!bindings[b].local.isEmpty),\"leaves\":[\(leaves.joined(separator: ","))],\"worker\":\(worker)}"
  }
}

/// A JSON string.
private func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case _ where scalar.value < 0x20:
      let hex = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
