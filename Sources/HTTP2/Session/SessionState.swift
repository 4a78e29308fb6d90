import Memory

/// What one HTTP/2 connection is at (RFC 9113): frames in, events out; commands in, frames out.
///
/// A value with one owner, not properties of the session's class: each touch of such a property is checked for overlapping accesses while
/// the program runs, and a request makes a hundred of them. Here the compiler does it.
struct SessionState: ~Copyable {
  let role: HTTP2Role
  let settings: HTTP2Settings
  var peer = PeerSettings()

  // Streams.
  var streams = Slab<Stream>()
  /// Where in `streams` those are that are open, by id.
  var index = NumberTable()
  var closed = ClosedStreams()
  /// The highest stream that the peer has begun; and of those whose request was taken.
  var highestPeerStream: Int32 = 0
  var lastPeerStream: Int32 = 0
  /// The next stream that a client opens.
  var nextOwnStream: Int32 = 1
  /// Streams above this are not taken any more: we have said GOAWAY.
  var lastAccepted = Int32.max

  // What comes.
  var reader = FrameReader()
  var window: FlowWindow
  var decoder = HPACKDecoder()
  let storage: FieldStorage
  var events = PendingEvents()

  // What goes out.
  /// Whole frames in the order in which they go out, before any DATA that waits in a stream's queue.
  var frames = ByteBuffer()
  var encoder = HPACKEncoder()
  /// Bytes that the peer lets us send on the whole connection.
  var sendWindow = FlowWindow.initialSize
  /// Streams that have something to send, and those that wait for the connection's window alone.
  var ready = StreamQueue()
  var blocked = StreamQueue()
  /// The DATA frame that `frames` ends with, where its stream may say more.
  var openData = (stream: Int32(0), start: 0, end: 0)
  /// Acknowledgements in `frames`.
  var acknowledgements = 0

  // The end.
  /// We have said GOAWAY for good (not the announcement before it), the peer has.
  var hasSaidGoAway = false
  var hasHeardGoAway = false
  /// The last stream of ours that the peer takes, by its latest GOAWAY.
  var lastTaken = Int32.max
  /// Nothing follows what stands in `frames`, and nothing is read.
  var isTerminated = false
  var reproach: HTTP2ErrorCode?
  var fault: HTTP2Fault?
  var isAcknowledged = false

  // Limits.
  /// Monotonic milliseconds.
  var now: UInt64
  var resets: TokenBucket
  var idleFrames: TokenBucket
  var emptyFrames = 0

  init(role: HTTP2Role, settings: HTTP2Settings, storage: FieldStorage, at now: UInt64) {
    self.role = role
    self.settings = settings
    self.now = now
    self.storage = storage
    resets = TokenBucket(burst: settings.resetBurst, perSecond: settings.resetsPerSecond, at: now)
    idleFrames = TokenBucket(burst: settings.idleFrameBurst, perSecond: settings.idleFramesPerSecond, at: now)
    let credit: Int
    (window, credit) = FlowWindow.connection(settings.connectionWindow)
    if role == .server { reader.expectPreface() } else { frames.append(HTTP2Session.preface) }
    writeSettings()
    if credit > 0 { writeWindowUpdate(0, credit) }
  }

  /// The slot of a stream that is open, else `.none`.
  // Mutating so that the state is passed by its address: to lend it, the compiler copies it.
  mutating func slot(of stream: Int32) -> Handle {
    index.find(UInt32(bitPattern: stream)).map(Handle.init(bits:)) ?? .none
  }

  mutating func append(_ kind: PendingEvents.Kind, stream: Int32, slot: Handle) {
    events.append(PendingEvents.Item(stream: stream, slot: slot, kind: kind))
  }

  /// Appends the head or the trailers of a message; without a list they were too large.
  mutating func append(_ kind: PendingEvents.Kind, _ list: HeaderList?, stream: Int32, slot: Handle) {
    guard let list else { return append(.tooLarge, stream: stream, slot: slot) }
    events.append(PendingEvents.Item(stream: stream, slot: slot, kind: kind), list)
  }

