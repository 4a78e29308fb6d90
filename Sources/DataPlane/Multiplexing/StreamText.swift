import HTTP
import HTTP2
import Memory
import RPC

/// One stream of a session, and how far its two messages have been changed between frames and text.
struct StreamText {
  var session = Handle.none
  /// It is a call of this protocol; nil: a message of HTTP/2.
  var call: CallProtocol?
  /// 0 before the request was sent.
  var id: Int32 = 0
  /// How the body that comes stands in the input.
  var incoming = HTTP1Body.none
  /// Bytes of that body in the input for which the peer has no credit yet.
  var held = 0
  /// How far the text in the output has become frames.
  var outgoing = Outgoing.head
  /// It waits in `Session.stalled`.
  var isStalled = false
  /// The message that comes is complete in the input.
  var hasEnded = false
  /// The session has let go of it: nothing is to be reset.
  var isOver = false

  enum Outgoing {
    case head
    case body(BodyReader)
    case ended
    /// A tunnel was asked for, or agreed to: no text follows.
    case tunnel
  }

  // MARK: Frames become text

  /// Adds these bytes of a session's input to the text of the body.
  mutating func takeData(_ range: Range<Int>, of received: borrowing ByteBuffer, into input: inout ByteBuffer) {
    held &+= range.count
    let inChunks = incoming == .chunks
    if inChunks { appendChunkHeader(size: range.count, to: &input) }
    input.append(received.span.extracting(range))
    if inChunks { appendChunkEnd(to: &input) }
  }

  /// The message is complete. Returns how many trailers had to be left out: a body whose length was said has no place for them.
  mutating func takeEnd(_ trailers: HeaderList?, into input: inout ByteBuffer) -> Int {
    defer { (incoming, hasEnded) = (.none, true) }  // after trailers comes the end, which is then said already
    switch incoming {
    case .none: return 0
    case .length: return trailers?.count ?? 0
    case .chunks:
      (trailers ?? HeaderList()).writeTrailers(into: &input)
      return 0
    }
  }

  /// Bytes of body that have left the input, of which `left` bytes remain, since the last call; nil for none.
  mutating func credit(left: Int) -> Int? {
    guard left < held else { return nil }
    defer { held = left }
    return held - left
  }

  // MARK: Text becomes frames

  /// The session takes no more for now. Returns whether it is to be told to `Session.stalled`.
  mutating func stalls() -> Bool {
    defer { isStalled = true }
    return !isStalled
  }

  /// The head was sent; what follows it is framed so.
  mutating func sentHead(_ body: BodyReader) { outgoing = body.isDone ? .ended : .body(body) }

  /// Makes a frame of the next part of a body, whose text goes on at `offset`; how many bytes of it that took.
  mutating func passBody(
    _ reader: BodyReader, _ output: borrowing ByteBuffer, from offset: Int, to http2: HTTP2Session
  ) -> Int {
    let text = output.span.extracting(offset...)
    var reader = reader
    let part = reader.next(text)
    outgoing = .body(reader)
    switch part {
    case .data(let start, let end, let consumed):
      http2.send(id, copying: text.extracting(start..<end), endStream: reader.isDone)
      if reader.isDone { outgoing = .ended }
      return consumed
    case .needMore(let consumed): return consumed
    case .trailers(let start, let end, let consumed):
      http2.submitTrailers(id, own: text.extracting(start..<end))
      outgoing = .ended
      return consumed
    case .end(let consumed):
      http2.send(id, copying: text.extracting(0..<0), endStream: true)
      outgoing = .ended
      return consumed
    case .fault:
      // Text of ours that is no HTTP/1.1: the peer must not take what it has for the whole.
      http2.reset(id, .internalError)
      outgoing = .ended
      return text.count
    }
  }
}
