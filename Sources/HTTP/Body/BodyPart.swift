/// One step through a body. Offsets are into the bytes given to that call; `consumed` bytes of them are done with.
public enum BodyPart: Hashable, Sendable {
  /// Content at `start ..< end`, never empty: as much as lies there in one piece.
  case data(start: Int, end: Int, consumed: Int)
  /// Nothing more can be told from these bytes. What was not consumed comes again, with more behind it.
  case needMore(consumed: Int)
  /// The whole trailer section with its final empty line at `start ..< end`, valid field lines all of them, of which
  /// ``BodyReader/next(_:trailers:)`` leaves out what may not stand there. The body is done.
  case trailers(start: Int, end: Int, consumed: Int)
  /// The body is done.
  case end(consumed: Int)
  /// Nothing after this can be trusted: abort what was forwarded, close the connection.
  case fault(HTTPFault)
}

/// Bounds of chunked bodies that are no setting; at each the body faults.
enum BodyLimits {
  /// All chunk extensions of one body together, in bytes. Nobody uses them but attackers (item 8).
  static let extensionBytes = 1024
  /// One trailer section in bytes. The receiver holds it whole; nothing real comes near.
  static let trailerBytes = 16_384
  /// Digits of a chunk size: 64 bits.
  static let sizeDigits = 16
}
