import MeshProtocol
import SystemIO

/// Who this proxy is, as Hello says it.
struct ProxyIdentity: Sendable {
  var node: String
  var instance: String
  var version: String
  var namespace: String
  var labels: [String: String] = [:]
  var zone = ""
  /// Where the admin port answers, for people.
  var address = ""
  /// It has a certificate of the mesh.
  var hasCertificate = false
  /// Where it takes mutual TLS, each for which port of its applications.
  var inbounds: [(port: UInt16, application: UInt16)] = []
}

/// What the driver has to do, in order.
enum ControlStreamAction {
  /// Send this message on the Sync stream.
  case send([UInt8])
  /// Close the connection; come back by the schedule, and not before `retryAfter`.
  case leave(retryAfter: Duration)
  /// Compile this off the thread, swap the workers, then call `applied` or `refused`.
  case compile(ConfigurationCandidate)
  /// Workers that hold this name have to know.
  case publish(EndpointSet)
  /// The controller told something new of a concrete name: worth keeping on disk, at once when it is the first of that name.
  case learned(isFirst: Bool)
  /// The controller confirmed that what is held is current, or sent something newer.
  case confirmed
  /// These roots are to be trusted; call `trusts` when they are.
  case trust(Heddle_Mesh_V1_TrustBundle)
  /// Count and log.
  case note(StreamNote)
}

/// What happened on the stream that an operator may want to know.
enum StreamNote: Equatable {
  case resync(ConfigurationGap)
  case refused(revision: UInt64, errors: [String])
  case breach(ConfigurationBreach)
  case desync(name: String, gap: EndpointGap)
  case epochChanged(revision: UInt64)
  case malformed
  case silence
  case goAway(reason: String)
  case tooManyNames
  case unusableEndpoints(name: String, count: Int)
}

/// The proxy's side of a Sync stream: what to say, what to keep, whom to tell. No I/O, no clock, no randomness.
///
/// Losing the controller changes nothing that is held; names that workers release stay until a controller is back.
struct ControlStreamMachine {
  /// Gaps of one name in a row on one stream, after which it waits for the next stream: the ends cannot agree.
  static let gapsInARow = 5

  private enum Link {
    case away
    case open(lastReceived: Instant, lastSent: Instant)
  }

  /// What Hello says; the admin port's address is known only after it listens.
  var identity: ProxyIdentity
  private(set) var replica = ConfigurationReplica()
  private(set) var names: [Path: WatchedName] = [:]
  private var link = Link.away
  private var actions: [ControlStreamAction] = []

  init(identity: ProxyIdentity) { self.identity = identity }

  /// What is to be done since the last time.
  mutating func takeActions() -> [ControlStreamAction] {
    defer { actions = [] }
    return actions
  }

  var isOpen: Bool {
    if case .open = link { true } else { false }
  }

  /// Whether Hello may be said: not while a configuration waits for its verdict, for Hello tells what is held.
  var mayOpen: Bool { !replica.isJudging }

  // MARK: The stream

  /// A Sync stream is open: says Hello and asks for every watched name.
  mutating func opened(at now: Instant) {
    link = .open(lastReceived: now, lastSent: now)
    send(.hello(hello()), at: now)
    for name in names.keys.sorted() {
      names[name]?.isGivenUp = false
      // While the controller was away nobody could be told; the time begins with its return.
      names[name]?.holders.renew(at: now)
      if let subscription = names[name]?.replica.subscription { send(.subscribe(subscription), at: now) }
    }
  }

  /// The stream is gone, by whomever.
  mutating func closed() {
    link = .away
    replica.disconnected()
  }

  /// A message from the controller. `wall` is wall-clock milliseconds, for the age of what is kept.
  mutating func received(_ bytes: [UInt8], at now: Instant, wall: Int64) {
    guard case .open(_, let lastSent) = link else { return }
    link = .open(lastReceived: now, lastSent: lastSent)
    let message: Heddle_Mesh_V1_ControlMessage.OneOf_Message
    do {
      message = try Heddle_Mesh_V1_ControlMessage.decode(bytes)
    } catch {
      // A message of a later version is none of our business; bytes that are no message end the stream.
      if error != .unknown { leave(.malformed) }
      return
    }
    switch message {
    case .snapshot(let part): take(replica.received(part), at: now)
    case .delta(let step): take(replica.received(step), at: now)
    case .current(let current): take(replica.received(current), at: now)
    case .endpoints(let endpoints): take(endpoints, at: now, wall: wall)
    case .heartbeat: break
    case .trust(let bundle): actions.append(.trust(bundle))
    case .goAway(let goAway):
      leave(.goAway(reason: String(goAway.reason.prefix(200))), retryAfter: .milliseconds(Int64(goAway.retryAfterMs)))
    }
  }

