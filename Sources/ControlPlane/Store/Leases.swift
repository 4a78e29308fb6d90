import SystemIO

/// Which endpoint a lease is for.
struct LeaseKey: Hashable, Sendable {
  let namespace: String
  let service: String
  let address: String
}

/// The leases of all leased endpoints: when each ends unless it is renewed. Runs on monotonic time and begins anew
/// with the controller, so that neither a clock that jumps nor a restart takes endpoints away.
///
/// When more than half of a service's leases (at least 3) go silent within one ttl, it is more likely that the way to
/// the controller broke than that the service died: they are kept as *suspect* for ten ttls, and proxies go by
/// health.
struct LeaseTable: Sendable {
  struct Lease: Sendable {
    var ttl: Duration
    var renewedAt: Instant
    var deadline: Instant
    var isSuspect = false
    /// Its removal is on its way to the store: a renewal must go through the store as well.
    var isLapsing = false
  }

  /// After a start nothing lapses before this, however short its lease.
  static let grace = Duration.seconds(30)
  /// How long suspects stay, in ttls.
  static let suspectTimes = 10
  /// Fewer silent leases than this are no outage of ours.
  static let suspectAtLeast = 3

  private var services: [ServiceKey: [String: Lease]] = [:]
  /// Leases to look at, by a second that is not after their deadline.
  private var agenda: [UInt64: Set<LeaseKey>] = [:]
  private var lookedAt: UInt64 = 0
  /// Gone within the last ttl, in case the rest of their service follows.
  private var lapsed: [ServiceKey: [Lapsed]] = [:]

  struct Lapsed: Sendable, Equatable {
    let key: LeaseKey
    let endpoint: Endpoint
    let at: Instant
  }

  fileprivate struct ServiceKey: Hashable, Sendable {
    let namespace: String
    let service: String

    init(_ key: LeaseKey) { (namespace, service) = (key.namespace, key.service) }
    func lease(_ address: String) -> LeaseKey { LeaseKey(namespace: namespace, service: service, address: address) }
  }

  subscript(key: LeaseKey) -> Lease? { services[ServiceKey(key)]?[key.address] }

  var count: Int { services.values.reduce(0) { $0 + $1.count } }
  var suspects: Int { services.values.reduce(0) { $0 + $1.values.count(where: \.isSuspect) } }
  /// Services with suspects, as `namespace/service`.
  var suspectServices: [String] {
    services.filter { $0.value.values.contains(where: \.isSuspect) }.map { "\($0.key.namespace)/\($0.key.service)" }
      .sorted()
  }

  mutating func start(_ key: LeaseKey, ttl: Duration, now: Instant, grace: Duration = .zero) {
    put(key, Lease(ttl: ttl, renewedAt: now, deadline: now + max(ttl, grace)))
    lapsed[ServiceKey(key)]?.removeAll { $0.key == key }
  }

  /// False: there is no such lease, or it is just ending; then it must be registered anew.
  mutating func renew(_ key: LeaseKey, now: Instant) -> Bool {
    guard var lease = self[key], !lease.isLapsing else { return false }
    lease.renewedAt = now
    if lease.isSuspect {
      lease.isSuspect = false
      lease.deadline = now + lease.ttl
      put(key, lease)
    } else {
      // The agenda is not touched: when the old deadline comes, the new one is seen.
      lease.deadline = max(lease.deadline, now + lease.ttl)
      services[ServiceKey(key)]?[key.address] = lease
    }
    return true
  }

  /// The endpoint was taken away on purpose, or has become static.
  mutating func drop(_ key: LeaseKey) {
    remove(key)
    lapsed[ServiceKey(key)]?.removeAll { $0.key == key }
  }

  /// The endpoint left the registry because its lease ended.
  mutating func ended(_ endpoint: Endpoint, _ key: LeaseKey, now: Instant) {
    remove(key)
    lapsed[ServiceKey(key), default: []].append(Lapsed(key: key, endpoint: endpoint, at: now))
  }

  /// The end of a lease could not be stored: it is tried again at the next look.
  mutating func keep(_ key: LeaseKey, now: Instant) {
    guard var lease = self[key], lease.isLapsing else { return }
    lease.isLapsing = false
    put(key, lease, lookAt: now)
  }

