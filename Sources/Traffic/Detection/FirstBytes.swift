/// What the first bytes of a connection say that its caller speaks.
public enum FirstBytes: Equatable, Sendable {
  /// They may still become more than one of the others.
  case undecided
  /// A handshake record of TLS (RFC 8446 §5.1).
  case tls
  /// The connection preface (RFC 9113 §3.4).
  case http2
  /// A request line of HTTP/1 (RFC 9112 §3).
  case http1
  /// None of these.
  case other

  /// Bytes looked at; a first line without an end within them is taken for HTTP/1, whose reader has a limit and an answer for it. 8 KiB.
  public static let limit = 8192
  /// A method is at most this long. 32 bytes.
  static let longestMethod = 32

  private static let version = Array(" HTTP/1.".utf8)
  private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  /// Reads what has come so far, from the connection's first byte on.
  public init(_ bytes: Span<UInt8>) {
    guard bytes.count > 0 else {
      self = .undecided
      return
    }
    if bytes[0] == 0x16 {
      self = Self.record(bytes)
    } else if let isWhole = Self.startsPreface(bytes) {
      self = isWhole ? .http2 : .undecided
    } else {
      self = Self.requestLine(bytes)
    }
  }

  /// `handshake`, and a version of 3.0 to 3.4: what stands there says nothing of the version spoken.
  private static func record(_ bytes: Span<UInt8>) -> FirstBytes {
    if bytes.count > 1, bytes[1] != 3 { return .other }
    if bytes.count > 2, bytes[2] > 4 { return .other }
    return bytes.count > 2 ? .tls : .undecided
  }

  /// Whether all of the preface is there; nil when it is something else.
  private static func startsPreface(_ bytes: Span<UInt8>) -> Bool? {
    let count = min(bytes.count, preface.count)
    for i in 0..<count where bytes[i] != preface[i] { return nil }
    return count == preface.count
  }

  /// A method of capitals, digits, `-` or `_`, a space, and at the line's end a version of HTTP/1. Stricter than HTTP is with methods:
  /// a protocol of words, such as Redis's or SSH's, begins much like a request.
  private static func requestLine(_ bytes: Span<UInt8>) -> FirstBytes {
    var i = 0
    while i < bytes.count, isMethodByte(bytes[i]) { i += 1 }
    if i > longestMethod { return .other }
    if i == bytes.count { return .undecided }
    guard i > 0, bytes[i] == 0x20 else { return .other }
    while i < min(bytes.count, limit) {
      if bytes[i] == 0x0a { return endsInVersion(bytes.extracting(..<i)) ? .http1 : .other }
      i += 1
    }
    return bytes.count >= limit ? .http1 : .undecided
  }

  private static func isMethodByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// ` HTTP/1.x`, with a carriage return behind it or without.
  private static func endsInVersion(_ line: Span<UInt8>) -> Bool {
    let end = line.count > 0 && line[line.count - 1] == 0x0d ? line.count - 1 : line.count
    let start = end - version.count - 1
    guard start >= 0, (0x30...0x39).contains(line[end - 1]) else { return false }
    for i in 0..<version.count where line[start + i] != version[i] { return false }
    return true
  }
}
