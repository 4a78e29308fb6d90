import Memory

/// One HTTP/2 connection without its socket: bytes in, events out; commands in, bytes out (RFC 9113, RFC 7541, RFC 8441).
///
/// The driver's turn: `receive` what was read, drain `nextEvent`, act through the commands, `write` into an output buffer and
/// send that. Nothing calls back.
public final class HTTP2Session {
  /// What a client says first (RFC 9113 §3.4).
  public static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

  let state: ExclusiveCell<SessionState>

  /// - Parameters:
  ///   - storage: shared with other sessions of the same thread.
  ///   - now: monotonic milliseconds, as in `receive`.
  public init(
    role: HTTP2Role, settings: HTTP2Settings = HTTP2Settings(), storage: FieldStorage = FieldStorage(),
    at now: UInt64 = 0
  ) {
    state = ExclusiveCell(SessionState(role: role, settings: settings, storage: storage, at: now))
  }

  // MARK: The driver's turn

  /// Takes bytes that were read. Drain `nextEvent` before the next call: ranges in events refer to this span.
  /// - Parameter now: monotonic milliseconds, for the flood limits.
  /// - Returns: why the session cannot go on; then `write` what is left and close.
  public func receive(_ bytes: Span<UInt8>, at now: UInt64) -> HTTP2Fault? { state.value.take(bytes, at: now) }

  /// The next thing that the peer did, nil when all were taken.
  public func nextEvent() -> HTTP2Event? { state.value.nextEvent() }

  /// Takes back an event that was acted on: the storage of its fields serves a later one. Nothing is lost where this is left out.
  public func recycle(_ event: consuming HTTP2Event) {
    switch event.kind {
    case .request(let fields, _), .response(let fields, _), .informational(let fields), .trailers(let fields):
      state.value.storage.collector.value.recycle(fields)
    default: break
    }
  }

  /// Appends frames that wait until `buffer` holds at least `limit` bytes or nothing can be sent. Overshoots by one frame of DATA at most,
  /// and by what was not body: heads, acknowledgements, credit. A fault still leaves the GOAWAY that tells the peer why in the buffer.
  @discardableResult
  public func write(into buffer: inout ByteBuffer, limit: Int) -> HTTP2Fault? {
    state.value.write(into: &buffer, limit: limit)
    return state.value.fault
  }

  /// False once the connection is over on its own terms (GOAWAY, no streams left): close it when `wantsWrite` is false too.
  public var wantsRead: Bool { state.value.wantsRead }
  /// True when `write` may give something. Frames that wait for the peer's window do not count.
  public var wantsWrite: Bool { state.value.wantsWrite }
  /// Whether a client may open another stream now: no GOAWAY came, ids are left, the peer's limit is not reached, and no more than
  /// `HTTP2Settings.unreadBytes` wait for it.
  public var takesRequests: Bool { state.value.takesRequests }
  /// The peer has said that it goes by our settings; it must soon (RFC 9113 §6.5.3), by a clock of the driver's.
  public var isAcknowledged: Bool { state.value.isAcknowledged }
  /// What we told the peer that it did wrong, with a GOAWAY that ends the connection.
  public var reproach: HTTP2ErrorCode? { state.value.reproach }
  /// The first fault; nothing is received after it.
  public var fault: HTTP2Fault? { state.value.fault }

  /// Streams that the peer lets us have open at once (its SETTINGS_MAX_CONCURRENT_STREAMS), 100 until it has said.
  public var peerConcurrentStreams: Int { state.value.peer.concurrentStreams }
  /// The peer, a server, has said that it takes extended CONNECT (RFC 8441 §3). Without that none may be sent to it.
  public var peerTakesExtendedConnect: Bool { state.value.peer.takesExtendedConnect }
  /// What `setTag` put on the streams that are open, or whose `closed` event was not taken yet.
  public var tags: [UInt64] {
    var tags: [UInt64] = []
    state.value.appendTags(to: &tags)
    return tags
  }
  /// Streams that are open, or whose `closed` event was not taken yet.
  public var streamCount: Int { state.value.streams.count }
}

extension SessionState {
  fileprivate mutating func take(_ bytes: Span<UInt8>, at now: UInt64) -> HTTP2Fault? {
    if let fault { return fault }
    self.now = now
    receive(bytes)
    return fault
  }

  fileprivate mutating func appendTags(to tags: inout [UInt64]) {
    for place in 0..<streams.slotCount {
      if let slot = streams.handle(at: place) { tags.append(streams[slot].tag) }
    }
  }

  fileprivate var wantsRead: Bool {
    if fault != nil || isTerminated { return false }
    return index.count > 0 || !(hasSaidGoAway || hasHeardGoAway)
  }
}
