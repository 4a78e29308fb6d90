import Memory
import MeshProtocol
import SystemIO
import Traffic

/// The number of a cluster in its worker's table. Stable while anything refers to it.
public typealias ClusterIndex = Int32
/// The number of an endpoint in its cluster's table. Stable while anything refers to it.
public typealias EndpointIndex = Int32

/// One worker's view of a concrete name: its endpoints, with the load and the connections this worker has there.
///
/// Updates keep state (`EndpointSet` in, differences out): an endpoint that stays keeps its load, its back-off and its
/// connections; one that left gets no new requests and goes when its last connection does.
struct Cluster {
  let name: Path
  /// `name` as text, made once: it stands in headers and metrics.
  let text: String
  private(set) var state: NameState
  private(set) var version: UInt64 = 0
  private(set) var residual = Path(segments: [])
  private(set) var id = ""
  private(set) var reason = ""
  private(set) var serviceProtocol = EndpointProtocol.automatic
  var endpoints: [EndpointSlot] = []
  /// Endpoints that may get new requests, as indexes of `endpoints`.
  private(set) var eligible: [EndpointIndex] = []
  /// Sums of the eligible endpoints' weights up to each, when weights differ; empty when all are alike.
  private var weightSums: [Double] = []
  private var free: [EndpointIndex] = []
  private var lastSerial: UInt32 = 0
  /// What sending again may cost: 20 % of the answered requests, and the floor, over 10 s (Finagle's token budget), per worker.
  var requeues: TokenBudget
  /// How connections are secured where no proxy stands before the endpoint: index in `ProxyCore.services`; nil: not at all.
  let security: Int?
  /// How many bindings refer to this cluster.
  var users: Int32 = 0
  /// Whether it takes requests where another name stands by for it. Looked at only there.
  private(set) var standing = Standing()
  /// When the last binding let go; meaningful while `users` is 0.
  var unusedSince: Instant

  /// - Parameter requeueFloor: re-sends a second that are allowed whatever the requests.
  init(name: Path, state: NameState, requeueFloor: Double = RequeueFloor.fleet, security: Int? = nil, now: Instant) {
    self.name = name
    self.security = security
    self.text = name.description
    self.state = state
    self.unusedSince = now
    self.requeues = TokenBudget(minRetriesPerSecond: requeueFloor, now: now.nanoseconds)
  }

  /// Takes over a newer state. Returns the endpoints that left: the caller closes their idle connections.
  mutating func update(_ set: EndpointSet) -> [EndpointIndex] {
    state = set.state
    version = set.version
    residual = set.residual
    id = set.id
    reason = set.reason
    serviceProtocol = set.serviceProtocol
    var known: [String: EndpointIndex] = [:]
    for (i, slot) in endpoints.enumerated() where slot.isListed { known[slot.endpoint.text] = EndpointIndex(i) }
    var seen: Set<String> = []
    for endpoint in set.endpoints where seen.insert(endpoint.text).inserted {
      // Another proxy before it makes it another endpoint: no request may take a connection to the one before.
      if let i = known[endpoint.text], endpoints[Int(i)].endpoint.mesh == endpoint.mesh {
        known[endpoint.text] = nil
        endpoints[Int(i)].endpoint = endpoint
      } else {
        place(endpoint)
      }
    }
    for i in known.values { endpoints[Int(i)].isListed = false }
    refreshEligible()
    let gone = Array(known.values)
    for i in gone { releaseIfUnused(i) }
    return gone
  }

  private mutating func place(_ endpoint: Endpoint) {
    lastSerial &+= 1
    let slot = EndpointSlot(endpoint, serial: lastSerial)
    if let i = free.popLast() {
      endpoints[Int(i)] = slot
    } else {
      endpoints.append(slot)
    }
  }

  private mutating func refreshEligible() {
    eligible.removeAll(keepingCapacity: true)
    for i in endpoints.indices where endpoints[i].isListed && endpoints[i].endpoint.weight > 0 {
      eligible.append(EndpointIndex(i))
    }
    let weights = eligible.map { endpoints[Int($0)].endpoint.weight }
    var sum = 0.0
    weightSums =
      Set(weights).count <= 1
      ? []
      : weights.map { weight in
        sum += weight
        return sum
      }
  }

  /// Two candidates, the less loaded for its weight wins. Endpoints of different weights are drawn in proportion to them.
  private func choose(using random: inout FastRandom) -> Int {
    guard let total = weightSums.last else {
      return P2C.pick(count: eligible.count, using: &random) { endpoints[Int(eligible[$0])].load }
    }
    let (a, b) = (draw(total, &random), draw(total, &random))
    return endpoints[Int(eligible[b])].load < endpoints[Int(eligible[a])].load ? b : a
  }

