import HTTP
import JSONFormat
import Memory
import MeshProtocol
import SystemIO

extension MeshHub {
  // MARK: answers of a proxy

  func acknowledged(_ session: ProxySession, _ ack: Heddle_Mesh_V1_Ack, _ now: Instant) {
    guard let proxy = session.proxy, case .awaiting(let version, _) = proxy.configuration,
      version.revision == ack.revision
    else {
      // An answer to what an earlier stream sent, or to a revision that nobody sent: what is awaited stays awaited.
      counters.strayMessage()
      return
    }
    guard SetHash(bytes: ack.hash) == version.hash else {
      resync(session, revision: ack.revision, .ackHash)
      return
    }
    session.proxy?.held = version
    session.proxy?.refusal = nil
    session.proxy?.configuration = .idle(greet: false)
    ledger.applied(proxy.id, version)
    moved.insert(proxy.namespace)
    if let published = feeds[proxy.namespace]?.publishedAt(version.revision), published >= proxy.connectedAt {
      counters.propagated(microseconds: now.nanoseconds(since: published) / 1000)
    }
    list(session)
  }

  func refused(_ session: ProxySession, _ nack: Heddle_Mesh_V1_Nack) {
    if nack.resync {
      resync(session, revision: nack.revision, .configuration)
      return
    }
    guard let proxy = session.proxy, case .awaiting(let version, _) = proxy.configuration,
      version.revision == nack.revision
    else {
      counters.strayMessage()
      return
    }
    note(session, refusalOf: version, because: Self.text(of: nack.errors))
  }

  /// Something was lost between the ends: the proxy gets everything anew, unless that was tried often enough.
  private func resync(_ session: ProxySession, revision: UInt64, _ kind: DesyncKind) {
    guard var proxy = session.proxy, let current = feeds[proxy.namespace]?.version else { return }
    counters.desync(kind)
    proxy.resyncs =
      proxy.resyncs.revision == current.revision ? (current.revision, proxy.resyncs.count + 1) : (current.revision, 1)
    session.proxy?.resyncs = proxy.resyncs
    if proxy.resyncs.count > limits.resyncsPerRevision {
      note(session, refusalOf: current, because: "proxy and controller do not agree on its hash")
      return
    }
    ledger.resynced(proxy.id)
    queue(session)
  }

  /// The refused revision is not sent again; a newer one is.
  private func note(_ session: ProxySession, refusalOf version: ConfigurationVersion, because message: String) {
    guard let proxy = session.proxy else { return }
    let refusal = KnownProxyEntry.Refusal(epoch: version.epoch, revision: version.revision, message: message)
    session.proxy?.refusal = refusal
    session.proxy?.configuration = .idle(greet: false)
    ledger.refused(proxy.id, refusal)
    counters.refusedRevision()
    moved.insert(proxy.namespace)
    journal.publish(
      proxy.namespace, "rejected",
      [
        "revision": JSON(version.revision), "proxy": .string(proxy.id), "node": .string(proxy.node),
        "error": .string(message),
      ])
    list(session)
  }

  /// For people: the first few errors in one line.
  private static func text(of errors: [Heddle_Mesh_V1_ResourceError]) -> String {
    let shown = errors.prefix(5).map { error in
      ResourceFault(identity: error.hasKey ? ResourceIdentity(error.key) : nil, message: error.message).description
    }
    if shown.isEmpty { return "refused without a reason" }
    return shown.joined(separator: "; ")
      + (errors.count > shown.count ? "; and \(errors.count - shown.count) more" : "")
  }

  // MARK: what a proxy needs

  /// Puts on the stream what its proxy needs of the configuration, as far as there is room.
  func pushConfiguration(_ session: ProxySession, room: inout Int, _ now: Instant) {
    guard let proxy = session.proxy else { return }
    switch proxy.configuration {
    case .idle(let greet): decide(session, proxy, greet: greet, room: &room, now)
    case .queued, .awaiting: break
    case .sending(let snapshot, let next): sendParts(session, proxy, snapshot, from: next, room: &room, now)
    }
  }

  private func decide(_ session: ProxySession, _ proxy: Proxy, greet: Bool, room: inout Int, _ now: Instant) {
    guard let version = feeds[proxy.namespace]?.version else { return }
    session.proxy?.configuration = .idle(greet: false)
    if proxy.held == version {
      if greet, let framed = feeds[proxy.namespace]?.currentFramed() { send(session, framed, .current, room: &room) }
      return
    }
    if let refusal = proxy.refusal, refusal.epoch == version.epoch, refusal.revision == version.revision { return }
    // It is ahead of us in our own history, or beside it: the store was told, and the proxy keeps what it has.
    if let held = proxy.held, held.epoch == version.epoch, proxy.holdsLostHistory || held.revision > version.revision {
      return
    }
    guard let held = proxy.held, let delta = feeds[proxy.namespace]?.delta(from: held) else {
      queue(session)
      return
    }
    send(session, delta, .delta, room: &room)
    expectAnswer(session, proxy, version, now)
  }

  private func expectAnswer(_ session: ProxySession, _ proxy: Proxy, _ version: ConfigurationVersion, _ now: Instant) {
    session.proxy?.configuration = .awaiting(version, since: now)
    ledger.sent(proxy.id, revision: version.revision, now: now)
  }

  private func queue(_ session: ProxySession) {
    if case .queued = session.proxy?.configuration { return }
    session.proxy?.configuration = .queued
    waiting.append(session.stream)
  }

  private func sendParts(
    _ session: ProxySession, _ proxy: Proxy, _ snapshot: EncodedSnapshot, from first: Int, room: inout Int,
    _ now: Instant
  ) {
    var next = first
    while next < snapshot.parts.count, room > 0 {
      send(session, snapshot.parts[next], .snapshot, room: &room)
      next += 1
    }
    if next < snapshot.parts.count {
      session.proxy?.configuration = .sending(snapshot, next: next)
    } else {
      expectAnswer(session, proxy, snapshot.version, now)
    }
  }

  func send(_ session: ProxySession, _ framed: [UInt8], _ kind: PushKind, room: inout Int) {
    room -= framed.count
    emit(.send(session.stream, framed, kind))
    counters.pushed(kind, bytes: framed.count)
  }

  // MARK: admission

  /// Lets waiting proxies have their snapshots, as far as the budget goes.
  func admit(_ now: Instant) {
    var served = 0
    defer { waiting.removeFirst(served) }
    for stream in waiting {
      guard let session = sessions[stream], let namespace = session.proxy?.namespace,
        case .queued = session.proxy?.configuration, let snapshot = feeds[namespace]?.wholeSnapshot()
      else {
        served += 1
        continue
      }
      guard limiter.admit(max(snapshot.byteCount, limits.snapshotFloorBytes), now: now) else { break }
      session.proxy?.configuration = .sending(snapshot, next: 0)
      served += 1
      list(session)
    }
    counters.waitingForSnapshot(waiting.count - served)
  }
}