  /// The roots of this version, and no others, are trusted from now on.
  mutating func trusts(version: UInt64, at now: Instant) {
    var held = Heddle_Mesh_V1_TrustHeld()
    held.version = version
    if isOpen { send(.trustHeld(held), at: now) }
  }

  /// Time passes: heartbeats, silence, names nobody needs. To be called about once a second.
  mutating func tick(at now: Instant) {
    guard case .open(let lastReceived, let lastSent) = link else { return }
    if now - lastReceived >= .seconds(MeshLimits.silenceSeconds) { return leave(.silence) }
    if now - lastSent >= .seconds(MeshLimits.heartbeatSeconds) {
      var heartbeat = Heddle_Mesh_V1_Heartbeat()
      heartbeat.revision = replica.held?.revision ?? 0
      send(.heartbeat(heartbeat), at: now)
    }
    for (name, watched) in names where watched.holders.isForgotten(at: now) { forget(name, at: now) }
  }

  // MARK: Configuration

  /// What was kept on disk, before the first stream. Yields `.compile` when it is whole.
  mutating func restore(_ version: ConfigurationVersion, resources: [[UInt8]], at now: Instant) {
    take(replica.restored(version, resources: resources), at: now)
  }

  /// Every worker runs the candidate.
  mutating func applied(at now: Instant) {
    if let ack = replica.applied(), isOpen { send(.ack(ack), at: now) }
  }

  /// The candidate did not compile.
  mutating func refused(_ faults: [ResourceFault], at now: Instant) {
    guard let nack = replica.refused(faults) else { return }
    actions.append(.note(.refused(revision: nack.revision, errors: faults.map(\.description))))
    if isOpen { send(.nack(nack), at: now) }
  }

  private mutating func take(_ step: ConfigurationStep, at now: Instant) {
    switch step {
    case .more: break
    case .current: actions.append(.confirmed)
    case .apply(let candidate):
      if candidate.changesEpoch { actions.append(.note(.epochChanged(revision: candidate.version.revision))) }
      actions.append(.compile(candidate))
    case .refuse(let nack):
      actions.append(.note(.refused(revision: nack.revision, errors: nack.errors.map(\.summary))))
      if isOpen { send(.nack(nack), at: now) }
    case .resync(let nack, let gap):
      actions.append(.note(.resync(gap)))
      if isOpen { send(.nack(nack), at: now) }
    case .breach(let breach): leave(.breach(breach))
    }
  }

  // MARK: Concrete names

  /// A worker needs a name, or (nil) a new table makes it reachable before any worker asked. What is known of it is
  /// published at once.
  mutating func want(_ name: Path, holder: Int?, at now: Instant) {
    if names[name] == nil {
      guard makeRoom(at: now) else {
        let reason = "this proxy watches \(MeshLimits.subscriptions) concrete names already"
        actions.append(.note(.tooManyNames))
        actions.append(.publish(EndpointSet(name: name, version: 0, state: .failed, reason: reason)))
        return
      }
      names[name] = WatchedName(name: name.description, announcedAt: now)
      if isOpen, let subscription = names[name]?.replica.subscription { send(.subscribe(subscription), at: now) }
    }
    if let holder { names[name]?.holders.add(holder) } else { names[name]?.holders.renew(at: now) }
    if names[name]?.isAnswered == true { publish(name) }
  }

  /// A worker has no more use for a name.
  mutating func release(_ name: Path, holder: Int, at now: Instant) {
    names[name]?.holders.remove(holder, at: now)
  }

  /// Endpoints that were kept on disk, as a full state of the name's last good one.
  mutating func restore(_ message: Heddle_Mesh_V1_Endpoints, confirmed: Int64, at now: Instant) {
    guard let name = try? Path(parsing: message.name), names[name] == nil, names.count < MeshLimits.subscriptions else {
      return
    }
    var watched = WatchedName(name: name.description, announcedAt: now)
    var full = message
    full.name = name.description
    guard case .changed = watched.replica.received(full) else { return }
    watched.confirmed = confirmed
    names[name] = watched
  }