  mutating func nextEvent() -> HTTP2Event? {
    guard let item = events.take() else {
      if streams.isEmpty, streams.slotCount > Self.slotsKept { streams = Slab() }
      return nil
    }
    var tag: UInt64 = 0
    if streams.contains(item.slot) {
      tag = streams[item.slot].tag
      if case .closed = item.kind { _ = streams.remove(item.slot) }
    }
    return HTTP2Event(stream: item.stream, tag: tag, kind: HTTP2Event.Kind(item.kind, from: &events), slot: item.slot)
  }

  /// Slots above this are given back when no stream is left. Why: an idle connection should not keep a burst's.
  private static var slotsKept: UInt32 { 64 }

  // MARK: Streams

  mutating func open(_ id: Int32, tag: UInt64 = 0) -> Handle {
    let window = FlowWindow(stream: settings.streamWindow, isKnown: isAcknowledged)
    let smallFrames = TokenBucket(burst: settings.smallFrameBurst, perSecond: settings.smallFramesPerSecond, at: now)
    let slot = streams.insert(
      Stream(id: id, tag: tag, window: window, sendWindow: peer.initialWindow, smallFrames: smallFrames))
    index.set(UInt32(bitPattern: id), slot.bits)
    return slot
  }

  /// The stream is over: its `closed` event follows those before it.
  mutating func close(_ slot: Handle, _ code: HTTP2ErrorCode, _ end: ClosedStreams.End) {
    let id = streams[slot].id
    leaveQueue(slot)
    streams[slot].queue.removeAll()
    streams[slot].isEnded = true  // nothing of it is sent any more, whatever a window does until its slot is free
    index.remove(UInt32(bitPattern: id))
    closed.append(id, end)
    append(.closed(code), stream: id, slot: slot)
  }

  /// Closes a stream that both sides have ended.
  mutating func closeIfDone(_ slot: Handle) {
    guard streams[slot].isEnded && streams[slot].isEndedByPeer else { return }
    // Who resets one of many does no harm: of four that end well one may be reset.
    resets.refund(thousandths: 250)
    close(slot, .noError, .complete)
  }

  // MARK: Turns to send

  /// Gives the stream its turn, if it has something to send and has none yet.
  mutating func schedule(_ slot: Handle) {
    guard streams[slot].place == .nowhere, streams[slot].isSendable else { return }
    streams[slot].place = .ready
    ready.append(slot, in: &streams)
  }

  private mutating func leaveQueue(_ slot: Handle) {
    switch streams[slot].place {
    case .nowhere: return
    case .ready: ready.remove(slot, in: &streams)
    case .blocked: blocked.remove(slot, in: &streams)
    }
    streams[slot].place = .nowhere
  }

  /// The connection's window has opened.
  mutating func unblock() {
    while let slot = blocked.popFirst(in: &streams) {
      streams[slot].place = .nowhere
      schedule(slot)
    }
  }

  // MARK: Faults

  /// The peer broke a rule of the connection's: GOAWAY, and nothing after it (RFC 9113 §5.4.1).
  mutating func breakOff(_ code: HTTP2ErrorCode) {
    if isTerminated { return }
    writeGoAway(lastPeerStream, code)
    isTerminated = true
  }

  /// Records the first fault, and says GOAWAY.
  mutating func fail(_ fault: HTTP2Fault) {
    if self.fault == nil { self.fault = fault }
    breakOff(fault == .badPreface ? .protocolError : .enhanceYourCalm)
  }

  /// The peer broke a rule of one stream: it is reset, and the connection goes on (RFC 9113 §5.4.2).
  mutating func refuse(_ id: Int32, _ slot: Handle, _ code: HTTP2ErrorCode) {
    writeReset(id, code)
    // A reset that the peer made us send counts like one that it sent (CVE-2025-8671).
    if role == .server, !isTerminated, !resets.spend(at: now) { fail(.flood(.resets)) }
    if slot != .none { close(slot, code, .resetByUs) } else { closed.append(id, .resetByUs) }
  }
}
