import HTTP2
import RPC
import SystemIO

/// The times of `ProxyLimits` in nanoseconds: a request moves deadlines several times, and a `Duration` costs a wide division.
struct ProxyTimes {
  let connectionIdle: UInt64
  let headTime: UInt64
  let streamIdle: UInt64
  let connect: UInt64
  let poolIdle: UInt64
  let binding: UInt64
  let detection: UInt64
  let linger: UInt64
  let ping: UInt64
  let tunnelIdle: UInt64?
  let request: UInt64?

  init(_ limits: ProxyLimits) {
    connectionIdle = Self.nanoseconds(limits.connectionIdle)
    headTime = Self.nanoseconds(limits.headTime)
    streamIdle = Self.nanoseconds(limits.streamIdle)
    connect = Self.nanoseconds(limits.connect)
    poolIdle = Self.nanoseconds(limits.poolIdle)
    binding = Self.nanoseconds(limits.binding)
    detection = Self.nanoseconds(limits.detection)
    linger = Self.nanoseconds(limits.linger)
    ping = Self.nanoseconds(limits.ping)
    tunnelIdle = limits.tunnelIdle.map(Self.nanoseconds)
    request = limits.request.map(Self.nanoseconds)
  }

  private static func nanoseconds(_ duration: Duration) -> UInt64 { UInt64(max(0, duration.wholeNanoseconds)) }
}

/// The data path's limits and times, per process or per connection as said. Each but `turn` is a key of the configuration
/// file; what happens at the limit stands here.
public struct ProxyLimits: Sendable {
  /// Unused downstream connection: closed after this. 60 s.
  public var connectionIdle = Duration.seconds(60)
  /// From the first byte of a head to its last: 408, then closed (slowloris). 10 s.
  public var headTime = Duration.seconds(10)
  /// No byte either way while a request is under way: 504 `timeout`, or the connection is cut when the answer had begun. 5 min.
  public var streamIdle = Duration.seconds(300)
  /// A TCP connect to an endpoint: taken as failed after this, the request goes elsewhere. 1 s.
  public var connect = Duration.seconds(1)
  /// Unused upstream connection: closed after this, since servers close theirs after 2 to 5 s. 3 s.
  public var poolIdle = Duration.seconds(3)
  /// A request whose concrete name has no first answer yet: 503 `binding-timeout` after this. 1 s.
  public var binding = Duration.seconds(1)
  /// A new connection that has not shown what it speaks, where a listener takes TCP beside HTTP: it is taken for TCP, whose service may
  /// speak first. 10 s.
  public var detection = Duration.seconds(10)
  /// From our last byte to the caller's own end of the connection; then it is closed all the same. 5 s.
  public var linger = Duration.seconds(5)
  /// An HTTP/2 peer that has said nothing for so long while requests are under way is asked whether it is there (PING), and taken
  /// for gone when nothing comes for as long again. 20 s.
  public var ping = Duration.seconds(20)
  /// From head to last byte of answer: 504 `timeout`. None unless set.
  public var request: Duration?
  /// No byte either way through a tunnel: both connections are reset. None unless set: a WebSocket may be silent for days.
  public var tunnelIdle: Duration?
  /// Requests of one name waiting for their binding, per process: 503 `overload` beyond. 1024.
  public var pendingPerName = 1024
  /// Requests of one name under way, per process: 503 `overload` beyond. 4096.
  public var inFlightPerName = 4096
  /// Concrete names in use per process: a request that needs one more gets 503 `overload`. 4096.
  public var concreteNames = 4096
  /// Times one request is sent again because it surely reached no application. 3.
  public var resends = 3
  /// Bytes kept per direction and connection; beyond it nothing is read from the faster side. 64 KiB.
  public var highWater = 65_536
  /// Bytes of one answer that are passed on in a row; then the other connections have their turn. 256 KiB.
  /// No key: long enough that the extra system call is nothing, short enough that nobody feels it.
  public var turn = 262_144
  /// What is read and dropped of a caller that goes on sending after the last answer on its connection: beyond it the connection
  /// is closed, and the kernel may reset it. 16 MiB.
  public var lingerBytes = 16_777_216
  /// Interim answers (1xx) to one request; one more is 502 `upstream-protocol`. 8.
  public var interims: UInt8 = 8
  /// Downstream connections per process: beyond it, nothing is accepted until one closes. 100 000.
  public var downstreamConnections = 100_000

  /// Tunnels (WebSocket, other switches of protocol, CONNECT) per process, requests that ask for one included: 503 `overload` beyond.
  /// 20 000.
  public var tunnels = 20_000

  /// What each HTTP/2 connection may ask of us; `streams` of `outbound.limits` is its `concurrentStreams`.
  public var http2 = HTTP2Settings()

  /// What each connection of Thrift or Mux may ask of us.
  public var calls = CallSettings()

  /// The defaults.
  public init() {}
}
