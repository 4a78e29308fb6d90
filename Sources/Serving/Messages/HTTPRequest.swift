import HTTP2
import SystemIO

public typealias HeaderList = HTTP2.HeaderList

/// One request as a handler sees it: whole, the body read to its end (at most `ServingLimits.bodyBytes`).
public struct HTTPRequest: Sendable {
  /// As sent; methods are case-sensitive (RFC 9110 §9.1).
  public var method: String
  /// The request target in origin form, byte for byte: path and query.
  public var target: String
  /// The path, still percent-encoded; never empty, begins with `/` unless the target is `*`.
  public var path: String
  /// What follows the first `?`, still encoded; nil without one.
  public var query: String?
  /// Without pseudo-fields; over HTTP/2 the authority stands under `host`.
  public var headers: HeaderList
  public var body: [UInt8]
  /// The other end of the connection.
  public var peer: SocketAddress

  public init(
    method: String, target: String, headers: HeaderList = HeaderList(), body: [UInt8] = [], peer: SocketAddress
  ) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
    self.peer = peer
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    path = parts.first.map(String.init) ?? ""
    query = parts.count > 1 ? String(parts[1]) : nil
    if path.isEmpty { path = "/" }
  }

  /// The path's segments between slashes, percent-decoded; nil when an escape is invalid or a segment is no UTF-8.
  /// `/` gives none; a trailing slash gives an empty last segment.
  public var pathSegments: [String]? {
    guard path.utf8.first == UInt8(ascii: "/") else { return nil }
    if path.utf8.count == 1 { return [] }
    var segments: [String] = []
    for part in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let decoded = percentDecoded(part, plusIsSpace: false) else { return nil }
      segments.append(decoded)
    }
    return segments
  }

  /// The query's `name=value` pairs in order, decoded as HTML forms are (`+` is a space); nil when an escape is invalid.
  public var queryItems: [(name: String, value: String)]? {
    guard let query, !query.isEmpty else { return [] }
    var items: [(name: String, value: String)] = []
    for pair in query.split(separator: "&") {
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = percentDecoded(halves[0], plusIsSpace: true) else { return nil }
      guard let value = percentDecoded(halves.count > 1 ? halves[1] : "", plusIsSpace: true) else { return nil }
      items.append((name, value))
    }
    return items
  }
}

/// Undoes percent-encoding (RFC 3986 §2.1); nil when an escape is cut or not hexadecimal, or the result is no UTF-8.
public func percentDecoded(_ text: some StringProtocol, plusIsSpace: Bool) -> String? {
  var bytes: [UInt8] = []
  var rest = text.utf8.makeIterator()
  while let byte = rest.next() {
    if byte == UInt8(ascii: "+"), plusIsSpace {
      bytes.append(UInt8(ascii: " "))
    } else if byte == UInt8(ascii: "%") {
      guard let high = rest.next().flatMap(hexDigit), let low = rest.next().flatMap(hexDigit) else { return nil }
      bytes.append(high << 4 | low)
    } else {
      bytes.append(byte)
    }
  }
  return String(validating: bytes, as: UTF8.self)
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
