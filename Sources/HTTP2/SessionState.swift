import CNGHTTP2
import Memory

/// What one HTTP/2 connection is at: all that libnghttp2's callbacks read and change.
///
/// A value with one owner, not properties of the session's class: each touch of such a property is checked for overlapping accesses while
/// the program runs, and a request makes a hundred of them. Here the compiler does it: the session lends the whole state to a call of
/// libnghttp2, which hands it to the callbacks as user data, and touches it by no other way until that call is over.
@safe struct SessionState: ~Copyable {
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
    /// See `HTTP2Session.setTunnel`.
    var isTunnel = false
  }

  /// The session's, which frees it.
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

  /// Monotonic milliseconds.
  var now: UInt64
  var resets: TokenBucket
  var idleFrames: TokenBucket
  var emptyFrames = 0
  var reproach: HTTP2ErrorCode?
  var fault: HTTP2Fault?
  var isAcknowledged = false

  @unsafe init(session: OpaquePointer, role: HTTP2Role, settings: HTTP2Settings, at now: UInt64) {
    unsafe self.session = session
    self.role = role
    self.settings = settings
    self.now = now
    fields = FieldCollector(limit: settings.headerListBytes)
    resets = TokenBucket(burst: settings.resetBurst, perSecond: settings.resetsPerSecond, at: now)
    idleFrames = TokenBucket(burst: settings.idleFrameBurst, perSecond: settings.idleFramesPerSecond, at: now)
    unsafe input = nil
  }

  /// The slot of a stream that is open or about to be, else `.none`.
  // Mutating so that the state is passed by its address: to lend it, the compiler copies it.
  mutating func slot(of stream: Int32) -> Handle {
    guard let bits = unsafe nghttp2_session_get_stream_user_data(session, stream) else {
      return unopened.first { $0.stream == stream }?.slot ?? .none
    }
    let slot = Handle(bits: UInt64(UInt(bitPattern: bits)))
    return streams.contains(slot) ? slot : .none
  }

  mutating func append(_ kind: HTTP2Event.Kind, stream: Int32, slot: Handle) {
    events.append(PendingEvents.Item(stream: stream, slot: slot, kind: kind))
  }

  mutating func nextEvent() -> HTTP2Event? {
    guard let event = events.take() else { return nil }
    guard streams.contains(event.slot) else {
      return HTTP2Event(stream: event.stream, tag: 0, kind: event.kind, slot: event.slot)
    }
    let tag = streams[event.slot].tag
    if case .closed = event.kind { _ = streams.remove(event.slot) }
    return HTTP2Event(stream: event.stream, tag: tag, kind: event.kind, slot: event.slot)
  }

  // MARK: Commands

  /// A request was submitted on `stream`, which is negative when it was not taken.
  mutating func opened(_ stream: Int32, _ slot: Handle) -> Int32? {
    guard stream > 0 else {
      _ = streams.remove(slot)
      return nil
    }
    unopened.append((stream, slot))
    return stream
  }

  mutating func setTag(_ tag: UInt64, at slot: Handle) {
    if streams.contains(slot) { streams[slot].tag = tag }
  }

  mutating func setTunnel(_ stream: Int32) {
    let slot = slot(of: stream)
    if slot != .none { streams[slot].isTunnel = true }
  }

  mutating func queuedBytes(_ stream: Int32) -> Int {
    let slot = slot(of: stream)
    return slot == .none ? 0 : streams[slot].queue.count
  }

  /// Queues body bytes. False when the stream is gone or its end was queued.
  mutating func send(_ stream: Int32, _ bytes: [UInt8], endStream: Bool) -> Bool {
    let slot = slot(of: stream)
    guard slot != .none, !streams[slot].isEnding else { return false }
    streams[slot].queue.append(bytes)
    if endStream { streams[slot].isEnding = true }
    resume(slot, stream)
    return true
  }

  /// Queues the end, with trailers. False when the stream is gone or its end was queued.
  mutating func end(_ stream: Int32, _ trailers: HeaderList) -> Bool {
    let slot = slot(of: stream)
    guard slot != .none, !streams[slot].isEnding else { return false }
    streams[slot].isEnding = true
    streams[slot].trailers = trailers
    resume(slot, stream)
    return true
  }

  private mutating func resume(_ slot: Handle, _ stream: Int32) {
    guard streams[slot].isDeferred else { return }
    streams[slot].isDeferred = false
    _ = unsafe nghttp2_session_resume_data(session, stream)
  }

  // MARK: Faults

  /// Records the first fault and queues the GOAWAY that goes with it.
  mutating func fail(_ code: Int32) {
    if fault == nil { fault = HTTP2Fault(libraryCode: code) }
    let reason: HTTP2ErrorCode =
      switch fault {
      case .flood: .enhanceYourCalm
      case .badPreface: .protocolError
      default: .internalError
      }
    // Fails only for lack of memory, and then the connection closes without a GOAWAY.
    _ = unsafe nghttp2_session_terminate_session(session, reason.rawValue)
  }
}

extension HTTP2Fault {
  fileprivate init(libraryCode code: Int32) {
    self =
      switch code {
      case Int32(NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue): .badPreface
      case Int32(NGHTTP2_ERR_FLOODED.rawValue): .flood(.acknowledgements)
      case Int32(NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue): .flood(.continuations)
      default: .library(code)
      }
  }
}

extension Handle {
  /// As libnghttp2's stream user data.
  @unsafe var userData: UnsafeMutableRawPointer? { unsafe UnsafeMutableRawPointer(bitPattern: UInt(bits)) }
}
