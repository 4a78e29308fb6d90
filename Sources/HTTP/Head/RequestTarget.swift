extension RequestHead {
  /// Tells the form of the target and splits an absolute one. The URI's host wins over the Host field (RFC 9112
  /// §3.2.2), so that only one of them is ever used; both are valid by then.
  mutating func interpretTarget(_ s: Span<UInt8>) -> HTTPFault? {
    pathLead = 0
    pathRange = targetRange
    if method == .connect { return interpretAuthority(s) }
    if s[targetRange.lowerBound] == UInt8(ascii: "/") {
      form = .origin
      return nil
    }
    if s[targetRange.lowerBound] == UInt8(ascii: "*"), targetRange.count == 1 {
      form = .asterisk
      return method == .options ? nil : .badTarget
    }
    return interpretAbsolute(s)
  }

  private mutating func interpretAuthority(_ s: Span<UInt8>) -> HTTPFault? {
    form = .authority
    guard Authority.isValid(s, targetRange, needsPort: true) else { return .badTarget }
    hostRange = targetRange
    pathRange = targetRange.upperBound..<targetRange.upperBound
    return nil
  }

  private mutating func interpretAbsolute(_ s: Span<UInt8>) -> HTTPFault? {
    form = .absolute
    guard let start = Authority.schemeEnd(s, targetRange) else { return .badTarget }
    var i = start
    while i < targetRange.upperBound, !Authority.endsAuthority(s[i]) { i &+= 1 }
    guard Authority.isValid(s, start..<i, needsPort: false) else { return .badHost }
    hostRange = start..<i
    pathRange = i..<targetRange.upperBound
    if pathRange.isEmpty {
      pathLead = method == .options ? UInt8(ascii: "*") : UInt8(ascii: "/")  // RFC 9112 §3.2.4
    } else if s[i] != UInt8(ascii: "/") {
      pathLead = UInt8(ascii: "/")
    }
    return nil
  }
}

/// `host [":" port]` (RFC 3986 §3.2 without user information), in Host fields and targets.
enum Authority {
  /// A name or dotted IPv4 address, or a bracketed IPv6 address without zone; at most 255 bytes; a port of 1 to 65535.
  static func isValid(_ s: Span<UInt8>, _ range: Range<Int>, needsPort: Bool) -> Bool {
    guard !range.isEmpty, range.count <= maxHostBytes else { return false }
    let end = range.upperBound
    var i = range.lowerBound
    if s[i] == UInt8(ascii: "[") {
      guard let behind = literalEnd(s, range) else { return false }
      i = behind
    } else {
      while i < end, byteClass(s[i]) & ByteClass.host != 0 { i &+= 1 }
      if i == range.lowerBound { return false }
    }
    if i == end { return !needsPort }
    return s[i] == UInt8(ascii: ":") && isPort(s, (i &+ 1)..<end)
  }

  /// The offset behind `]`. Hexadecimal digits, colons and dots between brackets; whether they make an address is
  /// asked by who connects to it.
  private static func literalEnd(_ s: Span<UInt8>, _ range: Range<Int>) -> Int? {
    var i = range.lowerBound &+ 1
    var colons = 0
    while i < range.upperBound, hexValue(s[i]) != nil || s[i] == UInt8(ascii: ":") || s[i] == UInt8(ascii: ".") {
      if s[i] == UInt8(ascii: ":") { colons &+= 1 }
      i &+= 1
    }
    guard i < range.upperBound, s[i] == UInt8(ascii: "]"), colons >= 2 else { return nil }
    return i &+ 1
  }

  private static func isPort(_ s: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard range.count >= 1, range.count <= 5 else { return false }
    guard let port = Framing.decimal(s, range) else { return false }
    return port >= 1 && port <= 65_535
  }

  /// The offset behind `http://` or `https://`, in any case.
  static func schemeEnd(_ s: Span<UInt8>, _ target: Range<Int>) -> Int? {
    let start = target.lowerBound
    if target.count > 7, s.equals(start..<(start &+ 7), "http://") { return start &+ 7 }
    if target.count > 8, s.equals(start..<(start &+ 8), "https://") { return start &+ 8 }
    return nil
  }

  static func endsAuthority(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
  }
}
