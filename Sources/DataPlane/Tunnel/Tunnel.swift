import HTTP2
import Memory
import SystemIO

/// Two connections that have become one: what either peer says goes to the other, byte for byte. Either may be one stream of a session
/// of HTTP/2.
///
/// It holds no request and no binding: the request that made it was counted when the protocols were switched.
struct Tunnel: ~Copyable {
  var caller: TunnelEnd
  var service: TunnelEnd
  let cluster: ClusterIndex
  let endpoint: EndpointIndex
  /// Of the caller's connection; nil where that carries other streams too, and is counted by its session.
  let direction: TrafficDirection?
  /// What a stream is reset with when the other side was.
  let cutCode: HTTP2ErrorCode
  /// One peer is gone, and the other was told so.
  var isLingering = false
  var clock = ConnectionClock(deadline: .distantFuture)

  init(
    caller: consuming TunnelEnd, service: consuming TunnelEnd, cluster: ClusterIndex, endpoint: EndpointIndex,
    direction: TrafficDirection?, cutCode: HTTP2ErrorCode
  ) {
    self.caller = caller
    self.service = service
    self.cluster = cluster
    self.endpoint = endpoint
    self.direction = direction
    self.cutCode = cutCode
  }

  /// Nothing new can come through it: it only gets rid of what it has.
  var isEnding: Bool { caller.isBroken || service.isBroken || (caller.hasEnded && service.hasEnded) }
  /// Both peers have said all, and got all that they take.
  var isOver: Bool { caller.hasEnded && service.hasEnded && !caller.isOwed && !service.isOwed }

  /// Reads once from one end into what the other one gets.
  mutating func receive(from side: TunnelSide) -> IOResult {
    switch side {
    case .caller: caller.receive(into: &service.output)
    case .service: service.receive(into: &caller.output)
    }
  }

  subscript(side: TunnelSide) -> TunnelEnd {
    _read {
      switch side {
      case .caller: yield caller
      case .service: yield service
      }
    }
    _modify {
      switch side {
      case .caller: yield &caller
      case .service: yield &service
      }
    }
  }
}

enum TunnelSide {
  case caller, service

  var other: TunnelSide {
    switch self {
    case .caller: .service
    case .service: .caller
    }
  }

  /// The side whose stream bears this tag, or whose connection this token; nil for the tags of all other streams.
  init?(tag: UInt64) {
    switch Handle.kind(of: tag) {
    case TokenKind.tunnelCaller: self = .caller
    case TokenKind.tunnelService: self = .service
    default: return nil
    }
  }

  /// What events of this end's connection are told by, or the tag of its stream.
  var tokenKind: UInt8 {
    switch self {
    case .caller: TokenKind.tunnelCaller
    case .service: TokenKind.tunnelService
    }
  }
}

/// One peer of a tunnel.
struct TunnelEnd: ~Copyable {
  let link: PeerLink
  /// Meaningful for streams: what they say is given, not read.
  var stream: StreamText
  /// Bytes for this peer that the kernel, or its session, has not taken yet.
  var output: ByteBuffer
  /// The kernel may have bytes of this peer for us (edge-triggered: we must remember).
  var mayRead: Bool
  var sawHangup: Bool
  /// Its last byte has come.
  var hasEnded = false
  /// It takes no bytes any more. What it had said before may still be read.
  var isBroken = false
  /// It was told that nothing more comes.
  var isShut = false

  init(link: consuming PeerLink, stream: StreamText, output: consuming ByteBuffer, sawHangup: Bool) {
    mayRead = !link.isStream
    self.link = link
    self.stream = stream
    self.output = output
    self.sawHangup = sawHangup
    hasEnded = stream.hasEnded
  }

  /// Bytes wait that it would take.
  var isOwed: Bool { !isBroken && !isFlushed }
  /// The kernel has taken all of it.
  var isFlushed: Bool { output.isEmpty && !link.hasUnsent }

  /// Reads once. A short read means that the kernel has no more for now.
  mutating func receive(into buffer: inout ByteBuffer) -> IOResult {
    let most = max(4096, buffer.writableCount)
    let result = link.receive(into: &buffer, atMost: most)
    switch result {
    case .bytes(let n): mayRead = n >= most || sawHangup
    case .wouldBlock: mayRead = false
    case .endOfFile, .failed:
      mayRead = false
      hasEnded = true
    }
    return result
  }

  /// Gives the kernel what it takes of `output`. Returns how many bytes that was; nil when this peer takes no more.
  mutating func flush() -> Int? {
    switch link.write(&output) {
    case .bytes(let n): n
    case .wouldBlock: 0
    case .endOfFile, .failed: nil
    }
  }

  /// This peer takes nothing more. It may have said its last before it left, so it is read to its end.
  mutating func setBroken() {
    isBroken = true
    output.removeAll()
    mayRead = !hasEnded && !link.isStream
    sawHangup = true
  }

  /// Tells it that nothing more comes. A stream is told by its session.
  mutating func shut() {
    isShut = true
    link.shutdownWrite()
  }
}
