import Memory

/// Fields that a change of versions looks at, told from the rest once, when a list takes them.
enum FieldKind: UInt8, Sendable {
  case method, scheme, path, authority, status
  /// Of extended CONNECT (RFC 8441 §4).
  case protocolName
  /// `:` and another name.
  case otherPseudo
  case host, cookie, contentLength, contentType, te
  /// What HTTP/1.1 says of one connection, and HTTP/2 must not (RFC 9113 §8.2.2).
  case connection
  case other

  /// - Parameter name: in lower case.
  init(_ name: Span<UInt8>) {
    self =
      switch name.count {
      case 0: .other
      case 2 where equals(name, "te"): .te
      case 4 where equals(name, "host"): .host
      case 5 where equals(name, ":path"): .path
      case 6 where equals(name, "cookie"): .cookie
      case 7 where equals(name, ":method"): .method
      case 7 where equals(name, ":scheme"): .scheme
      case 7 where equals(name, ":status"): .status
      case 7 where equals(name, "upgrade"): .connection
      case 9 where equals(name, ":protocol"): .protocolName
      case 10 where equals(name, ":authority"): .authority
      case 10 where equals(name, "connection") || equals(name, "keep-alive"): .connection
      case 12 where equals(name, "content-type"): .contentType
      case 14 where equals(name, "content-length"): .contentLength
      case 16 where equals(name, "proxy-connection"): .connection
      case 17 where equals(name, "transfer-encoding"): .connection
      default: name[0] == UInt8(ascii: ":") ? .otherPseudo : .other
      }
  }

  /// Of a request line or a status line (RFC 9113 §8.3).
  var isPseudo: Bool { rawValue <= Self.otherPseudo.rawValue }
}
