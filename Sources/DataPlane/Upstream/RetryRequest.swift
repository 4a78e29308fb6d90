import HTTP
import Memory
import SystemIO
import Traffic
import Workers

// A request whose answer says that it may be tried again. Requests that surely reached no application are `SendRequest`'s (`sendAgain`).

/// A request on its pause between an answer that nobody gets and its next attempt.
struct PendingRetry: ~Copyable {
  let caller: Handle
  /// As it was written, from its first byte.
  var request: ByteBuffer
  let cluster: ClusterIndex
  /// What answered; another endpoint is taken where there is one.
  let failed: EndpointIndex
  /// Nil before the slab has given it a handle.
  var timer: TimerHandle?
}

extension ProxyCore {
  /// The answer of a call has come, and nothing of it has gone on. Returns whether nobody gets it, since the call is tried again.
  mutating func judge(_ u: Handle, _ outcome: CallOutcome) -> Bool {
    let h = upstreams[u].caller
    let b = downstreams[h].exchange.binding
    guard b >= 0, let responseClass = bindings[b].policy?.terms.classifier.classify(outcome) else { return false }
    downstreams[h].exchange.judged = responseClass
    // A call earns its part of a retry once, however often it is tried.
    if downstreams[h].exchange.retries == 0 { bindings[b].policy?.tokens.deposit(now: now.nanoseconds) }
    guard responseClass == .retryable else { return false }
    let kept = upstreams[u].canReplay && downstreams[h].requestBody.isDone ? upstreams[u].output.count : nil
    let attempt = RetryPolicy.Attempt(
      responseClass: .retryable, retries: Int(downstreams[h].exchange.retries), keptBytes: kept,
      pause: downstreams[h].exchange.pause, timeLeft: downstreams[h].exchange.mustEnd.nanoseconds(since: now))
    switch bindings[b].policy?.decide(attempt, now: now, using: &random) {
    case .retry(let pause):
      retry(u, h, after: pause)
      return true
    case .body: facts.recordRetry(downstreams[h].exchange.requestSeries, .body)
    case .budget: facts.recordRetry(downstreams[h].exchange.requestSeries, .budget)
    case .answer, nil: break
    }
    return false
  }

  /// Takes the request back from the attempt that failed, and lets it wait.
  private mutating func retry(_ u: Handle, _ h: Handle, after pause: UInt64) {
    let (c, e) = (upstreams[u].cluster, upstreams[u].endpoint)
    clusters[c].requeues.deposit(now: now.nanoseconds)  // it answered
    endAttempt(h, as: .retryable)
    facts.recordRetry(downstreams[h].exchange.requestSeries, .response)
    downstreams[h].exchange.retries += 1
    downstreams[h].exchange.sending = .retry
    downstreams[h].exchange.pause = pause
    downstreams[h].exchange.judged = nil
    var request = ByteBuffer()
    swap(&request, &upstreams[u].output)
    closeUpstream(u)
    let r = retries.insert(
      PendingRetry(caller: h, request: request, cluster: c, failed: e, timer: nil))
    retries[r].timer = loop.schedule(r.token(kind: TokenKind.retry), at: now.adding(nanoseconds: pause))
    downstreams[h].phase = .retrying(r)
    setDeadline(h, in: times.streamIdle)
  }

  /// The pause is over.
  mutating func retryDue(_ r: Handle) {
    guard retries.contains(r) else { return }
    var due = retries.remove(r)
    let (h, c) = (due.caller, due.cluster)
    var request = ByteBuffer()
    swap(&request, &due.request)
    downstreams[h].phase = .settling
    let e =
      clusters[c].pick(excluding: due.failed, at: now, using: &random)
      ?? clusters[c].pick(excluding: -1, at: now, using: &random)
    guard let e, case .ready(let u) = newConnection(c, e, for: h) else {
      // There is nothing to connect to any more: the rest is as for a request whose connect failed.
      return sendAgain(h, request, from: e ?? due.failed, in: c, because: .connect, fault: .connectFailed)
    }
    upstreams[u].output = request
    beginAttempt(h, on: u)
    setDeadline(h, in: times.streamIdle)
    if upstreams[u].link.isStream, flushUpstream(u), downstreams.contains(h) { advance(h) }
  }

  /// Nobody waits for this request any more.
  mutating func dropRetry(_ r: Handle) {
    var gone = retries.remove(r)
    if let timer = gone.timer { loop.cancel(timer) }
    gone.request.removeAll()
    buffers.reclaim(&gone.request)
  }
}

extension BoundPolicy {
  fileprivate mutating func decide(
    _ attempt: RetryPolicy.Attempt, now: Instant, using random: inout FastRandom
  ) -> RetryPolicy.Decision {
    terms.retries.decide(attempt, tokens: &tokens, now: now.nanoseconds, using: &random)
  }
}
