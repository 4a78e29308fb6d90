/// What a connection's first bytes say about the protocol.
enum Preface {
  /// The first 24 bytes of every HTTP/2 client (RFC 9113 §3.4).
  private static let bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  /// Too few bytes so far; the client speaks HTTP/2; it speaks something else.
  case undecided, http2, other

  init(_ bytes: Span<UInt8>) {
    for index in 0..<min(bytes.count, Self.bytes.count) where bytes[index] != Self.bytes[index] {
      self = .other
      return
    }
    self = bytes.count < Self.bytes.count ? .undecided : .http2
  }
}
