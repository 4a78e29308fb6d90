import HTTP
import Memory
import SystemIO
import Traffic

extension ProxyCore {
  /// The caller broke the protocol: answer, and close, since nothing after this can be told apart.
  mutating func refuse(_ h: Handle, _ fault: ProxyFault, status: Int, text: String) {
    // What is remembered may be the request before this one: its method says nothing about the body of this answer.
    if downstreams[h].exchange.binding < 0 { downstreams[h].exchange = Exchange() }
    downstreams[h].closesAfterAnswer = true
    releaseUpstream(of: h)
    writeOwnAnswer(h, fault, status: status, text: text)
    downstreams[h].input.removeAll()
    downstreams[h].requestBody = BodyReader(.none)
    downstreams[h].scan = HeadScan()
    answerComplete(h)
    if downstreams.contains(h) { advance(h) }
  }

  /// The request cannot be served: answer when nothing of an answer went out yet, else cut the connection, so that half an
  /// answer never looks whole.
  mutating func fail(_ h: Handle, _ fault: ProxyFault, text: String) {
    // To a connection that is no request nothing can be said but that it is over.
    if downstreams[h].exchange.answered || downstreams[h].exchange.isRaw {
      endAttempt(h, as: .failure)
      endRequest(h, as: .failure)
      return closeDownstream(h, reset: true)
    }
    if case .waiting = downstreams[h].phase {
      downstreams[h].input.removeFirst(Int(downstreams[h].exchange.headLength))
    }
    releaseUpstream(of: h)
    if !downstreams[h].exchange.keepAlive { downstreams[h].closesAfterAnswer = true }
    if !downstreams[h].requestBody.isDone { settleSmallBody(h) }
    writeOwnAnswer(h, fault, status: nil, text: text)
    answerComplete(h)
  }

  /// Answers a request with a document of the proxy's own instead of sending it on.
  mutating func respond(_ h: Handle, _ headLength: Int, json: String) {
    downstreams[h].input.removeFirst(headLength)
    if !downstreams[h].exchange.keepAlive { downstreams[h].closesAfterAnswer = true }
    if !downstreams[h].requestBody.isDone { settleSmallBody(h) }
    buffers.lend(&downstreams[h].output)
    downstreams[h].closesAfterAnswer = downstreams[h].closesAfterAnswer || isDraining
    writeDocument(
      json, close: downstreams[h].closesAfterAnswer, withoutBody: downstreams[h].exchange.method == .head,
      into: &downstreams[h].output)
    downstreams[h].exchange.answered = true
    endRequest(h, as: .success)
    answerComplete(h)
  }

  /// A body that came along with its head is dropped at once, and the connection may stay; any other body closes it.
  mutating func settleSmallBody(_ h: Handle) {
    while true {
      switch downstreams[h].nextBodyPart(trailers: &trailers) {
      case .data(_, _, let consumed):
        downstreams[h].input.removeFirst(consumed)
      case .end(let consumed), .trailers(_, _, let consumed):
        downstreams[h].input.removeFirst(consumed)
        return
      case .needMore(let consumed):
        downstreams[h].input.removeFirst(consumed)
        downstreams[h].closesAfterAnswer = true
        return
      case .fault:
        downstreams[h].closesAfterAnswer = true
        downstreams[h].requestBody = BodyReader(.none)
        return
      }
    }
  }

  private mutating func writeOwnAnswer(_ h: Handle, _ fault: ProxyFault, status: Int?, text: String) {
    buffers.lend(&downstreams[h].output)
    let close = downstreams[h].closesAfterAnswer || isDraining
    downstreams[h].closesAfterAnswer = close
    if downstreams[h].exchange.isGRPC, downstreams[h].link.isStream {
      writeGRPCFault(fault, text: text, trusted: downstreams[h].origin.isTrusted, into: &downstreams[h].output)
    } else {
      writeFault(
        fault, status: status, text: text, close: close, withoutBody: downstreams[h].exchange.method == .head,
        trusted: downstreams[h].origin.isTrusted, into: &downstreams[h].output)
    }
    downstreams[h].exchange.answered = true
    endRequest(h, as: fault.isCallers ? .success : .failure)
  }

  /// Lets go of whatever works for this caller: the upstream connection has an unfinished exchange on it and cannot be used again.
  private mutating func releaseUpstream(of h: Handle) {
    switch downstreams[h].phase {
    case .exchanging(let u):
      endAttempt(h, as: .failure)
      downstreams[h].phase = .settling
      closeUpstream(u)
    case .retrying(let r):
      downstreams[h].phase = .settling
      dropRetry(r)
    case .idle, .head, .waiting, .settling, .closing: return
    }
  }
}
