import HTTP
import Memory
import SystemIO
import Traffic

/// What getting a connection came to.
enum ConnectionFound {
  case ready(Handle)
  case refused
  /// Descriptors or memory are out: the fault is ours.
  case exhausted
  /// The service does not speak what the request came by.
  case mismatch
}

extension ProxyCore {
  /// Sends the request whose head stands in `self.head` to an endpoint of this leaf, or of the one that stands by for it.
  mutating func send(_ h: Handle, leaf first: Int32, headLength: Int) {
    let b = downstreams[h].exchange.binding
    var (leaf, tried, failed) = (first, EndpointIndex(-1), false)
    for _ in 0...limits.resends {
      let c = bindings[b].leaves[Int(leaf)].cluster
      guard c >= 0, let e = clusters[c].pick(excluding: tried, at: now, using: &random) else {
        guard let next = standby(b, for: leaf) else { break }
        (leaf, tried) = (next, -1)
        continue
      }
      downstreams[h].exchange.leaf = leaf
      switch connection(c, e, for: h) {
      case .ready(let u): return start(h, on: u, leaf: leaf, headLength: headLength)
      case .refused: (tried, failed) = (e, true)
      case .exhausted: return failUndispatched(h, headLength, .overload, text: "no descriptors left for a connection")
      case .mismatch:
        let text = "\(clusters[c].text) does not speak what the request came by"
        return failUndispatched(h, headLength, .upstreamProtocol, text: text)
      }
    }
    let c = bindings[b].leaves[Int(leaf)].cluster
    let text = "no healthy endpoint of \(c >= 0 ? clusters[c].text : bindings[b].service)"
    failUndispatched(h, headLength, failed ? .connectFailed : .noEndpoints, text: text)
  }

  /// A stream, an idle connection or a new one, as the name's protocol wants it.
  private mutating func connection(_ c: ClusterIndex, _ e: EndpointIndex, for h: Handle) -> ConnectionFound {
    switch way(c, e, for: h) {
    case .connection where downstreams[h].exchange.method == .connect: connect(c, e, for: h)
    case .connection: takeIdle(c, e) ?? connect(c, e, for: h)
    case .stream(let kind): openStream(kind, c, e, for: h)
    case .mismatch: .mismatch
    }
  }

  private mutating func start(_ h: Handle, on u: Handle, leaf: Int32, headLength: Int) {
    if downstreams[h].exchange.method != .connect { writeRequest(h, on: u, leaf: leaf) }
    downstreams[h].input.removeFirst(headLength)
    beginAttempt(h, on: u)
    setDeadline(h, in: times.streamIdle)
    if downstreams[h].requestBody.isDone { _ = flushUpstream(u) }
  }

  private mutating func writeRequest(_ h: Handle, on u: Handle, leaf: Int32) {
    let b = downstreams[h].exchange.binding
    if case .idle = upstreams[u].phase { upstreams[u].begin(for: h) }
    let requestID = random.next()
    // Before the call, not in it: what follows `head` as an argument and needs `self` costs a copy of the whole head.
    let (route, tail) = (editingRoute(h), bindings[b].leaves[Int(leaf)].headers)
    let upgrades =
      downstreams[h].exchange.offer.isEmpty ? nil : writtenOffer(h, on: u)
    buffers.lend(&upstreams[u].output)
    let written = writeRequestHead(
      head, of: downstreams[h], route: route, tail: tail,
      requestID: requestID, upgrades: upgrades, into: &upstreams[u].output)
    downstreams[h].exchange.chunksRequest = written.inChunks
    downstreams[h].exchange.tail = written.tail
  }

  /// The route that matched, if it changes the request's head.
  private mutating func editingRoute(_ h: Handle) -> CompiledRoute? {
    let use = downstreams[h].exchange.route
    guard use >= 0, let route = uses[use].route, route.changesRequest else { return nil }
    return route
  }

  // MARK: Attempts

  mutating func beginAttempt(_ h: Handle, on u: Handle) {
    let (c, e) = (upstreams[u].cluster, upstreams[u].endpoint)
    downstreams[h].phase = .exchanging(u)
    downstreams[h].exchange.cluster = c
    downstreams[h].exchange.endpoint = e
    downstreams[h].exchange.attemptStarted = now
    downstreams[h].exchange.attemptSeries = attemptSeries(
      downstreams[h].exchange.binding, downstreams[h].exchange.leaf, c, e)
    clusters[c].endpoints[Int(e)].outstanding += 1
  }

  /// Counts the attempt and takes its load off the endpoint. `responseClass` nil: the caller left.
  mutating func endAttempt(_ h: Handle, as responseClass: ResponseClass?) {
    let c = downstreams[h].exchange.cluster
    guard c >= 0 else { return }
    downstreams[h].exchange.cluster = -1
    clusters[c].endpoints[Int(downstreams[h].exchange.endpoint)].outstanding -= 1
    if let responseClass {
      let elapsed = now.nanoseconds(since: downstreams[h].exchange.attemptStarted) / 1000
      facts.recordAttempt(
        downstreams[h].exchange.attemptSeries, responseClass, downstreams[h].exchange.sending, microseconds: elapsed)
    }
  }

  /// The leaf that was picked as `leaf`, if it is still there: the route may have been compiled anew since.
  private mutating func leafNow(_ b: Int32, _ leaf: Int32, _ c: ClusterIndex) -> Int? {
    if Int(leaf) < bindings[b].leaves.count, bindings[b].leaves[Int(leaf)].cluster == c { return Int(leaf) }
    return bindings[b].leaves.firstIndex { $0.cluster == c }
  }

