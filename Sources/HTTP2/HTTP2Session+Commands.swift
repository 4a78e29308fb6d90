import Memory

/// What the driver asks for. Nothing is written before the next `write`. A command for a stream that is gone does nothing and
/// says so by its result: the peer may have reset it a moment ago.
extension HTTP2Session {
  /// Opens a request (client). Pseudo-fields come first in `fields`.
  /// - Returns: the stream, or nil when the connection takes no new one (GOAWAY, ids used up). A GOAWAY of the peer that leaves the stream
  ///   out closes it with REFUSED_STREAM.
  public func submitRequest(_ fields: HeaderList, endStream: Bool, tag: UInt64 = 0) -> Int32? {
    state.value.submitRequest(fields, endStream, tag)
  }

  /// Opens a request whose head was read from the front of `text`; as the other.
  public func submitRequest(_ head: OwnHeadText, of text: Span<UInt8>, endStream: Bool, tag: UInt64) -> Int32? {
    state.value.submitRequest(head, of: text, endStream, tag)
  }

  /// Answers a request with the head that was read from the front of `text`; as the other.
  public func submitResponse(_ stream: Int32, _ head: OwnHeadText, of text: Span<UInt8>, endStream: Bool) {
    state.value.submitResponse(stream, head, of: text, endStream)
  }

  /// A 1xx response with the head that was read from the front of `text`; as the other.
  public func submitInformational(_ stream: Int32, _ head: OwnHeadText, of text: Span<UInt8>) {
    state.value.submitInformational(stream, head, of: text)
  }

  /// Answers a request (server), once per stream. `endStream`: there is no body.
  @discardableResult
  public func submitResponse(_ stream: Int32, _ fields: HeaderList, endStream: Bool) -> Bool {
    state.value.submitResponse(stream, fields, endStream)
  }

  /// A 1xx response ahead of the final one (server).
  @discardableResult
  public func submitInformational(_ stream: Int32, _ fields: HeaderList) -> Bool {
    state.value.submitInformational(stream, fields)
  }

  /// Queues body bytes, without a copy until they are written. False when the stream is gone or its end was queued.
  @discardableResult
  public func send(_ stream: Int32, _ bytes: [UInt8], endStream: Bool = false) -> Bool {
    state.value.send(stream, bytes, endStream: endStream)
  }

  /// Queues a copy of body bytes.
  @discardableResult
  public func send(_ stream: Int32, copying bytes: Span<UInt8>, endStream: Bool = false) -> Bool {
    state.value.send(stream, copying: bytes, endStream: endStream)
  }

  /// Ends our side after what is queued, with trailers.
  @discardableResult
  public func submitTrailers(_ stream: Int32, _ fields: HeaderList) -> Bool {
    state.value.end(stream, fields)
  }

  /// Ends our side with the trailers in `text`, a section that this program wrote; as the other.
  @discardableResult
  public func submitTrailers(_ stream: Int32, own text: Span<UInt8>) -> Bool {
    state.value.end(stream, ownTrailers: text)
  }

  /// Bytes queued on a stream that were not written yet; 0 when it is gone.
  public func queuedBytes(_ stream: Int32) -> Int {
    state.value.queuedBytes(stream)
  }

  /// Whether the peer has ended its side of a stream, or the stream is gone.
  public func isEndedByPeer(_ stream: Int32) -> Bool { state.value.isEndedByPeer(stream) }

  /// Ends a stream at once, both ways; one that is gone is left alone.
  public func reset(_ stream: Int32, _ code: HTTP2ErrorCode) { state.value.reset(stream, code) }

  /// Gives the peer credit for `count` bytes of a body that the application took. Works for closed streams too, which still hold
  /// a part of the connection's window.
  public func consume(_ stream: Int32, _ count: Int) { state.value.consume(stream, count) }

  /// Announces that the connection will end (server): GOAWAY with the highest id, so that requests already on their way are
  /// still taken. `goAway` follows a round trip later.
  public func announceShutdown() { state.value.announceShutdown() }

  /// Takes no stream after those begun; the connection is over when they are.
  public func goAway(_ code: HTTP2ErrorCode) { state.value.goAway(code) }

  /// Ends the connection as soon as the GOAWAY is written.
  public func terminate(_ code: HTTP2ErrorCode) { state.value.breakOff(code) }

  /// Asks the peer for a `pong` that carries `payload`.
  public func ping(_ payload: UInt64) { state.value.ping(payload) }

  /// Puts a word of the driver's on the stream of this event, which may be over already: then its `closed` event follows, and
  /// carries the word like any other.
  public func setTag(_ tag: UInt64, on event: HTTP2Event) {
    state.value.setTag(tag, at: event.slot)
  }

  /// Puts a word of the driver's on a stream; events carry it from then on. False when the stream is over: what is left of its events
  /// carries the word before.
  @discardableResult
  public func setTag(_ tag: UInt64, on stream: Int32) -> Bool {
    let slot = state.value.slot(of: stream)
    state.value.setTag(tag, at: slot)
    return slot != .none
  }

  /// The stream carries a tunnel: how small its DATA comes is for those who write to it to say, as on a connection of their own. It is
  /// charged only where it is empty.
  public func setTunnel(_ stream: Int32) {
    state.value.setTunnel(stream)
  }
}
