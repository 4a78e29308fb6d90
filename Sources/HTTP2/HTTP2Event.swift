import Memory

/// Something that the peer did. `HTTP2Session.nextEvent()` gives them in the order in which they happened.
public struct HTTP2Event: Sendable {
  public enum Kind: Sendable {
    /// A server got a request; `ends`: nothing follows its head.
    case request(HeaderList, ends: Bool)
    /// A client got a final response; `ends`: nothing follows its head.
    case response(HeaderList, ends: Bool)
    /// A client got a 1xx response.
    case informational(HeaderList)
    case trailers(HeaderList)
    /// A field list above `HTTP2Settings.headerListBytes`; its fields were thrown away.
    case tooLarge
    /// Bytes of a body, as a range of the span given to the `receive` call before. Give credit with `consume`.
    case data(Range<Int>)
    /// The peer will send nothing more on the stream.
    case ended
    /// A server's own end of the stream (END_STREAM) was written.
    case endWritten
    /// The stream is over; the last event of a stream.
    case closed(HTTP2ErrorCode)
    /// The peer's settings arrived (the first: it does speak HTTP/2).
    case settings
    /// The peer answered our PING that carried this.
    case pong(UInt64)
    /// The peer takes no stream above `last`; those are `closed` with REFUSED_STREAM.
    case goAway(last: Int32, HTTP2ErrorCode)
  }

  /// 0 for what concerns the connection.
  public let stream: Int32
  /// What `setTag` put on the stream, 0 before.
  public let tag: UInt64
  public let kind: Kind
  /// The stream's slot, which outlives it until `closed` was taken.
  let slot: Handle
}
