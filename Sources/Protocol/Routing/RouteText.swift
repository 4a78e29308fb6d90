/// What is wrong with the texts of a route; nil for good ones.
enum RouteText {
  static func fault(inHost host: HostPattern) -> String? {
    let name =
      switch host {
      case .exact(let name): name
      case .wildcard(let suffix): suffix
      }
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    guard !name.isEmpty, name.utf8.count <= 253, labels.allSatisfy({ !$0.isEmpty }), name.utf8.allSatisfy(isHostByte)
    else { return "must be a host such as shop.example.com or *.example.com, without port" }
    return nil
  }

  /// A host to be sent: a port is allowed.
  static func fault(inAuthority text: String) -> String? {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2, (UInt16(parts[1]) ?? 0) == 0 || !parts[1].utf8.allSatisfy(isDigit) {
      return "has no good port"
    }
    return fault(inHost: .exact(String(parts[0])))
  }

  /// A path to be compared with paths in their normal form: other spellings could never match.
  static func fault(inMatchedPath path: String) -> String? {
    guard path.utf8.first == UInt8(ascii: "/") else { return "must begin with /" }
    guard path.utf8.count <= RouteLimits.text else { return "is longer than \(RouteLimits.text) bytes" }
    guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "\\") }) else {
      return "has a backslash or a control character"
    }
    if path.contains("?") || path.contains("#") { return "has a ? or #: only the path is compared, see query" }
    if path.contains("//") { return "has an empty segment: runs of / are compared as one" }
    if hasEscape(path) { return "has a percent escape: write it decoded, as it is compared" }
    let segments = path.split(separator: "/")
    if segments.contains(where: { $0 == "." || $0 == ".." || $0.hasPrefix(".;") || $0.hasPrefix("..;") }) {
      return "has a dot segment: such requests are refused"
    }
    return nil
  }

  /// A path to be sent as it stands.
  static func fault(inSentPath path: String) -> String? {
    guard path.utf8.first == UInt8(ascii: "/") else { return "must begin with /" }
    guard path.utf8.count <= RouteLimits.text else { return "is longer than \(RouteLimits.text) bytes" }
    guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      return "may hold visible ASCII only; escape the rest"
    }
    if path.contains("?") || path.contains("#") { return "has a ? or #: the query stays as it is" }
    return nil
  }

  static func fault(inMethod method: String) -> String? {
    guard (1...64).contains(method.utf8.count), method.utf8.allSatisfy(isTokenByte) else { return "is no method" }
    if method != method.uppercased() {
      return "methods are case-sensitive: \(method.uppercased()) is what clients send"
    }
    return nil
  }

  static func fault(inHeaderName name: String) -> String? {
    guard (1...RouteLimits.name).contains(name.utf8.count), name.utf8.allSatisfy(isTokenByte) else {
      return "is no header name"
    }
    return name == "host" ? "the host has its own field: hosts" : nil
  }

  static func fault(inParameter name: String) -> String? {
    (1...RouteLimits.name).contains(name.utf8.count) ? nil : "must be 1 to \(RouteLimits.name) bytes long"
  }

  static func fault(inValue value: String) -> String? {
    guard value.utf8.count <= RouteLimits.text else { return "is longer than \(RouteLimits.text) bytes" }
    guard value.utf8.allSatisfy({ ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x09 }) else { return "has a control character" }
    if let first = value.utf8.first, let last = value.utf8.last,
      [first, last].contains(where: { $0 == 0x20 || $0 == 9 })
    {
      return "begins or ends with a blank, which no header value does"
    }
    return nil
  }

  /// A field that a route may set or take away: not one that frames the message, routes it, or is the mesh's own.
  static func fault(inEditedName name: String) -> String? {
    guard (1...RouteLimits.name).contains(name.utf8.count), name.utf8.allSatisfy(isTokenByte) else {
      return "is no header name"
    }
    if name == "host" { return "is changed with rewrite.host" }
    if reserved.contains(name) || name.hasPrefix("l5d-") || name.hasPrefix("heddle-") || name.hasPrefix("proxy-") {
      return "is not for routes to change: it frames the message or belongs to the mesh"
    }
    return nil
  }

  private static let reserved: Set<String> = [
    "connection", "content-length", "dtab-local", "expect", "http2-settings", "keep-alive", "te", "trailer",
    "transfer-encoding", "upgrade", "via",
  ]

  private static func hasEscape(_ path: String) -> Bool {
    let bytes = Array(path.utf8)
    return bytes.indices.contains { i in
      bytes[i] == UInt8(ascii: "%") && i + 2 < bytes.count && isHexDigit(bytes[i + 1]) && isHexDigit(bytes[i + 2])
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    isDigit(byte) || isLetter(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
      || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
  }

  /// RFC 9110 §5.6.2.
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    isDigit(byte) || isLetter(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }
}
