/// What one server spends on its peers. Each limit says why it stands there and what happens when it is reached.
public struct ServingLimits: Sendable {
  /// Connections at once. Why: descriptors and memory are finite. At the limit: a REST caller gets 503 and a close, a mesh
  /// caller a close; counted in `ServingCounters.connectionsRefused`.
  public var connections = 1024
  /// Connections above that limit that are being told so. At the limit: a close without a word.
  public var turnedAway = 64
  /// Bytes of one request body. Why: bodies are held whole. At the limit: 413, and the connection closes.
  public var bodyBytes = 8 << 20
  /// Bytes of all request bodies held at once. Why: 1024 connections × 8 MiB would be 8 GiB. At the limit: 503, Retry-After.
  public var heldBodyBytes = 256 << 20
  /// From the first byte of a head to its end. Why: slowloris. At the limit: 408, close.
  public var headTimeout: Duration = .seconds(10)
  /// Without a byte of an unfinished body. Why: R.U.D.Y. At the limit: 408, close.
  public var bodyTimeout: Duration = .seconds(30)
  /// Between requests of a kept connection. Why: idle callers hold descriptors. At the limit: a silent close.
  public var idleTimeout: Duration = .seconds(60)
  /// While the peer takes nothing of what waits for it. Why: a reader that stopped holds memory. At the limit: a reset.
  public var writeTimeout: Duration = .seconds(60)
  /// From our last byte to the peer's own end of the connection. Why: see `Linger`. At the limit: a close.
  public var linger: Duration = .seconds(2)
  /// Bytes read and dropped in that time. Why: a peer that never ends its body. At the limit: a close, perhaps a reset.
  public var lingerBytes = 16 << 20
  /// Silence on an HTTP/2 connection with open streams before we send PING; unanswered for `pingTimeout`, it is closed.
  /// Why: a peer that vanished leaves TCP half open for hours.
  public var keepalive: Duration = .seconds(20)
  public var pingTimeout: Duration = .seconds(10)
  /// Requests at once on one HTTP/2 connection. At the limit: REFUSED_STREAM by the peer's own book-keeping.
  public var concurrentStreams = 256
  /// Bytes queued on one `ResponseStream`. Why: a browser tab that sleeps. At the limit: closed and counted.
  public var responseStreamBytes = 1 << 20
  /// Bytes queued on one gRPC stream. Why: a slow proxy must not hold every revision. At the limit: `send` returns false.
  public var streamQueueBytes = 4 << 20
  /// Bytes of one gRPC message. Why: contract, "messages at most 1 MiB". At the limit: RESOURCE_EXHAUSTED on that stream.
  public var messageBytes = 1 << 20
  /// Unsent bytes in the socket's buffer of ours before we stop asking for more. Why: one megabyte body × all connections.
  public var outputBytes = 64 << 10
  /// How long a drain waits for requests under way. At the limit: what is left is closed.
  public var drainGrace: Duration = .seconds(10)

  public init() {}

  /// REST and admin: 1024 connections.
  public static let rest = ServingLimits()

  /// The mesh port: 10 000 proxies and room for reconnects that overlap.
  public static let mesh: ServingLimits = {
    var limits = ServingLimits()
    limits.connections = 12_000
    return limits
  }()
}
