import Discovery
import HTTP
import Memory
import MeshProtocol
import SystemIO

/// The controller's end of all Sync streams: events in, outputs out, no I/O and no clock of its own. Belongs to one
/// thread.
///
/// What a proxy needs is never queued: a stream is only marked, and `pump` looks at what its proxy holds and what is
/// current, so that a slow one gets the latest state and skips what lies between.
///
///     opened, received, closed  ┐                      ┌ send(stream, bytes)
///     configurationChanged      ├─ marks ─ pump(now) ─ ┤
///     endpointsChanged, tick    ┘                      └ finish(stream, status)
final class MeshHub {
  let source: any MeshSource
  let names: any NameSource
  let ledger: ProxyLedger
  let counters: MeshCounters
  let journal: MeshJournal
  let limits: StreamLimits

  var sessions: [Handle: ProxySession] = [:]
  var streamOfInstance: [String: Handle] = [:]
  var members: [String: Set<Handle>] = [:]
  var feeds: [String: NamespaceFeed] = [:]
  var watches: EndpointWatches
  /// What proxies with the capability "identity" are to trust; nil: this controller gives no identities.
  var trust: TrustBundle?
  var limiter: AdmissionLimiter
  /// Streams to look at in the next `pump`.
  var listed: [Handle] = []
  /// Streams that had no room; looked at again by `retry`.
  var crowded: [Handle] = []
  /// Streams waiting for a snapshot, in order of arrival; some may be gone.
  var waiting: [Handle] = []
  /// Streams by the turn of `tick` that looks at their times.
  var turns: [Set<Handle>]
  var turn = 0
  var isDraining = false
  /// Namespaces whose proxies moved since the last progress event.
  var moved: Set<String> = []
  private var outputs: [MeshOutput] = []

  /// `tick` is to be called this often; each stream's times are looked at once in `turnCount` ticks.
  static let tickInterval: Duration = .milliseconds(100)
  static let turnCount = 10

  init(
    source: any MeshSource, names: any NameSource = NoNamers(), ledger: ProxyLedger, counters: MeshCounters,
    journal: MeshJournal, limits: StreamLimits = StreamLimits()
  ) {
    self.source = source
    self.names = names
    self.ledger = ledger
    self.counters = counters
    self.journal = journal
    self.limits = limits
    limiter = AdmissionLimiter(perSecond: limits.snapshotBytesPerSecond, burst: limits.snapshotBurstBytes)
    turns = Array(repeating: [], count: Self.turnCount)
    watches = EndpointWatches(generation: UInt64(clamping: ledger.wall.milliseconds))
    for known in ledger.inbounds { _ = watches.claims.set(known.proxy, known.inbound, isConnected: false) }
  }

  /// What is to be done, in order; empty afterwards.
  func takeOutputs() -> [MeshOutput] { exchange(&outputs, with: []) }

  // MARK: streams

  /// A proxy opened a Sync stream. A status refuses it.
  func opened(_ stream: Handle, from peer: StreamPeer = StreamPeer(), now: Instant) -> GRPCStatus? {
    if isDraining { return GRPCStatus(.unavailable, "this controller is shutting down") }
    guard sessions.count < limits.streams else {
      counters.refusedStream()
      return GRPCStatus(.resourceExhausted, "this controller serves \(limits.streams) proxies already")
    }
    sessions[stream] = ProxySession(stream: stream, peer: peer, now: now)
    turns[sessions.count % Self.turnCount].insert(stream)
    return nil
  }

  func received(_ stream: Handle, _ bytes: [UInt8], now: Instant) {
    guard let session = sessions[stream] else { return }
    session.lastHeard = now
    do {
      let message = try Heddle_Mesh_V1_ProxyMessage.decode(bytes)
      handle(message, session, now)
    } catch .unknown {
      counters.strayMessage()
    } catch {
      end(session, GRPCStatus(.invalidArgument, "not a ProxyMessage"), .malformed)
    }
  }

  private func handle(_ message: Heddle_Mesh_V1_ProxyMessage.OneOf_Message, _ session: ProxySession, _ now: Instant) {
    if case .hello(let hello) = message {
      greet(session, hello, now)
      return
    }
    guard session.proxy != nil else {
      end(session, GRPCStatus(.failedPrecondition, "the first message is Hello"), .malformed)
      return
    }
    switch message {
    case .hello: break
    case .ack(let ack): acknowledged(session, ack, now)
    case .nack(let nack): refused(session, nack)
    case .subscribe(let subscribe): subscribed(session, subscribe)
    case .unsubscribe(let unsubscribe): unsubscribed(session, unsubscribe.name)
    case .trustHeld(let held): session.proxy?.trustHeld = held.version
    case .heartbeat: break
    }
  }

  /// The stream is over, whoever ended it.
  func closed(_ stream: Handle) {
    guard let session = sessions[stream] else { return }
    remove(session)
    counters.closed(.byPeer)
  }

  // MARK: Hello

