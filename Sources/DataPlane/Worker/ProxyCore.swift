import HTTP
import HTTP2
import Memory
import MeshProtocol
import SystemIO
import Traffic
import Workers

/// Everything one worker owns, as one value: connections in slabs, clusters, bindings, counters. Nothing in it is shared.
///
/// A request passes the files in this order: `Connection/Accept` → `Connection/RequestIntake` (head) → `Binding/BindRequest`
/// (identify, bind, pick) → `Upstream/SendRequest` (pool, connect, write) → `Connection/RequestBody` → `Upstream/AnswerIntake`
/// (head, body) → `Connection/AnswerOutput` (flush, next request). `Connection/Faults` answers whatever goes wrong on the way. A request
/// that switches protocols ends in `Tunnel/EnterTunnel`; `Tunnel/CarryTunnel` carries what follows.
///
/// On the request path even methods that change nothing are `mutating`: to borrow the core, the compiler copies the 1.5 KB of it that
/// can be copied (measured: 170 instructions a call, of 15 000 a request).
struct ProxyCore: ~Copyable {
  let loop: EventLoop
  let worker: Int
  let limits: ProxyLimits
  let binding: BindingPolicy
  let times: ProxyTimes
  /// This worker's slice of the per-name limits.
  let pendingPerName: Int
  let inFlightPerName: Int32
  let workers: Int
  let notify: (WorkerNotice) -> Void

  /// Where callers come in. None leaves before the worker ends.
  var listeners = Slab<Listener>()
  var downstreams = Slab<Downstream>()
  var upstreams = Slab<Upstream>()
  /// HTTP/2 connections; their streams are in `downstreams` and `upstreams`.
  var sessions = Slab<Session>()
  /// Those of callers.
  var callerSessions = 0
  /// Sessions with frames to write at the loop's edge: those of one turn go out together.
  var dirtySessions: [Handle] = []
  /// Requests that wait to be sent again.
  var retries = Slab<PendingRetry>()
  /// Connections that carry something else than requests.
  var tunnels = Slab<Tunnel>()
  /// Tunnels, and requests that may become one.
  var tunnelPlaces = 0
  /// Of requests that may become a tunnel for WebSocket between HTTP/1.1 and HTTP/2.
  var handshakes = Slab<WebSocketHandshake>()
  /// This worker's slice of `limits.tunnels`.
  let tunnelLimit: Int
  /// What the session that is being read received.
  var sessionInput = ByteBuffer()
  /// Where HTTP/2 sessions keep field lists that were acted on.
  let fieldStorage = FieldStorage()
  var clusters = ClusterTable()
  var bindings: BindingTable
  var uses = RouteUses()
  /// Scratch of identifying: memory used again for each request.
  var scratch = RouteScratch()
  var name: [UInt8] = []
  var sequences = SequenceTable()
  /// This worker's part of the floor of each name's re-sends, a second.
  var requeueFloor: Double
  /// This proxy's share of the fleet's floors, as the controller told it last.
  var floorShare = 1.0
  var table: RoutingTable
  var changes = RecentChanges()
  /// Grows when a concrete name changes its state; routes compiled before are compiled anew.
  var statesEpoch: UInt64 = 1
  /// How connections to some services are secured.
  var services: [ServiceContext]
  /// What this proxy presents and trusts in the mesh; nil: it has no identity.
  var credentials: MeshCredentials?
  var identities = CallerIdentities()
  var callerScopes = CallerScopes()
  var facts = FactBook()
  var buffers = BufferPool()
  var random: FastRandom
  /// Scratch of the head being looked at: one per worker, since a head is dealt with in one go.
  var head = RequestHead()
  var answer = ResponseHead()
  var trailers = FieldTable()
  /// The loop's clock, read once when the loop handed over.
  var now: Instant
  var isDraining = false

  init(
    loop: EventLoop, worker: Int, workers: Int, limits: ProxyLimits, binding: BindingPolicy, services: [ServiceContext],
    table: RoutingTable,
    seed: UInt64, notify: @escaping (WorkerNotice) -> Void
  ) {
    self.loop = loop
    self.worker = worker
    self.limits = limits
    self.binding = binding
    self.services = services
    self.times = ProxyTimes(limits)
    self.pendingPerName = max(1, limits.pendingPerName / workers)
    self.workers = workers
    self.requeueFloor = RequeueFloor.ofWorker(share: 1, workers: workers)
    self.inFlightPerName = Int32(clamping: max(1, limits.inFlightPerName / workers))
    self.tunnelLimit = max(1, limits.tunnels / workers)
    self.table = table
    self.now = loop.now
    self.notify = notify
    self.random = FastRandom(seed: seed)
    self.bindings = BindingTable(seed: seed ^ 0x5bd1_e995_7f4a_7c15)
  }

}

/// What a token's upper byte says that it names.
enum TokenKind {
  static let listener: UInt8 = 1
  static let downstream: UInt8 = 2
  static let upstream: UInt8 = 3
  static let housekeeping: UInt8 = 4
  static let acceptPause: UInt8 = 5
  static let drainEnd: UInt8 = 6
  static let session: UInt8 = 7
  static let tunnelCaller: UInt8 = 8
  static let tunnelService: UInt8 = 9
  static let retry: UInt8 = 10
}

/// The worker's clusters, by concrete name.
struct ClusterTable {
  private(set) var all: [Cluster] = []
  private var byName: [Path: ClusterIndex] = [:]
  private var free: [ClusterIndex] = []

  var count: Int { byName.count }

  subscript(i: ClusterIndex) -> Cluster {
    _read { yield all[Int(i)] }
    _modify { yield &all[Int(i)] }
  }

  func find(_ name: Path) -> ClusterIndex? { byName[name] }

  mutating func insert(_ cluster: Cluster) -> ClusterIndex {
    let i: ClusterIndex
    if let reused = free.popLast() {
      i = reused
      all[Int(i)] = cluster
    } else {
      i = ClusterIndex(truncatingIfNeeded: all.count)
      all.append(cluster)
    }
    byName[cluster.name] = i
    return i
  }

  /// Only for a cluster that nothing refers to.
  mutating func remove(_ i: ClusterIndex) {
    byName[all[Int(i)].name] = nil
    free.append(i)
  }

  /// The clusters that are in the table now.
  var live: some Sequence<ClusterIndex> { byName.values }
}

/// The low-discrepancy sequences of unions, kept by the union's identity so that they outlive swaps and weight changes.
struct SequenceTable {
  /// Positions; a route holds indexes into these.
  var positions: [UInt64] = []
  private var byUnion: [String: Int32] = [:]
  /// Unions remembered; beyond it all sequences start anew, which costs at most one pick's accuracy each. 65 536.
  static let limit = 65_536

  var isFull: Bool { positions.count >= Self.limit }

  /// The sequence of this union; a new one starts at random.
  mutating func index(of union: String, using random: inout FastRandom) -> Int32 {
    if let known = byUnion[union] { return known }
    let i = Int32(truncatingIfNeeded: positions.count)
    positions.append(random.next())
    byUnion[union] = i
    return i
  }
}