  private mutating func attemptSeries(_ b: Int32, _ picked: Int32, _ c: ClusterIndex, _ e: EndpointIndex) -> Int32 {
    if bindings[b].direction == .inbound { return -1 }  // what an application's requests are counted as says it all
    guard let leaf = leafNow(b, picked, c) else { return passingSeries(b, c, e) }
    let serial = clusters[c].endpoints[Int(e)].serial
    let known = bindings[b].leaves[leaf].series.count
    if Int(e) < known {
      let series = bindings[b].leaves[leaf].series[Int(e)]
      if series.serial == serial { return series.number }
      if series.number >= 0 { facts.releaseAttemptSeries(series.number) }
    }
    let bound = bindings[b].leaves[leaf]
    let number = facts.attemptSeries(
      service: bindings[b].service, split: bound.split, branch: bound.branch, backend: clusters[c].text,
      endpoint: clusters[c].endpoints[Int(e)].endpoint.text)
    while bindings[b].leaves[leaf].series.count <= Int(e) {
      bindings[b].leaves[leaf].series.append(.init(serial: 0, number: -1))
    }
    bindings[b].leaves[leaf].series[Int(e)] = .init(serial: serial, number: number)
    return number
  }

  /// For an attempt that the route has no leaf for any more: nobody holds the series, so it goes when it has been idle.
  private mutating func passingSeries(_ b: Int32, _ c: ClusterIndex, _ e: EndpointIndex) -> Int32 {
    let number = facts.attemptSeries(
      service: bindings[b].service, split: "", branch: "", backend: clusters[c].text,
      endpoint: clusters[c].endpoints[Int(e)].endpoint.text)
    facts.releaseAttemptSeries(number)
    return number
  }

  // MARK: Sending again

  /// The request surely reached no application: send the same bytes to another endpoint of the same concrete name, on a new
  /// connection (after a restart all idle ones are dead), or to the name that stands by for it; or answer that it could not be
  /// done.
  mutating func sendAgain(
    _ h: Handle, _ bytes: consuming ByteBuffer, from failed: EndpointIndex, in first: ClusterIndex,
    because reason: RetryReason, fault: ProxyFault
  ) {
    var request = bytes
    var (c, tried) = (first, reason == .connect ? failed : -1)
    while Int(downstreams[h].exchange.resends) < limits.resends {
      guard let e = clusters[c].pick(excluding: tried, at: now, using: &random) else {
        guard let next = moveToStandby(h, &request, from: c) else { break }
        (c, tried) = (next, -1)
        continue
      }
      guard clusters[c].requeues.tryWithdraw(now: now.nanoseconds) else {
        facts.recordRetry(downstreams[h].exchange.requestSeries, .budget)
        break
      }
      downstreams[h].exchange.resends += 1
      downstreams[h].exchange.sending = .resend
      facts.recordRetry(downstreams[h].exchange.requestSeries, reason)
      guard case .ready(let u) = newConnection(c, e, for: h) else {
        tried = e
        continue
      }
      upstreams[u].output = request
      beginAttempt(h, on: u)
      if upstreams[u].link.isStream, flushUpstream(u), downstreams.contains(h) { advance(h) }
      return
    }
    downstreams[h].phase = .settling
    fail(
      h, fault, text: "\(clusters[c].text): \(fault.attemptText)")
    if downstreams.contains(h) { advance(h) }
  }

  /// For a request that is sent again: idle connections may all be dead.
  mutating func newConnection(_ c: ClusterIndex, _ e: EndpointIndex, for h: Handle) -> ConnectionFound {
    switch way(c, e, for: h) {
    case .connection: connect(c, e, for: h)
    case .stream(let kind): openStream(kind, c, e, for: h)
    case .mismatch: .mismatch
    }
  }

  /// Addresses the written request to the leaf that stands by for the one in `c`; its cluster. Nil when there is none, or the
  /// route is no longer the one that the request was written for.
  private mutating func moveToStandby(_ h: Handle, _ request: inout ByteBuffer, from c: ClusterIndex) -> ClusterIndex? {
    let (b, leaf, tail) = (
      downstreams[h].exchange.binding, downstreams[h].exchange.leaf, downstreams[h].exchange.tail
    )
    guard Int(leaf) < bindings[b].leaves.count, bindings[b].leaves[Int(leaf)].cluster == c, !tail.isEmpty,
      let next = standby(b, for: leaf), bindings[b].leaves[Int(next)].cluster >= 0
    else { return nil }
    let headers = bindings[b].leaves[Int(next)].headers
    var moved = ByteBuffer()
    buffers.lend(&moved)
    moved.append(request.span.extracting(..<tail.lowerBound))
    moved.append(headers)
    moved.append(request.span.extracting(tail.upperBound...))
    swap(&moved, &request)
    moved.removeAll()
    buffers.reclaim(&moved)
    downstreams[h].exchange.leaf = next
    downstreams[h].exchange.tail = tail.lowerBound..<(tail.lowerBound + headers.count)
    return bindings[b].leaves[Int(next)].cluster
  }

  // MARK: Looking whether they are back

  /// Endpoints of one name that are tried per look. 8: a name that is down as a whole must not make a storm of connects.
  static let probesPerName = 8

  /// Tries the endpoints of names that have yielded to others: no request is risked on them.
  mutating func probeYielded() {
    guard !isDraining else { return }
    for c in Array(clusters.live) {
      for e in clusters[c].probes(at: now, atMost: Self.probesPerName) { _ = connect(c, e, for: .none) }
    }
  }
}

extension ProxyFault {
  /// What the last attempt came to, in words.
  fileprivate var attemptText: String {
    switch self {
    case .connectFailed: "cannot connect"
    case .overload: "refused the call"
    default: "closed without an answer"
    }
  }
}
