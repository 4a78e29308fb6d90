import CNGHTTP2
import Memory

/// One HTTP/2 connection without its socket: bytes in, events out; commands in, bytes out. Framing, HPACK, flow control and
/// the message rules of RFC 9113 are libnghttp2's.
///
/// The driver's turn: `receive` what was read, drain `nextEvent`, act through the commands, `write` into an output buffer and
/// send that. libnghttp2's callbacks only append to the event list, so no command is ever called from within one.
@safe public final class HTTP2Session {
  /// What we hold for one stream, from its first frame until its `closed` event was taken. Reached through libnghttp2's
  /// stream user data, which holds the handle's bits: no dictionary.
  struct Stream {
    let id: Int32
    var tag: UInt64 = 0
    var queue = ChunkQueue()
    /// After the queue comes the end: END_STREAM, or the trailers.
    var isEnding = false
    var trailers: HeaderList?
    /// libnghttp2 was told that there is nothing to send and waits for `nghttp2_session_resume_data`.
    var isDeferred = false
    /// See `setTunnel`.
    var isTunnel = false
  }

  /// Owned: freed in `deinit`. It knows this object as user data, unretained, and calls it only from within our own calls.
  let session: OpaquePointer
  let role: HTTP2Role
  let settings: HTTP2Settings
  var streams = Slab<Stream>()

  /// Requests whose HEADERS were not written yet: libnghttp2 does not know their streams before. A few at most, in order.
  var unopened: [(stream: Int32, slot: Handle)] = []

  var events = PendingEvents()
  /// The field list that is being decoded; HTTP/2 interleaves no two of them.
  var fields: FieldCollector

  /// Valid only within `receive`: where its span begins, to turn libnghttp2's pointers into offsets.
  var input: UnsafeRawPointer?
  var inputCount = 0
  /// Holds the caller's buffer within `write`.
  var output = ByteBuffer()
  var outputLimit = 0

  var now: UInt64 = 0
  var resets: TokenBucket
  var idleFrames: TokenBucket
  var emptyFrames = 0
  /// What we told the peer that it did wrong, with a GOAWAY that ends the connection.
  public internal(set) var reproach: HTTP2ErrorCode?
  /// The first fault; nothing is received after it.
  public internal(set) var fault: HTTP2Fault?

  /// - Parameter now: monotonic milliseconds, as in `receive`.
  public init(role: HTTP2Role, settings: HTTP2Settings = HTTP2Settings(), at now: UInt64 = 0) {
    self.role = role
    self.settings = settings
    self.now = now
    fields = FieldCollector(limit: settings.headerListBytes)
    resets = TokenBucket(burst: settings.resetBurst, perSecond: settings.resetsPerSecond, at: now)
    idleFrames = TokenBucket(burst: settings.idleFrameBurst, perSecond: settings.idleFramesPerSecond, at: now)
    unsafe session = Self.makeSession(role: role, settings: settings)
    unsafe input = nil
    unsafe nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
    submitSettings()
  }

  deinit { unsafe nghttp2_session_del(session) }

  // MARK: The driver's turn

  /// Takes bytes that were read. Drain `nextEvent` before the next call: ranges in events refer to this span.
  /// - Parameter now: monotonic milliseconds, for the flood limits.
  /// - Returns: why the session cannot go on; then `write` what is left and close.
  public func receive(_ bytes: Span<UInt8>, at now: UInt64) -> HTTP2Fault? {
    if let fault { return fault }
    self.now = now
    let taken = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe input = UnsafeRawPointer(buffer.baseAddress)
      inputCount = buffer.count
      defer { unsafe input = nil; inputCount = 0 }
      return unsafe nghttp2_session_mem_recv(session, buffer.baseAddress, buffer.count)
    }
    if taken < 0 { fail(Int32(clamping: taken)) }
    return fault
  }

  /// The next thing that the peer did, nil when all were taken.
  public func nextEvent() -> HTTP2Event? {
    guard let event = events.take() else { return nil }
    guard streams.contains(event.slot) else {
      return HTTP2Event(stream: event.stream, tag: 0, kind: event.kind, slot: event.slot)
    }
    let tag = streams[event.slot].tag
    if case .closed = event.kind { _ = streams.remove(event.slot) }
    return HTTP2Event(stream: event.stream, tag: tag, kind: event.kind, slot: event.slot)
  }

  /// Appends frames that wait until `buffer` holds at least `limit` bytes or nothing can be sent; overshoots by at most one
  /// frame. A fault still leaves the GOAWAY that tells the peer why in the buffer.
  @discardableResult
  public func write(into buffer: inout ByteBuffer, limit: Int) -> HTTP2Fault? {
    swap(&output, &buffer)
    defer { swap(&output, &buffer) }
    outputLimit = limit
    while output.count < limit {
      var frame: UnsafePointer<UInt8>?
      let count = unsafe nghttp2_session_mem_send(session, &frame)
      if count < 0 {
        fail(Int32(clamping: count))
        break
      }
      guard count > 0, let frame = unsafe frame else { break }
      unsafe output.append(Span(_unsafeStart: frame, count: count))
    }
    return fault
  }

  /// False once the connection is over on its own terms (GOAWAY, no streams left): close it when `wantsWrite` is false too.
  public var wantsRead: Bool { unsafe fault == nil && nghttp2_session_want_read(session) != 0 }
  /// True when `write` may give something. Frames that wait for the peer's window do not count.
  public var wantsWrite: Bool { unsafe nghttp2_session_want_write(session) != 0 }
  /// Whether a client may open another stream now: no GOAWAY came, and ids are left.
  public var takesRequests: Bool { unsafe nghttp2_session_check_request_allowed(session) != 0 }
  /// The peer has said that it goes by our settings; it must soon (RFC 9113 §6.5.3), by a clock of the driver's.
  public internal(set) var isAcknowledged = false

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
    streams.forEachHandle { tags.append(streams[$0].tag) }
    return tags
  }
  /// Streams that are open, or whose `closed` event was not taken yet.
  public var streamCount: Int { streams.count }

  // MARK: For the callbacks

  func append(_ kind: HTTP2Event.Kind, stream: Int32, slot: Handle) {
    events.append(PendingEvents.Item(stream: stream, slot: slot, kind: kind))
  }

  /// Records the first fault and queues the GOAWAY that goes with it.
  private func fail(_ code: Int32) {
    if fault == nil { fault = HTTP2Session.fault(for: code) }
    let reason: HTTP2ErrorCode =
      switch fault {
      case .flood: .enhanceYourCalm
      case .badPreface: .protocolError
      default: .internalError
      }
    // Fails only for lack of memory, and then the connection closes without a GOAWAY.
    _ = unsafe nghttp2_session_terminate_session(session, reason.rawValue)
  }

  private static func fault(for code: Int32) -> HTTP2Fault {
    switch code {
    case Int32(NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue): .badPreface
    case Int32(NGHTTP2_ERR_FLOODED.rawValue): .flood(.acknowledgements)
    case Int32(NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue): .flood(.continuations)
    default: .library(code)
    }
  }
}
