import Memory

/// Whether a connection begins with the HTTP/2 client preface (RFC 9113 §3.4).
public enum HTTP2Preface: Hashable, Sendable {
  case absent
  /// So far it could be one.
  case incomplete
  case present

  /// Bytes of a whole preface.
  public static let count = 24

  /// Judges the first bytes of a connection. No HTTP/1 request begins so: `PRI` is reserved.
  public init(_ bytes: Span<UInt8>) {
    let whole: InlineArray<24, UInt8> = [
      0x50, 0x52, 0x49, 0x20, 0x2a, 0x20, 0x48, 0x54, 0x54, 0x50, 0x2f, 0x32,
      0x2e, 0x30, 0x0d, 0x0a, 0x0d, 0x0a, 0x53, 0x4d, 0x0d, 0x0a, 0x0d, 0x0a,
    ]
    self = bytes.count < HTTP2Preface.count ? .incomplete : .present
    for i in 0..<min(bytes.count, HTTP2Preface.count) where bytes[i] != whole[i] { self = .absent }
  }
}
