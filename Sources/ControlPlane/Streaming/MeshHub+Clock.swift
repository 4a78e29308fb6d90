import HTTP
import JSONFormat
import Memory
import MeshProtocol
import SystemIO

extension MeshHub {
  /// Looks at every marked stream and puts there what its proxy needs. To be called after each lot of events.
  ///
  /// - Parameter queued: bytes that wait on a stream for its proxy to take them.
  func pump(_ now: Instant, queued: (Handle) -> Int) {
    if !waiting.isEmpty { admit(now) }
    while !listed.isEmpty {
      for stream in exchange(&listed, with: []) {
        guard let session = sessions[stream] else { continue }
        session.isListed = false
        look(at: session, now, queued: queued(stream))
      }
      // Whoever was found to need a snapshot just now may have it in the same breath.
      if !waiting.isEmpty { admit(now) }
    }
  }

  /// Marks the streams that had no room. To be called a few milliseconds after a `pump` that left some.
  func retry() {
    for stream in exchange(&crowded, with: []) {
      if let session = sessions[stream] { list(session) }
    }
  }

  private func look(at session: ProxySession, _ now: Instant, queued: Int) {
    var room = limits.queuedBytes - queued
    if room <= 0 {
      wait(session, now, queued: queued)
      return
    }
    session.stall = nil
    // Before all else, so that it does not wait for a snapshot's turn.
    pushTrust(session, room: &room)
    pushConfiguration(session, room: &room, now)
    pushEndpoints(session, room: &room)
    if isUnfinished(session) { crowded.append(session.stream) }
  }

  private func isUnfinished(_ session: ProxySession) -> Bool {
    guard let proxy = session.proxy else { return false }
    if case .sending = proxy.configuration { return true }
    return !proxy.staleNames.isEmpty
  }

  /// A reader that takes nothing for `limits.stalled` is given up (bad-inputs 112).
  private func wait(_ session: ProxySession, _ now: Instant, queued: Int) {
    if let stall = session.stall, queued >= stall.leastQueued {
      if now - stall.since >= limits.stalled {
        end(session, GRPCStatus(.resourceExhausted, "this proxy does not read its stream"), .slowReader)
        return
      }
    } else {
      session.stall = ProxySession.Stall(since: now, leastQueued: queued)
    }
    crowded.append(session.stream)
  }

  // MARK: time

  /// To be called every `tickInterval`.
  func tick(_ now: Instant) {
    turn = (turn + 1) % Self.turnCount
    for stream in turns[turn] {
      if let session = sessions[stream] { checkTimes(session, now) }
    }
  }

  private func checkTimes(_ session: ProxySession, _ now: Instant) {
    guard let proxy = session.proxy else {
      if now - session.openedAt > limits.hello { end(session, GRPCStatus(.deadlineExceeded, "no Hello"), .noHello) }
      return
    }
    if now - session.lastHeard > limits.silence {
      end(session, GRPCStatus(.deadlineExceeded, "silent for \(limits.silence)"), .silence)
      return
    }
    if case .awaiting(_, let since) = proxy.configuration, now - since > limits.answer {
      end(session, GRPCStatus(.deadlineExceeded, "no answer to a revision for \(limits.answer)"), .noAnswer)
      return
    }
    beat(session, proxy, now)
  }

  /// A heartbeat, unless bytes wait on the stream anyway.
  private func beat(_ session: ProxySession, _ proxy: Proxy, _ now: Instant) {
    guard now - session.lastBeat >= limits.heartbeat, session.stall == nil,
      let framed = feeds[proxy.namespace]?.heartbeatFramed()
    else { return }
    session.lastBeat = now
    ledger.heard(proxy.id)
    emit(.send(session.stream, framed, .heartbeat))
    counters.pushed(.heartbeat, bytes: framed.count)
  }

  /// Says how far the newest revisions have come, once for all acknowledgements since the last call.
  func publishProgress() {
    for namespace in exchange(&moved, with: []) {
      guard let version = feeds[namespace]?.version else { continue }
      let counts = ledger.counts(namespace: namespace)
      let states = ProxyState.allCases.map { JSON.Member(name: $0.rawValue, value: JSON(counts[$0] ?? 0)) }
      journal.publish(
        namespace, "proxies", JSON.object([.init(name: "revision", value: JSON(version.revision))] + states))
    }
  }

  // MARK: leaving

  /// Sends every proxy away, spread over `limits.returnSpreadMilliseconds`, and takes no new ones.
  func drain(reason: String) {
    isDraining = true
    let count = UInt32(clamping: max(1, sessions.count))
    for (index, session) in sessions.values.enumerated() {
      var message = Heddle_Mesh_V1_GoAway()
      message.reason = reason
      message.retryAfterMs = UInt32(clamping: UInt64(index) * UInt64(limits.returnSpreadMilliseconds) / UInt64(count))
      let framed = Heddle_Mesh_V1_ControlMessage.framed(.goAway(message))
      emit(.send(session.stream, framed, .goAway))
      counters.pushed(.goAway, bytes: framed.count)
      end(session, GRPCStatus(.unavailable, reason), .drained)
    }
  }
}