  private func draw(_ total: Double, _ random: inout FastRandom) -> Int {
    let point = Double(random.next() &>> 11) * 0x1p-53 * total
    var low = 0
    var high = weightSums.count - 1
    while low < high {
      let middle = (low + high) / 2
      if point < weightSums[middle] { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Gives the slot of an unlisted endpoint back once nothing of this worker refers to it.
  mutating func releaseIfUnused(_ i: EndpointIndex) {
    let slot = endpoints[Int(i)]
    if !slot.isListed, slot.connections == 0, !slot.isFree {
      endpoints[Int(i)].isFree = true
      free.append(i)
    }
  }

  /// Whether any connection of this worker refers to this cluster.
  var isInUse: Bool { users > 0 || endpoints.contains { $0.connections > 0 } }

  /// Whether requests go here rather than to what stands by for it: bound, and standing (traffic.md 5).
  mutating func stands(at now: Instant) -> Bool {
    guard state == .bound else { return false }
    if standing.isSteady, eligible.contains(where: { endpoints[Int($0)].backoff.isClear }) { return true }
    return standing.observe(health, at: now.nanoseconds)
  }

  /// Only a failed connect makes an endpoint unready so far, so none ready means that all refuse.
  private var health: Standing.Health {
    let ready = eligible.count { endpoints[Int($0)].backoff.isClear }
    return Standing.Health(ready: ready, total: eligible.count, allRefuse: ready == 0)
  }

  /// How many endpoints could take a request now, and how many may get any: for people.
  func readiness(at now: Instant) -> (ready: Int, total: Int) {
    (eligible.count { endpoints[Int($0)].backoff.isOpen(at: now) }, eligible.count)
  }

  /// Endpoints to try whether they can be connected, while requests go elsewhere: those whose pause is over, and those
  /// that were well and have no connection that would tell if they no longer are.
  func probes(at now: Instant, atMost limit: Int) -> [EndpointIndex] {
    guard standing.isDown, state == .bound, users > 0 else { return [] }
    let due = eligible.lazy.filter { i in
      let slot = endpoints[Int(i)]
      return slot.connections == 0 && slot.backoff.isOpen(at: now)
    }
    return Array(due.prefix(limit))
  }

  /// Picks an endpoint: the better of two by load per weight (P2C, Mitzenmacher 2001), and if that one is backing off, the
  /// first ready one found from a random start. `excluding` was tried for this request already. Nil when none is ready.
  mutating func pick(excluding tried: EndpointIndex, at now: Instant, using random: inout FastRandom) -> EndpointIndex?
  {
    let n = eligible.count
    if n == 0 { return nil }
    if n == 1 { return accept(eligible[0], at: now, unless: -1) }
    let chosen = choose(using: &random)
    if let i = accept(eligible[chosen], at: now, unless: tried) { return i }
    for step in 1..<n {
      let i = eligible[(chosen &+ step) % n]
      if let i = accept(i, at: now, unless: tried) { return i }
    }
    return nil
  }

  private mutating func accept(_ i: EndpointIndex, at now: Instant, unless tried: EndpointIndex) -> EndpointIndex? {
    i != tried && endpoints[Int(i)].backoff.admit(at: now) ? i : nil
  }
}

/// One endpoint as one worker sees it.
struct EndpointSlot {
  var endpoint: Endpoint
  /// In the newest set. An unlisted endpoint finishes its work and goes.
  var isListed = true
  var isFree = false
  /// Requests sent and not answered.
  var outstanding: Int32 = 0
  /// Connections open, idle ones included.
  var connections: Int32 = 0
  /// The most recently used idle connection: the one least likely to be closed by the other side.
  var idle = Handle.none
  /// HTTP/2 connections, those that take no more requests included.
  var sessions: [Handle] = []
  /// Streams that the endpoint allowed on the last connection that it said so on; 100 before, as `HTTP2Session.peerConcurrentStreams`.
  var allowedStreams = 100
  var backoff = ConnectBackoff()

  /// Tells this tenant of the slot from earlier ones.
  let serial: UInt32

  /// A proxy of the mesh stands before it.
  let isInMesh: Bool

  init(_ endpoint: Endpoint, serial: UInt32) {
    self.endpoint = endpoint
    isInMesh = endpoint.mesh != nil
    self.serial = serial
  }

  /// For people: `ready`, `down`, `drained` (weight 0), `leaving`.
  func stateName(at now: Instant) -> String {
    if !isListed { return "leaving" }
    if endpoint.weight == 0 { return "drained" }
    return backoff.isOpen(at: now) ? "ready" : "down"
  }

  /// Outstanding requests per unit of weight.
  var load: Double { Double(outstanding) / endpoint.weight }
}

/// Keeps requests away from an endpoint that could not be connected, and lets one through per period to see whether it can again.
struct ConnectBackoff {
  /// First pause after a failed connect. Doubles with each further failure.
  static let first = Duration.milliseconds(100)
  /// Longest pause: an endpoint that is back is found within this time.
  static let longest = Duration.seconds(5)

  private var until: Instant?
  private var pause = ConnectBackoff.first

  /// Whether the last connect succeeded, or there was none yet.
  var isClear: Bool { until == nil }

  /// Whether requests may go there without this endpoint being on trial.
  func isOpen(at now: Instant) -> Bool {
    guard let until else { return true }
    return now >= until
  }

  /// Whether this request may go there. After a pause exactly one may, until it is known how it went.
  mutating func admit(at now: Instant) -> Bool {
    guard let until else { return true }
    if now < until { return false }
    self.until = now + pause
    return true
  }

  /// A connect failed.
  mutating func failed(at now: Instant) {
    until = now + pause
    pause = min(pause * 2, Self.longest)
  }

  /// A connect succeeded.
  mutating func succeeded() {
    if until != nil { self = ConnectBackoff() }
  }
}
