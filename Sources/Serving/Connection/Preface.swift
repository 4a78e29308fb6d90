import HTTP2
import Memory

/// What a connection's first bytes say about the protocol.
enum Preface {
  /// Too few bytes so far; the client speaks HTTP/2; it speaks something else.
  case undecided, http2, other

  init(_ bytes: Span<UInt8>) {
    let isWhole = bytes.count >= HTTP2Session.preface.utf8CodeUnitCount
    let begins = withBytes(of: HTTP2Session.preface) { preface in
      let n = min(bytes.count, preface.count)
      return bytesEqual(bytes.extracting(0..<n), preface.extracting(0..<n))
    }
    self = !begins ? .other : isWhole ? .http2 : .undecided
  }
}