  /// An endpoint that had lapsed is back in the registry, in doubt.
  mutating func revive(_ key: LeaseKey, ttl: Duration, now: Instant) {
    put(key, Lease(ttl: ttl, renewedAt: now, deadline: now + ttl * Self.suspectTimes, isSuspect: true))
  }

  private mutating func put(_ key: LeaseKey, _ lease: Lease, lookAt: Instant? = nil) {
    services[ServiceKey(key), default: [:]][key.address] = lease
    agenda[max((lookAt ?? lease.deadline).milliseconds / 1000, lookedAt), default: []].insert(key)
  }

  private mutating func remove(_ key: LeaseKey) {
    services[ServiceKey(key)]?[key.address] = nil
    if services[ServiceKey(key)]?.isEmpty == true { services[ServiceKey(key)] = nil }
  }
}

// MARK: what is due

extension LeaseTable {
  struct Look: Sendable, Equatable {
    /// To be taken out of the registry.
    var lapsed: [LeaseKey] = []
    /// Gone a moment ago, before the rest of their service fell silent: to be put back.
    var revived: [Lapsed] = []
    /// Services of which endpoints became suspect at this look.
    var alarmed: [String] = []
  }

  /// Looks at the leases whose time has come. Costs what is due. The ends found by one look must be settled (`ended`,
  /// `keep`) before the next.
  mutating func look(now: Instant) -> Look {
    var look = Look()
    for key in due(now) {
      guard let lease = self[key], !lease.isLapsing else { continue }
      if lease.deadline > now {
        put(key, lease)
      } else if !lease.isSuspect, isOutage(ServiceKey(key), ttl: lease.ttl, now: now) {
        suspect(ServiceKey(key), now: now, &look)
      } else {
        services[ServiceKey(key)]?[key.address]?.isLapsing = true
        look.lapsed.append(key)
      }
    }
    forgetLapsed(now)
    return look
  }

  private mutating func due(_ now: Instant) -> [LeaseKey] {
    let second = now.milliseconds / 1000
    if lookedAt == 0 { lookedAt = agenda.keys.min() ?? second }
    guard lookedAt <= second else { return [] }
    // After a long pause there may be more seconds than entries.
    let seconds =
      second - lookedAt > UInt64(agenda.count) ? agenda.keys.filter { $0 <= second } : Array(lookedAt...second)
    var keys: [LeaseKey] = []
    for at in seconds { keys += agenda.removeValue(forKey: at) ?? [] }
    lookedAt = second
    return keys.sorted { ($0.namespace, $0.service, $0.address) < ($1.namespace, $1.service, $1.address) }
  }

  /// Silent for so long that a healthy registrant would have spoken: three quarters of its ttl (they renew at a third
  /// to a half).
  private func isSilent(_ lease: Lease, _ now: Instant) -> Bool {
    lease.isSuspect || lease.isLapsing || now - lease.renewedAt >= lease.ttl * 3 / 4
  }

  private func isOutage(_ service: ServiceKey, ttl: Duration, now: Instant) -> Bool {
    let leases = services[service] ?? [:]
    let gone = (lapsed[service] ?? []).count { now - $0.at <= ttl }
    let silent = leases.values.count { isSilent($0, now) } + gone
    return silent >= Self.suspectAtLeast && silent * 2 > leases.count + gone
  }

  private mutating func suspect(_ service: ServiceKey, now: Instant, _ look: inout Look) {
    for (address, lease) in services[service] ?? [:] where !lease.isSuspect && lease.deadline <= now {
      var lease = lease
      lease.isSuspect = true
      lease.isLapsing = false
      lease.deadline = now + lease.ttl * Self.suspectTimes
      put(service.lease(address), lease)
    }
    look.lapsed.removeAll { ServiceKey($0) == service }
    look.revived += (lapsed.removeValue(forKey: service) ?? []).filter { now - $0.at <= ($0.endpoint.ttl ?? .zero) }
    let name = "\(service.namespace)/\(service.service)"
    if !look.alarmed.contains(name) { look.alarmed.append(name) }
  }

  private mutating func forgetLapsed(_ now: Instant) {
    for (service, entries) in lapsed {
      let kept = entries.filter { now - $0.at <= ($0.endpoint.ttl ?? .zero) }
      lapsed[service] = kept.isEmpty ? nil : kept
    }
  }
}
