import HTTP
import Memory
import SystemIO

extension ProxyCore {
  /// The idle connection used last, if the endpoint has one that is still open.
  ///
  /// A connection closed by the other side is reported by epoll and leaves the pool; asking the kernel once more costs a system
  /// call, so it is done only where a request could not simply be sent again: for methods that may change something.
  mutating func takeIdle(_ c: ClusterIndex, _ e: EndpointIndex) -> ConnectionFound? {
    let mustBeSure = !head.method.isSafe
    while true {
      let u = clusters[c].endpoints[Int(e)].idle
      guard u != .none else { return nil }
      unlink(u)
      facts.gauges.upstreamActive += 1
      if mustBeSure, upstreams[u].link.pendingEndOfFile() {
        upstreams[u].phase = .connecting(.none)
        closeUpstream(u)
        continue
      }
      return .ready(u)
    }
  }

  /// Opens a connection for this caller's request.
  mutating func connect(_ c: ClusterIndex, _ e: EndpointIndex, for h: Handle) -> ConnectionFound {
    do {
      let isBytes = h != .none && downstreams[h].exchange.method == .connect
      let socket = try open(c, e, for: isBytes ? .bytes : .http1)
      let descriptor = socket.descriptor
      let u = upstreams.insert(
        Upstream(
          socket: socket, cluster: c, endpoint: e, phase: .connecting(h),
          clock: ConnectionClock(deadline: now.adding(nanoseconds: times.connect))))
      let token = u.token(kind: TokenKind.upstream)
      do {
        try loop.add(descriptor, token: token, [.read, .write, .edgeTriggered])
      } catch {
        _ = upstreams.remove(u)
        return .exhausted
      }
      clusters[c].endpoints[Int(e)].connections += 1
      facts.gauges.upstreamActive += 1
      upstreams[u].clock.set(now.adding(nanoseconds: times.connect), token: token, on: loop)
      return .ready(u)
    } catch {
      if error.isExhaustion { return .exhausted }
      clusters[c].endpoints[Int(e)].backoff.failed(at: now)
      return .refused
    }
  }

  /// Puts a connection back for the next request, most recently used first.
  mutating func returnToPool(_ u: Handle) {
    let (c, e) = (upstreams[u].cluster, upstreams[u].endpoint)
    // It answered. Without this, a failed connect would keep requests away for as long as older connections serve those on trial.
    clusters[c].endpoints[Int(e)].backoff.succeeded()
    facts.gauges.upstreamActive -= 1
    guard clusters[c].endpoints[Int(e)].isListed, !isDraining else {
      upstreams[u].phase = .connecting(.none)
      facts.gauges.upstreamActive += 1
      return closeUpstream(u)
    }
    facts.gauges.upstreamIdle += 1
    upstreams[u].phase = .idle
    upstreams[u].served &+= 1
    upstreams[u].input.removeAll()
    upstreams[u].output.removeAll()
    upstreams[u].sent = 0
    buffers.reclaim(&upstreams[u].input)
    buffers.reclaim(&upstreams[u].output)
    let first = clusters[c].endpoints[Int(e)].idle
    upstreams[u].nextIdle = first
    upstreams[u].previousIdle = .none
    if first != .none { upstreams[first].previousIdle = u }
    clusters[c].endpoints[Int(e)].idle = u
    upstreams[u].clock.set(now.adding(nanoseconds: times.poolIdle), token: u.token(kind: TokenKind.upstream), on: loop)
  }

  /// Takes a connection out of its endpoint's list of idle ones.
  private mutating func unlink(_ u: Handle) {
    let (next, previous) = (upstreams[u].nextIdle, upstreams[u].previousIdle)
    if previous != .none {
      upstreams[previous].nextIdle = next
    } else {
      clusters[upstreams[u].cluster].endpoints[Int(upstreams[u].endpoint)].idle = next
    }
    if next != .none { upstreams[next].previousIdle = previous }
    upstreams[u].nextIdle = .none
    upstreams[u].previousIdle = .none
    facts.gauges.upstreamIdle -= 1
  }

  /// Closes an upstream connection, whatever it was doing. Its caller, if any, is the business of whoever calls.
  mutating func closeUpstream(_ u: Handle) {
    if upstreams[u].link.isStream { return endStream(u) }
    if case .idle = upstreams[u].phase { unlink(u) } else { facts.gauges.upstreamActive -= 1 }
    var gone = upstreams.remove(u)
    gone.clock.stop(on: loop)
    loop.remove(gone.link.descriptor)
    gone.input.removeAll()
    gone.output.removeAll()
    buffers.reclaim(&gone.input)
    buffers.reclaim(&gone.output)
    clusters[gone.cluster].endpoints[Int(gone.endpoint)].connections -= 1
    clusters[gone.cluster].releaseIfUnused(gone.endpoint)
  }

  /// Closes the idle connections of an endpoint that left.
  mutating func closeIdle(_ c: ClusterIndex, _ e: EndpointIndex) {
    while clusters[c].endpoints[Int(e)].idle != .none { closeUpstream(clusters[c].endpoints[Int(e)].idle) }
    for s in clusters[c].endpoints[Int(e)].sessions where sessions[s].machine.streamCount == 0 { closeSession(s) }
  }
}