  private func greet(_ session: ProxySession, _ hello: Heddle_Mesh_V1_Hello, _ now: Instant) {
    guard session.proxy == nil else {
      end(session, GRPCStatus(.invalidArgument, "Hello came twice"), .malformed)
      return
    }
    if let fault = HelloCheck.fault(in: hello) {
      end(session, fault, .malformed)
      return
    }
    if let identity = session.peer.identity, identity.namespace != hello.namespace {
      let message = "hello: namespace \(hello.namespace), and the certificate is for \(identity)"
      end(session, GRPCStatus(.permissionDenied, message), .wrongIdentity)
      return
    }
    replaceOlderStream(of: hello.instanceID)
    let last = hello.hasLast ? ConfigurationVersion(hello.last) : nil
    makeFeed(hello.namespace)
    let isLost =
      last.map { source.proxyReported(namespace: hello.namespace, holds: $0, proxy: hello.instanceID) } ?? false
    let refusal = ledger.refusal(of: hello.instanceID)
    ledger.connected(isLost ? hello : credible(hello, last), from: session.peer)
    session.proxy = Proxy(
      id: hello.instanceID, node: hello.node, namespace: hello.namespace, connectedAt: now, held: last,
      configuration: .idle(greet: true), refusal: refusal, holdsLostHistory: isLost,
      isIdentified: hello.capabilities.contains(Proxy.identityCapability))
    streamOfInstance[hello.instanceID] = session.stream
    members[hello.namespace, default: []].insert(session.stream)
    moved.insert(hello.namespace)
    claimed(hello, by: session.peer)
    list(session)
  }

  /// A proxy that claims our newest revision with another hash does not run what we mean by it.
  private func credible(_ hello: Heddle_Mesh_V1_Hello, _ last: ConfigurationVersion?) -> Heddle_Mesh_V1_Hello {
    guard let last, let current = feeds[hello.namespace]?.version, last.epoch == current.epoch,
      last.revision == current.revision, last.hash != current.hash
    else { return hello }
    counters.desync(.configuration)
    var corrected = hello
    corrected.clearLast()
    return corrected
  }

  /// Of two streams of one instance the newer is the living one (bad-inputs 115): a proxy opens a second only when it
  /// has lost the first.
  private func replaceOlderStream(of instance: String) {
    guard let stream = streamOfInstance[instance], let older = sessions[stream] else { return }
    emit(.finish(older.stream, GRPCStatus(.aborted, "a newer stream of the same instance took over")))
    counters.closed(.replaced)
    remove(older)
  }

  /// The namespace's feed exists from the first proxy or change on. A namespace that never existed has an empty
  /// configuration.
  private func makeFeed(_ namespace: String) {
    guard feeds[namespace] == nil else { return }
    let current =
      source.snapshot(namespace)
      ?? NamespaceSnapshot(
        name: namespace, epoch: source.epoch, revision: 0, hash: .empty, resources: [:],
        committedAt: WallTime(milliseconds: 0), publishedAt: .zero, exists: false)
    let feed = NamespaceFeed(current: current, limits: limits)
    feeds[namespace] = feed
    ledger.published(namespace, feed.version)
  }

  // MARK: what the store tells

  func configurationChanged(_ change: ConfigurationChange) {
    let namespace = change.after.name
    if feeds[namespace] == nil { feeds[namespace] = NamespaceFeed(current: change.before, limits: limits) }
    guard feeds[namespace]?.advance(change) == true, let version = feeds[namespace]?.version else { return }
    ledger.published(namespace, version)
    moved.insert(namespace)
    for stream in members[namespace] ?? [] {
      if let session = sessions[stream] { list(session) }
    }
  }

  func endpointsChanged(_ endpoints: ServiceEndpoints) { watches.advance(endpoints, stale: stale) }

  // MARK: what the namers tell

  func nameChanged(_ name: DiscoveredName) { watches.advance(name, stale: stale) }

  func stale(_ stream: Handle, _ name: String) {
    guard let session = sessions[stream] else { return }
    session.proxy?.markStale(name)
    list(session)
  }

  // MARK: ends

  func emit(_ output: MeshOutput) { outputs.append(output) }

  func list(_ session: ProxySession) {
    guard !session.isListed else { return }
    session.isListed = true
    listed.append(session.stream)
  }

  func end(_ session: ProxySession, _ status: GRPCStatus, _ reason: CloseReason) {
    emit(.finish(session.stream, status))
    counters.closed(reason)
    remove(session)
  }

  private func remove(_ session: ProxySession) {
    sessions[session.stream] = nil
    for index in turns.indices { turns[index].remove(session.stream) }
    guard let proxy = session.proxy else { return }
    streamOfInstance[proxy.id] = nil
    for name in proxy.names.keys {
      watches.remove(session.stream, proxy.key(name), names: names)
    }
    left(proxy.id)
    members[proxy.namespace]?.remove(session.stream)
    moved.insert(proxy.namespace)
    ledger.disconnected(proxy.id)
    if members[proxy.namespace]?.isEmpty == true {
      members[proxy.namespace] = nil
      // Foreign names of namespaces must not pile up; real ones keep their steps for proxies that come back.
      if feeds[proxy.namespace]?.version.revision == 0 { feeds[proxy.namespace] = nil }
    }
  }
}
