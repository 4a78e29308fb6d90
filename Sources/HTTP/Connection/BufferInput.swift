import Memory

// The same steps on a connection's input buffer. Swift 6.3 takes a span of one stored property for a borrow of the
// whole value that holds it ("overlapping accesses"), so a struct with a machine and its input cannot write
// `machine.receiveBody(input.span)`. It can write `machine.receiveBody(input)`.

extension RequestHead {
  /// Parses the head at the buffer's front; see ``parse(_:limits:scan:)``.
  public mutating func parse(_ input: borrowing ByteBuffer, limits: HeadLimits = .standard, scan: inout HeadScan)
    -> HeadParse
  {
    parse(input.span, limits: limits, scan: &scan)
  }
}

extension ResponseHead {
  /// Parses the head at the buffer's front; see ``parse(_:limits:scan:)``.
  public mutating func parse(_ input: borrowing ByteBuffer, limits: HeadLimits = .standard, scan: inout HeadScan)
    -> HeadParse
  {
    parse(input.span, limits: limits, scan: &scan)
  }
}

extension BodyReader {
  /// The next part of the body, from the buffer's front; see ``next(_:)``.
  public mutating func next(_ input: borrowing ByteBuffer) -> BodyPart { next(input.span) }
}

extension HTTP1Server {
  /// The next part of the request's body, from the buffer's front.
  public mutating func receiveBody(_ input: borrowing ByteBuffer) -> BodyPart { receiveBody(input.span) }

  /// Passes over the rest of a request's body, at the buffer's front.
  public mutating func drain(_ input: borrowing ByteBuffer) -> DrainStep { drain(input.span) }
}

extension HTTP1Client {
  /// The next part of the response's body, from the buffer's front.
  public mutating func receiveBody(_ input: borrowing ByteBuffer) -> BodyPart { receiveBody(input.span) }
}
