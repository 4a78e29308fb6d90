// What the two halves of the controller say to each other: the store and its REST API on one side, the mesh stream,
// the known proxies, the metrics and the event feed on the other. Values here are immutable and cheap to copy; a
// change shares everything that it did not touch.
import HashTreeCollections
import MeshProtocol
import Serving
import SystemIO

/// A moment of the calendar, in milliseconds since 1970 UTC. For people and history only: leases and time-outs use
/// `Instant`.
struct WallTime: Hashable, Comparable, Sendable {
  let milliseconds: Int64
  static func < (a: WallTime, b: WallTime) -> Bool { a.milliseconds < b.milliseconds }
}

/// Both clocks, as an argument, so that tests own time.
struct Clocks: Sendable {
  let wall: @Sendable () -> WallTime
  let monotonic: @Sendable () -> Instant
}

/// Which unit of a namespace's configuration.
struct ResourceKey: Hashable, Comparable, Sendable {
  /// The kinds that travel to proxies. The raw value is the number on the wire.
  enum Kind: Int, Hashable, Sendable {
    case rule = 1
    case split = 2
    case route = 3
    case authorization = 4

    /// What a proxy must say in its Hello to be sent one of these; nil for what every proxy can run.
    var capability: String? {
      switch self {
      case .rule, .split: nil
      case .route: "routes"
      case .authorization: "authorizations"
      }
    }
  }

  let kind: Kind
  /// Rule id, or the name of a split, route or authorization.
  let name: String

  static func < (a: ResourceKey, b: ResourceKey) -> Bool { (a.kind.rawValue, a.name) < (b.kind.rawValue, b.name) }
}

/// One unit of configuration as the proxies get it: encoded once, sent to all.
struct EncodedResource: Sendable {
  let key: ResourceKey
  /// An encoded `heddle.mesh.v1.Resource`.
  let bytes: [UInt8]
  /// Of `bytes`.
  let hash: SetHash
}

/// A namespace's whole configuration at one revision.
final class NamespaceSnapshot: Sendable {
  let name: String
  /// 16 random bytes of the store that this history belongs to.
  let epoch: [UInt8]
  let revision: UInt64
  /// Sum of the hashes of `resources`.
  let hash: SetHash
  let resources: TreeDictionary<ResourceKey, EncodedResource>
  let committedAt: WallTime
  /// When it was published here; what `heddle_config_propagation_seconds` starts from.
  let publishedAt: Instant
  /// False once the namespace is deleted: then there are no resources, and the revision still counts on.
  let exists: Bool

  init(
    name: String, epoch: [UInt8], revision: UInt64, hash: SetHash,
    resources: TreeDictionary<ResourceKey, EncodedResource>,
    committedAt: WallTime, publishedAt: Instant, exists: Bool
  ) {
    self.name = name
    self.epoch = epoch
    self.revision = revision
    self.hash = hash
    self.resources = resources
    self.committedAt = committedAt
    self.publishedAt = publishedAt
    self.exists = exists
  }

  var version: ConfigurationVersion { ConfigurationVersion(epoch: epoch, revision: revision, hash: hash) }
}

/// One committed step of a namespace. Steps of one namespace are published in order without gaps.
struct ConfigurationChange: Sendable {
  let before: NamespaceSnapshot
  let after: NamespaceSnapshot
  let upserts: [EncodedResource]
  let removes: [ResourceKey]
  /// A weight went to 0, or this is a rollback: never held back by anything.
  let urgent: Bool
  /// Who asked for it, for the event feed.
  let who: String
  /// The operator's reason, or empty.
  let why: String
}

/// One endpoint of a registered service as the proxies get it.
struct EncodedEndpoint: Sendable {
  let address: String
  /// An encoded `heddle.mesh.v1.Endpoint`.
  let bytes: [UInt8]
  /// Of `bytes`.
  let hash: SetHash
}

/// How a service's endpoints want to be spoken to.
enum ServiceProtocol: String, Sendable, CaseIterable { case http1, http2, tcp, thrift, mux, thriftmux }

/// A registered service's endpoints at one version.
struct ServiceEndpoints: Sendable {
  let namespace: String
  let service: String
  /// Grows with every change of this service and never goes back, also over deletion and restart. 0 = never seen.
  let version: UInt64
  /// By address.
  let endpoints: TreeDictionary<String, EncodedEndpoint>
  let `protocol`: ServiceProtocol?
  /// Sum of the hashes of `endpoints`.
  let setHash: SetHash
  /// False: no such service (`NEGATIVE` for proxies). The registry's answer is complete from the controller's start on.
  let exists: Bool
}

/// Told of every committed change, in order, on the writer's thread: must return at once and must not write to the
/// store.
protocol ChangeObserver: AnyObject, Sendable {
  func configurationChanged(_ change: ConfigurationChange)
  func endpointsChanged(_ old: ServiceEndpoints, _ new: ServiceEndpoints)
}

/// A proxy that was seen; what is kept over a restart of the controller. `document` is the directory's own encoding.
struct KnownProxy: Sendable, Equatable {
  let id: String
  let namespace: String
  let document: [UInt8]
  let seenAt: WallTime
  /// The SPIFFE ID of the certificate that it showed last; nil: none.
  var identity: String?
  /// The address that its stream came from, without port.
  var host: String?
}

