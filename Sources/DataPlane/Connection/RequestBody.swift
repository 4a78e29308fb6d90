import HTTP
import Memory
import SystemIO

extension ProxyCore {
  /// Passes on what has come of the request's body, as far as the upstream takes it. Returns whether to look again.
  mutating func forwardBody(_ h: Handle, to u: Handle) -> Bool {
    guard !downstreams[h].requestBody.isDone else { return watchForHangup(h) }
    while upstreams[u].unsent < limits.highWater {
      switch downstreams[h].nextBodyPart(trailers: &trailers) {
      case .data(let start, let end, let consumed):
        appendRequestData(h, u, start, end)
        downstreams[h].input.removeFirst(consumed)
      case .needMore(let consumed):
        downstreams[h].input.removeFirst(consumed)
        guard downstreams[h].mayRead else { return flushUpstream(u) && false }
        guard receive(h) else { return downstreams.contains(h) && flushUpstream(u) && false }
        setDeadline(h, in: times.streamIdle)
      case .trailers(let start, let end, let consumed):
        endRequestBody(h, u, trailers: start..<end)
        downstreams[h].input.removeFirst(consumed)
        return flushUpstream(u) && downstreams.contains(h)
      case .end(let consumed):
        endRequestBody(h, u, trailers: 0..<0)
        downstreams[h].input.removeFirst(consumed)
        return flushUpstream(u) && downstreams.contains(h)
      case .fault(let fault):
        abandonBody(h, fault)
        return false
      }
    }
    // What the upstream does not take now follows when it is writable; if it took all, there may be more to read.
    return flushUpstream(u) && downstreams.contains(h) && upstreams.contains(u)
      && upstreams[u].unsent < limits.highWater
  }

  private mutating func appendRequestData(_ h: Handle, _ u: Handle, _ start: Int, _ end: Int) {
    // A body that outgrows the buffer cannot be sent again from the beginning.
    if upstreams[u].output.count &+ (end &- start) > limits.highWater { upstreams[u].giveUpReplay() }
    let chunks = downstreams[h].exchange.chunksRequest
    if chunks { appendChunkHeader(size: end &- start, to: &upstreams[u].output) }
    downstreams[h].forward(start..<end, to: &upstreams[u].output)
    if chunks { appendChunkEnd(to: &upstreams[u].output) }
  }

  private mutating func endRequestBody(_ h: Handle, _ u: Handle, trailers: Range<Int>) {
    guard downstreams[h].exchange.chunksRequest else { return }
    downstreams[h].forwardTrailers(trailers, self.trailers, to: &upstreams[u].output)
    if !trailers.isEmpty { facts.recordDropped(inTrailers: self.trailers.droppedCount) }
  }

  /// The body breaks its framing: what the service got so far must not look complete to it.
  private mutating func abandonBody(_ h: Handle, _ fault: HTTPFault) {
    if downstreams[h].exchange.answered {
      closeDownstream(h, reset: true)
    } else {
      refuse(h, .badRequest, status: fault.status, text: fault.reason.description)
    }
  }

  /// The request is complete: nothing more is read (the next request stays with the kernel), but a caller that leaves is noticed.
  private mutating func watchForHangup(_ h: Handle) -> Bool {
    if downstreams[h].sawHangup { closeDownstream(h) }
    return false
  }
}
