import Memory

// The same steps on a connection's input buffer. Swift 6.3 takes a span of one stored property for a borrow of the
// whole value that holds it ("overlapping accesses"), so a struct with a reader and its input cannot write
// `body.next(input.span)`. It can write `body.next(input)`.

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

  /// The same, with a table for trailers; see ``next(_:trailers:)``.
  public mutating func next(_ input: borrowing ByteBuffer, trailers: inout FieldTable) -> BodyPart {
    next(input.span, trailers: &trailers)
  }
}
