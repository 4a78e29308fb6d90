import CNGHTTP2
import Memory

/// One HTTP/2 connection without its socket: bytes in, events out; commands in, bytes out. Framing, HPACK, flow control and
/// the message rules of RFC 9113 are libnghttp2's.
///
/// The driver's turn: `receive` what was read, drain `nextEvent`, act through the commands, `write` into an output buffer and
/// send that. libnghttp2's callbacks only append to the event list, so no command is ever called from within one.
@safe public final class HTTP2Session {
  /// Owned: freed in `deinit`.
  let session: OpaquePointer
  var state: SessionState

  /// - Parameter now: monotonic milliseconds, as in `receive`.
  public init(role: HTTP2Role, settings: HTTP2Settings = HTTP2Settings(), at now: UInt64 = 0) {
    unsafe session = Self.makeSession(role: role, settings: settings)
    unsafe state = SessionState(session: session, role: role, settings: settings, at: now)
    submitSettings(role, settings)
  }

  deinit { unsafe nghttp2_session_del(session) }

  // MARK: The driver's turn

  /// Takes bytes that were read. Drain `nextEvent` before the next call: ranges in events refer to this span.
  /// - Parameter now: monotonic milliseconds, for the flood limits.
  /// - Returns: why the session cannot go on; then `write` what is left and close.
  public func receive(_ bytes: Span<UInt8>, at now: UInt64) -> HTTP2Fault? {
    if let fault { return fault }
    return unsafe lendingState { state in
      unsafe state.pointee.now = now
      let taken = unsafe bytes.withUnsafeBufferPointer { buffer in
        unsafe state.pointee.input = UnsafeRawPointer(buffer.baseAddress)
        unsafe state.pointee.inputCount = buffer.count
        return unsafe nghttp2_session_mem_recv(session, buffer.baseAddress, buffer.count)
      }
      unsafe state.pointee.input = nil
      unsafe state.pointee.inputCount = 0
      if taken < 0 { unsafe state.pointee.fail(Int32(clamping: taken)) }
      return unsafe state.pointee.fault
    }
  }

  /// The next thing that the peer did, nil when all were taken.
  public func nextEvent() -> HTTP2Event? { state.nextEvent() }

  /// Appends frames that wait until `buffer` holds at least `limit` bytes or nothing can be sent; overshoots by at most one
  /// frame. A fault still leaves the GOAWAY that tells the peer why in the buffer.
  @discardableResult
  public func write(into buffer: inout ByteBuffer, limit: Int) -> HTTP2Fault? {
    unsafe lendingState { state in
      unsafe swap(&state.pointee.output, &buffer)
      unsafe state.pointee.outputLimit = limit
      while unsafe state.pointee.output.count < limit {
        var frame: UnsafePointer<UInt8>?
        let count = unsafe nghttp2_session_mem_send(session, &frame)
        if count < 0 {
          unsafe state.pointee.fail(Int32(clamping: count))
          break
        }
        guard count > 0, let frame = unsafe frame else { break }
        unsafe state.pointee.output.append(Span(_unsafeStart: frame, count: count))
      }
      unsafe swap(&state.pointee.output, &buffer)
      return unsafe state.pointee.fault
    }
  }

  /// Lends the state to libnghttp2's callbacks, which work on it as long as `body` runs. They are called by nothing but
  /// `nghttp2_session_mem_recv` and `nghttp2_session_mem_send`.
  @unsafe private func lendingState<Result>(_ body: (UnsafeMutablePointer<SessionState>) -> Result) -> Result {
    unsafe withUnsafeMutablePointer(to: &state) { pointer in
      unsafe nghttp2_session_set_user_data(session, pointer)
      defer { unsafe nghttp2_session_set_user_data(session, nil) }
      return unsafe body(pointer)
    }
  }

  /// False once the connection is over on its own terms (GOAWAY, no streams left): close it when `wantsWrite` is false too.
  public var wantsRead: Bool { unsafe fault == nil && nghttp2_session_want_read(session) != 0 }
  /// True when `write` may give something. Frames that wait for the peer's window do not count.
  public var wantsWrite: Bool { unsafe nghttp2_session_want_write(session) != 0 }
  /// Whether a client may open another stream now: no GOAWAY came, and ids are left.
  public var takesRequests: Bool { unsafe nghttp2_session_check_request_allowed(session) != 0 }
  /// The peer has said that it goes by our settings; it must soon (RFC 9113 §6.5.3), by a clock of the driver's.
  public var isAcknowledged: Bool { state.isAcknowledged }
  /// What we told the peer that it did wrong, with a GOAWAY that ends the connection.
  public var reproach: HTTP2ErrorCode? { state.reproach }
  /// The first fault; nothing is received after it.
  public var fault: HTTP2Fault? { state.fault }

  /// Streams that the peer lets us have open at once (its SETTINGS_MAX_CONCURRENT_STREAMS), 100 until it has said.
  public var peerConcurrentStreams: Int {
    unsafe Int(nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
  }
  /// The peer, a server, has said that it takes extended CONNECT (RFC 8441 §3). Without that none may be sent to it.
  public var peerTakesExtendedConnect: Bool {
    unsafe nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1
  }
  /// What `setTag` put on the streams that are open, or whose `closed` event was not taken yet.
  public var tags: [UInt64] {
    var tags: [UInt64] = []
    state.streams.forEachHandle { tags.append(state.streams[$0].tag) }
    return tags
  }
  /// Streams that are open, or whose `closed` event was not taken yet.
  public var streamCount: Int { state.streams.count }
}
