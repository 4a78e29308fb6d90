import CNGHTTP2
import Memory

/// What the driver asks for. Nothing is written before the next `write`. A command for a stream that is gone does nothing and
/// says so by its result: the peer may have reset it a moment ago.
extension HTTP2Session {
  /// Opens a request (client). Pseudo-fields come first in `fields`.
  /// - Returns: the stream, or nil when the connection takes no new one (GOAWAY, ids used up). A GOAWAY that comes before the
  ///   request was written closes it with REFUSED_STREAM.
  public func submitRequest(_ fields: HeaderList, endStream: Bool, tag: UInt64 = 0) -> Int32? {
    guard takesRequests else { return nil }
    let slot = state.streams.insert(SessionState.Stream(id: 0, tag: tag))
    let stream = unsafe SessionState.withProvider(endStream) { provider in
      unsafe fields.withFields { unsafe nghttp2_submit_request(session, nil, $0, $1, provider, slot.userData) }
    }
    return state.opened(stream, slot)
  }

  /// Opens a request whose head was read from the front of `text`; as the other.
  public func submitRequest(_ head: OwnHeadText, of text: Span<UInt8>, endStream: Bool, tag: UInt64) -> Int32? {
    guard takesRequests else { return nil }
    let slot = state.streams.insert(SessionState.Stream(id: 0, tag: tag))
    let stream = unsafe SessionState.withProvider(endStream) { provider in
      unsafe head.withFields(of: text) { unsafe nghttp2_submit_request(session, nil, $0, $1, provider, slot.userData) }
    }
    return state.opened(stream, slot)
  }

  /// Answers a request with the head that was read from the front of `text`; as the other.
  public func submitResponse(_ stream: Int32, _ head: OwnHeadText, of text: Span<UInt8>, endStream: Bool) {
    // Fails only when the stream is gone, or without memory.
    _ = unsafe SessionState.withProvider(endStream) { provider in
      unsafe head.withFields(of: text) { unsafe nghttp2_submit_response(session, stream, $0, $1, provider) }
    }
  }

  /// A 1xx response with the head that was read from the front of `text`; as the other.
  public func submitInformational(_ stream: Int32, _ head: OwnHeadText, of text: Span<UInt8>) {
    _ = unsafe head.withFields(of: text) { first, count in
      unsafe nghttp2_submit_headers(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, nil, first, count, nil)
    }
  }

  /// Answers a request (server), once per stream. `endStream`: there is no body.
  @discardableResult
  public func submitResponse(_ stream: Int32, _ fields: HeaderList, endStream: Bool) -> Bool {
    unsafe SessionState.withProvider(endStream) { provider in
      unsafe fields.withFields { unsafe nghttp2_submit_response(session, stream, $0, $1, provider) }
    } == 0
  }

  /// A 1xx response ahead of the final one (server).
  @discardableResult
  public func submitInformational(_ stream: Int32, _ fields: HeaderList) -> Bool {
    unsafe fields.withFields { first, count in
      unsafe nghttp2_submit_headers(
        session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, nil, first, count, nil)
    } == 0
  }

  /// Queues body bytes, without a copy until they are written. False when the stream is gone or its end was queued.
  @discardableResult
  public func send(_ stream: Int32, _ bytes: [UInt8], endStream: Bool = false) -> Bool {
    state.send(stream, bytes, endStream: endStream)
  }

  /// Queues a copy of body bytes.
  @discardableResult
  public func send(_ stream: Int32, copying bytes: Span<UInt8>, endStream: Bool = false) -> Bool {
    state.send(stream, [UInt8](copying: bytes), endStream: endStream)
  }

  /// Ends our side after what is queued, with trailers.
  @discardableResult
  public func submitTrailers(_ stream: Int32, _ fields: HeaderList) -> Bool {
    state.end(stream, fields)
  }

  /// Bytes queued on a stream that were not written yet; 0 when it is gone.
  public func queuedBytes(_ stream: Int32) -> Int {
    state.queuedBytes(stream)
  }

  /// Whether the peer has ended its side of a stream, or the stream is gone.
  public func isEndedByPeer(_ stream: Int32) -> Bool {
    unsafe nghttp2_session_get_stream_remote_close(session, stream) != 0
  }

  /// Ends a stream at once, both ways; one that is gone is left alone. Its `closed` event follows after the next `write`.
  public func reset(_ stream: Int32, _ code: HTTP2ErrorCode) {
    guard state.slot(of: stream) != .none else { return }
    // Fails only for stream 0 or without memory.
    _ = unsafe nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue)
  }

  /// Gives the peer credit for `count` bytes of a body that the application took. Works for closed streams too, which still hold
  /// a part of the connection's window.
  public func consume(_ stream: Int32, _ count: Int) {
    _ = unsafe nghttp2_session_consume(session, stream, count)
  }

  /// Announces that the connection will end (server): GOAWAY with the highest id, so that requests already on their way are
  /// still taken. `goAway` follows a round trip later.
  public func announceShutdown() { _ = unsafe nghttp2_submit_shutdown_notice(session) }

  /// Takes no stream after those begun; the connection is over when they are.
  public func goAway(_ code: HTTP2ErrorCode) {
    let last = unsafe nghttp2_session_get_last_proc_stream_id(session)
    _ = unsafe nghttp2_submit_goaway(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, code.rawValue, nil, 0)
  }

  /// Ends the connection as soon as the GOAWAY is written.
  public func terminate(_ code: HTTP2ErrorCode) { _ = unsafe nghttp2_session_terminate_session(session, code.rawValue) }

  /// Asks the peer for a `pong` that carries `payload`.
  public func ping(_ payload: UInt64) {
    var bytes = payload.bigEndian
    _ = unsafe withUnsafeBytes(of: &bytes) { buffer in
      unsafe nghttp2_submit_ping(
        session, UInt8(NGHTTP2_FLAG_NONE.rawValue), buffer.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
  }

  /// Puts a word of the driver's on the stream of this event, which may be over already: then its `closed` event follows, and
  /// carries the word like any other.
  public func setTag(_ tag: UInt64, on event: HTTP2Event) {
    state.setTag(tag, at: event.slot)
  }

  /// Puts a word of the driver's on a stream; events carry it from then on. False when the stream is over: what is left of its events
  /// carries the word before.
  @discardableResult
  public func setTag(_ tag: UInt64, on stream: Int32) -> Bool {
    let slot = state.slot(of: stream)
    state.setTag(tag, at: slot)
    return slot != .none
  }

  /// The stream carries a tunnel: how small its DATA comes is for those who write to it to say, as on a connection of their own. It is
  /// charged only where it is empty.
  public func setTunnel(_ stream: Int32) {
    state.setTunnel(stream)
  }
}
