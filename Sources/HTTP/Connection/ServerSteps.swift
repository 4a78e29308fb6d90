/// How an answer is written to this client.
public struct ResponsePlan: Hashable, Sendable {
  /// `none`: no body bytes at all, whatever the length fields say. `untilClose` for HTTP/1.0 clients when the length
  /// is not known.
  public let body: BodyFraming
  /// The connection ends with this answer: `connection: close` belongs in its head.
  public let closes: Bool
  /// An HTTP/1.0 client asked to stay and may: `connection: keep-alive` belongs in the head.
  public let saysKeepAlive: Bool

  public init(body: BodyFraming, closes: Bool, saysKeepAlive: Bool) {
    self.body = body
    self.closes = closes
    self.saysKeepAlive = saysKeepAlive
  }
}

/// What follows a finished answer.
public enum Afterwards: Hashable, Sendable {
  /// The next request may be parsed.
  case next
  /// Give what comes in to ``HTTP1Server/drain(_:)`` until it says otherwise.
  case drain
  case close
  /// Half-close, read and throw away for a moment, then close: unread bytes would turn the close into a reset that
  /// destroys the answer on its way (RFC 9112 §9.6).
  case closeAfterLinger
}

/// What passing over a body came to.
public enum DrainStep: Hashable, Sendable {
  case needMore(consumed: Int)
  /// The body is over; the next request begins behind the consumed bytes.
  case next(consumed: Int)
  case close
}

/// What the end of a client's input means.
public enum ServerEnd: Hashable, Sendable {
  /// Between requests: close.
  case close
  /// Within a request's body: abort the exchange, upstream too.
  case truncated
  /// The request was complete: the client may still read, or may be gone. The answer, if it is finished, is the last
  /// one.
  case halfClosed
}
