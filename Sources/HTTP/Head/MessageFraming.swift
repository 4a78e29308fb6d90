/// How long a message's body is (RFC 9112 §6.3).
public enum BodyFraming: Hashable, Sendable {
  /// No body at all.
  case none
  /// Exactly so many bytes, at most `Int64.max`.
  case length(UInt64)
  case chunked
  /// Everything until the connection closes; responses only.
  case untilClose
}

/// What the framing fields say, before it is asked whether the message may have a body.
enum DeclaredLength: Equatable {
  case none, length(UInt64), chunked
}

extension FieldTable {
  /// Content-Length and Transfer-Encoding together. Two lengths are refused even when they are equal, and a length
  /// beside a transfer encoding always: different programs pick different ones, and that difference is request
  /// smuggling.
  func declaredLength(_ s: Span<UInt8>, minorVersion: UInt8) -> Result<DeclaredLength, HTTPFault> {
    let hasLength = contains(.contentLength)
    if let coding = first(.transferEncoding) {
      if hasLength { return .failure(.lengthAndTransferEncoding) }
      if minorVersion == 0 { return .failure(.transferEncodingInHTTP10) }
      if hasSeveral(.transferEncoding) { return .failure(.badTransferEncoding) }
      if let fault = Framing.transferFault(s, coding.valueRange) { return .failure(fault) }
      return .success(.chunked)
    }
    guard hasLength, let field = first(.contentLength) else { return .success(.none) }
    if hasSeveral(.contentLength) { return .failure(.duplicateContentLength) }
    guard let length = Framing.decimal(s, field.valueRange) else { return .failure(.badContentLength) }
    return .success(.length(length))
  }
}

enum Framing {
  /// Digits only, at most 19 of them and at most `Int64.max`, so that no reader of the same text overflows.
  static func decimal(_ s: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
    guard range.count >= 1, range.count <= 19 else { return nil }
    var value: UInt64 = 0
    for i in range {
      guard isDigit(s[i]) else { return nil }
      value = value &* 10 &+ UInt64(s[i] &- 0x30)
    }
    return value <= UInt64(Int64.max) ? value : nil
  }

  /// Nil for exactly `chunked`. A list that ends in another coding, or has `chunked` elsewhere, cannot be framed:
  /// 400. Other codings before a final `chunked`, or instead of it, we do not have: 501 (RFC 9112 §6.1).
  static func transferFault(_ s: Span<UInt8>, _ range: Range<Int>) -> HTTPFault? {
    if s.equals(range, "chunked") { return nil }
    var list = TokenList(range)
    var sawChunked = false
    while let coding = list.next(s) {
      if sawChunked || coding.isEmpty || !coding.isAllTokens(s) { return .badTransferEncoding }
      sawChunked = s.equals(coding, "chunked")
    }
    return .unknownTransferCoding
  }
}