/// Where known proxies are kept. Thread-safe; `keep` and `forget` return before the disk has it and are written in
/// batches.
protocol ProxyArchive: Sendable {
  /// Everything kept, once, at start.
  func knownProxies() throws -> [KnownProxy]
  func keep(_ proxies: [KnownProxy])
  func forget(_ ids: [String])
}

/// Where a proxy stands, as `contract.md` names it.
enum ProxyState: String, Sendable, CaseIterable { case synced, pending, rejected, stale, disconnected }

/// A known proxy, for people and for the barrier.
struct ProxyStatus: Sendable {
  let id: String
  let node: String
  let namespace: String
  let address: String
  let labels: [String: String]
  let zone: String
  let version: String
  let capabilities: [String]
  let connectedSince: WallTime?
  let lastSeen: WallTime
  /// The newest revision sent to it.
  let revisionHeld: UInt64
  let revisionAcknowledged: UInt64
  /// Why it refused, if it did.
  let lastError: String?
  let state: ProxyState
  /// For example that another connected proxy has the same node name.
  let warnings: [String]
  /// The SPIFFE ID of the certificate that it showed last; nil: none.
  var identity: String?
}

/// What `wait=applied` saw.
struct BarrierResult: Sendable {
  struct Rejection: Sendable { let id: String, error: String }
  let revision: UInt64
  let complete: Bool
  let applied: Int
  let pending: [String]
  let rejected: [Rejection]
  let disconnected: [String]
}

/// The proxies that are or were connected. Thread-safe.
protocol ProxyDirectory: Sendable {
  /// Known proxies of one namespace, or of all, ordered by id.
  func list(namespace: String?) -> [ProxyStatus]
  /// Waits until no connected proxy of the namespace is pending at `revision`, or for `timeout`.
  func barrier(namespace: String, revision: UInt64, timeout: Duration, minApplied: Int) async -> BarrierResult
  /// False when there is no such proxy. A connected proxy is forgotten when it disconnects.
  func forget(_ id: String) -> Bool
  func connectedCount(namespace: String) -> Int
  /// Connected proxies of the namespace that did not name this capability in their Hello, by id.
  func lacking(_ capability: String, namespace: String) -> [String]
}

/// What a write asks of the connected proxies before it is stored.
struct ProxyCensus: Sendable {
  /// How many of a namespace are connected: what protects them from being left without a way.
  var connected: @Sendable (_ namespace: String) -> Int = { _ in 0 }
  /// Those that cannot run what needs a capability.
  var lacking: @Sendable (_ capability: String, _ namespace: String) -> [String] = { _, _ in [] }
  /// Identities that known proxies of a namespace have, connected or not.
  var identities: @Sendable (_ namespace: String) -> Set<SPIFFEID> = { _ in [] }

  init() {}

  init(_ proxies: some ProxyDirectory) {
    connected = { proxies.connectedCount(namespace: $0) }
    lacking = { proxies.lacking($0, namespace: $1) }
    identities = { Set(proxies.list(namespace: $0).compactMap { $0.identity.flatMap(SPIFFEID.init) }) }
  }
}

enum MetricGrouping: String, Sendable, CaseIterable { case service, backend, endpoint, proxy }

/// Golden numbers of one group over a window. Latencies in milliseconds; nil where nothing was counted.
struct MetricRow: Sendable {
  /// What was grouped by, most significant first, such as `[("service", "/svc/users"), ("backend",
  /// "/#/registry/users-v1")]`.
  let labels: [(name: String, value: String)]
  let inbound: Bool
  let requestsPerSecond: Double
  /// 0 to 1.
  let successRate: Double?
  let p50: Double?
  let p95: Double?
  let p99: Double?
}

/// The proxies' reports, summed. Thread-safe.
protocol MetricsStore: Sendable {
  /// Rows with traffic in the last `window` (1 s to the store's retention), ordered by requests per second, most first.
  func query(namespace: String, groupBy: MetricGrouping, window: Duration) -> [MetricRow]
}

/// The server-sent events of one namespace. Thread-safe.
protocol EventFeed: Sendable {
  /// Sends everything after `lastEventID` (as the feed wrote it in `id:`) and then what comes, until the stream closes.
  func subscribe(namespace: String, lastEventID: String?, to stream: ResponseStream)
}

/// The mesh half as the REST half sees it. `exposition` is its part of `/metrics`, Prometheus text.
struct MeshHalf: Sendable {
  let proxies: any ProxyDirectory
  let metrics: any MetricsStore
  let events: any EventFeed
  let exposition: @Sendable () -> String
}

// `Controller` (Store/Controller.swift) is the other side of this seam:
//
//   final class Controller: Sendable, ProxyArchive {
//     var epoch: [UInt8] { get }
//     func snapshot(_ namespace: String) -> NamespaceSnapshot?          // nil: never existed
//     func endpoints(_ namespace: String, _ service: String) -> ServiceEndpoints // exists == false when there is
//     none func observe(_ observer: any ChangeObserver) // from now on, strong reference func
//     proxyReported(namespace: String, epoch: [UInt8], revision: UInt64, proxy: String) // detects lost history var
//     clocks: Clocks { get }
//   }