  /// Which of these names have no answer yet.
  func unanswered(_ wanted: some Sequence<Path>) -> Set<Path> {
    Set(wanted.filter { names[$0]?.isAnswered == false })
  }

  private mutating func take(_ message: Heddle_Mesh_V1_Endpoints, at now: Instant, wall: Int64) {
    // A name unsubscribed a moment ago may still be spoken of.
    guard let name = try? Path(parsing: message.name), var watched = names[name] else { return }
    let step = watched.replica.received(message)
    if case .resubscribe(let gap) = step {
      names[name] = watched
      return resubscribe(name, gap, at: now)
    }
    let isFirst = watched.confirmed == 0
    watched.confirmed = wall
    names[name] = watched
    if step == .changed {
      actions.append(.learned(isFirst: isFirst))
      publish(name)
    }
  }

  private mutating func resubscribe(_ name: Path, _ gap: EndpointGap, at now: Instant) {
    actions.append(.note(.desync(name: name.description, gap: gap)))
    guard let watched = names[name], !watched.isGivenUp else { return }
    if watched.replica.gapsInARow >= Self.gapsInARow {
      names[name]?.isGivenUp = true
    } else {
      // Nothing is claimed to be held, so that the whole state comes.
      var subscribe = Heddle_Mesh_V1_Subscribe()
      subscribe.name = watched.replica.name
      send(.subscribe(subscribe), at: now)
    }
  }

  private mutating func publish(_ name: Path) {
    guard let watched = names[name] else { return }
    var unusable = 0
    let set = EndpointSet(watched.replica, name: name, confirmed: watched.confirmed, unusable: &unusable)
    if unusable > 0 { actions.append(.note(.unusableEndpoints(name: name.description, count: unusable))) }
    actions.append(.publish(set))
  }

  /// Whether one more name fits, if need be in place of one that nobody holds.
  private mutating func makeRoom(at now: Instant) -> Bool {
    if names.count < MeshLimits.subscriptions { return true }
    guard let unheld = names.first(where: { $0.value.holders.unheldSince != nil })?.key else { return false }
    forget(unheld, at: now)
    return true
  }

  private mutating func forget(_ name: Path, at now: Instant) {
    names[name] = nil
    guard isOpen else { return }
    var unsubscribe = Heddle_Mesh_V1_Unsubscribe()
    unsubscribe.name = name.description
    send(.unsubscribe(unsubscribe), at: now)
  }

  // MARK: Sending

  private func hello() -> Heddle_Mesh_V1_Hello {
    var hello = Heddle_Mesh_V1_Hello()
    hello.node = identity.node
    hello.instanceID = identity.instance
    hello.version = identity.version
    hello.capabilities =
      ["rules", "splits", "routes", "authorizations"] + (identity.hasCertificate ? ["identity"] : [])
    hello.namespace = identity.namespace
    hello.labels = identity.labels
    hello.zone = identity.zone
    hello.address = identity.address
    let inbounds = identity.inbounds.map { one in
      var inbound = Heddle_Mesh_V1_Inbound()
      inbound.port = UInt32(one.port)
      inbound.applications = [UInt32(one.application)]
      return inbound
    }
    if let first = inbounds.first {
      hello.inbound = first
      hello.moreInbounds = Array(inbounds.dropFirst())
    }
    if let held = replica.held { hello.last = held.wire }
    return hello
  }

  private mutating func send(_ message: Heddle_Mesh_V1_ProxyMessage.OneOf_Message, at now: Instant) {
    guard case .open(let lastReceived, _) = link else { return }
    link = .open(lastReceived: lastReceived, lastSent: now)
    var envelope = Heddle_Mesh_V1_ProxyMessage()
    envelope.message = message
    actions.append(.send(envelope.encodedBytes()))
  }

  private mutating func leave(_ note: StreamNote, retryAfter: Duration = .zero) {
    actions.append(.note(note))
    actions.append(.leave(retryAfter: retryAfter))
    closed()
  }
}

extension Heddle_Mesh_V1_ResourceError {
  fileprivate var summary: String { hasKey ? "\(ResourceIdentity(key)): \(message)" : message }
}
