import HTTP2
import Memory
import RPC

/// What turns the bytes of a session into messages: HTTP/2, or calls of Thrift and Mux. What both can do stands here, so that reading,
/// writing, times and the end of a session are the same for both.
enum SessionMachine {
  case http2(HTTP2Session)
  case calls(CallSession)

  /// What a session speaks: streams go only to one of their kind.
  enum Kind: Equatable {
    case http2
    case calls(CallProtocol)
  }

  var kind: Kind {
    switch self {
    case .http2: .http2
    case .calls(let calls): .calls(calls.speaks)
    }
  }

  /// Takes bytes that were read.
  func receive(_ bytes: Span<UInt8>, at milliseconds: UInt64) {
    switch self {
    case .http2(let http2): _ = http2.receive(bytes, at: milliseconds)  // a fault shows in `hasFault`
    case .calls(let calls): calls.receive(bytes)
    }
  }

  /// Appends what waits to be sent, up to about `limit` bytes.
  func write(into buffer: inout ByteBuffer, limit: Int) {
    switch self {
    case .http2(let http2): http2.write(into: &buffer, limit: limit)
    case .calls(let calls): calls.write(into: &buffer, limit: limit)
    }
  }

  /// The session cannot go on.
  var hasFault: Bool {
    switch self {
    case .http2(let http2): http2.fault != nil
    case .calls(let calls): calls.fault != nil
    }
  }

  /// The peer was told what it did wrong.
  var hasReproach: Bool {
    switch self {
    case .http2(let http2): http2.reproach != nil
    case .calls(let calls): calls.fault != nil
    }
  }

  /// More bytes can be looked at.
  var wantsBytes: Bool {
    switch self {
    case .http2: true
    case .calls(let calls): calls.wantsBytes
    }
  }

  var wantsRead: Bool {
    switch self {
    case .http2(let http2): http2.wantsRead
    case .calls(let calls): calls.wantsRead
    }
  }

  var wantsWrite: Bool {
    switch self {
    case .http2(let http2): http2.wantsWrite
    case .calls(let calls): calls.wantsWrite
    }
  }

  /// The peer goes by our settings, where there are such.
  var isAcknowledged: Bool {
    switch self {
    case .http2(let http2): http2.isAcknowledged
    case .calls: true
    }
  }

  /// Tells a peer that it never acknowledged our settings.
  func reproachForSettings() {
    if case .http2(let http2) = self { http2.goAway(.settingsTimeout) }
  }

  /// Messages under way.
  var streamCount: Int {
    switch self {
    case .http2(let http2): http2.streamCount
    case .calls(let calls): calls.callCount
    }
  }

  /// Handles of the streams, as bits; 0 for one that nobody knows any more.
  var tags: [UInt64] {
    switch self {
    case .http2(let http2): http2.tags
    case .calls(let calls): calls.tags
    }
  }

  /// An endpoint takes one more request; `limit` is what we want on one connection at most.
  func hasRoom(limit: Int) -> Bool {
    switch self {
    case .http2(let http2): http2.takesRequests && http2.streamCount < min(limit, http2.peerConcurrentStreams)
    case .calls(let calls): calls.takesCalls && calls.callCount < limit
    }
  }

  /// Whether a silent peer can be asked for a sign.
  var canPing: Bool {
    switch self {
    case .http2: true
    case .calls(let calls): calls.canPing
    }
  }

  /// Asks the peer for a sign.
  func ping() {
    switch self {
    case .http2(let http2): http2.ping(0)
    case .calls(let calls): calls.ping()
    }
  }

  /// Takes no stream after those begun.
  func goAway() {
    switch self {
    case .http2(let http2): http2.goAway(.noError)
    case .calls(let calls): calls.drain()
    }
  }

  /// Tells a caller that the connection will end; what it sends meanwhile is still served.
  func announceShutdown() {
    switch self {
    case .http2(let http2): http2.announceShutdown()
    case .calls(let calls): calls.drain()
    }
  }

  /// Bytes of a stream that wait for the peer's window.
  func queuedBytes(_ stream: Int32) -> Int {
    if case .http2(let http2) = self { http2.queuedBytes(stream) } else { 0 }
  }

  /// The peer may send so many bytes more on a stream.
  func consume(_ stream: Int32, _ bytes: Int) {
    if case .http2(let http2) = self { http2.consume(stream, bytes) }
  }

  /// A stream is let go of.
  /// - Parameters:
  ///   - held: bytes of its body that the peer has no credit for.
  ///   - isOver: the session has let go of it already.
  ///   - reason: what the peer is told; nil where both messages are complete.
  func forget(_ stream: Int32, held: Int, isOver: Bool, _ reason: HTTP2ErrorCode?) {
    switch self {
    case .http2(let http2):
      if held > 0 { http2.consume(stream, held) }
      if isOver { return }
      http2.setTag(0, on: stream)
      if let reason { http2.reset(stream, reason) }
    case .calls(let calls): if !isOver { calls.forget(stream) }
    }
  }
}
