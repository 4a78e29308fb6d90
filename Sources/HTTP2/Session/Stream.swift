import Memory

/// What a session holds for one stream, from its first frame until its `closed` event was taken.
struct Stream {
  let id: Int32
  var tag: UInt64 = 0

  // What comes.
  var window: FlowWindow
  /// The first field list was read: the request, or the final response.
  var hasHead = false
  /// END_STREAM came.
  var isEndedByPeer = false
  /// What `content-length` says, -1 when it says nothing or does not count.
  var expected: Int64 = -1
  var received: Int64 = 0
  /// 1xx heads that came.
  var interims: UInt8 = 0
  var smallFrames: TokenBucket
  /// See `HTTP2Session.setTunnel`.
  var isTunnel = false
  /// Of a client's request, as far as the body of the answer depends on it.
  var method = Method.other

  // What goes out.
  /// Bytes that the peer lets us send on it; below 0 after it made its windows smaller (RFC 9113 §6.9.2).
  var sendWindow: Int
  var queue = ChunkQueue()
  /// The request, or the final response, was written; nothing goes out before it.
  var hasSentHead = false
  /// The end was queued: after the queue comes END_STREAM, or the trailers.
  var isEnding = false
  var trailers: HeaderList?
  /// END_STREAM was written.
  var isEnded = false
  var place = Place.nowhere
  /// The next in the same `StreamQueue`.
  var next = Handle.none

  enum Method: UInt8 { case other, head, connect }

  /// Which queue it stands in.
  enum Place: UInt8 { case nowhere, ready, blocked }

  init(id: Int32, tag: UInt64 = 0, window: FlowWindow, sendWindow: Int, smallFrames: TokenBucket) {
    self.id = id
    self.tag = tag
    self.window = window
    self.smallFrames = smallFrames
    self.sendWindow = sendWindow
  }

  /// The body that came is as long as its head said (RFC 9113 §8.1.1).
  var isAsLongAsSaid: Bool { expected < 0 || expected == received }

  /// It has something that its own window lets out.
  var isSendable: Bool { hasSentHead && (queue.isEmpty ? isEnding && !isEnded : sendWindow > 0) }
}

/// Streams in the order in which their turn comes, linked through themselves.
struct StreamQueue {
  private var first = Handle.none
  private var last = Handle.none

  var isEmpty: Bool { first == .none }

  mutating func append(_ handle: Handle, in streams: inout Slab<Stream>) {
    streams[handle].next = .none
    if isEmpty { first = handle } else { streams[last].next = handle }
    last = handle
  }

  mutating func popFirst(in streams: inout Slab<Stream>) -> Handle? {
    if isEmpty { return nil }
    let handle = first
    first = streams[handle].next
    return handle
  }

  mutating func remove(_ handle: Handle, in streams: inout Slab<Stream>) {
    if first == handle {
      first = streams[handle].next
      return
    }
    var before = first
    while before != .none {
      let next = streams[before].next
      if next == handle {
        streams[before].next = streams[handle].next
        if last == handle { last = before }
        return
      }
      before = next
    }
  }
}
