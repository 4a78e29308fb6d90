/// Where requests go: a TCP port of a host, or a socket in the file system.
public struct HTTPOrigin: Hashable, Sendable, CustomStringConvertible {
  public enum Place: Hashable, Sendable {
    /// A name or an address without brackets; ports from 1.
    case tcp(host: String, port: UInt16)
    /// The path of a socket file.
    case unix(path: String)
  }

  public let place: Place
  /// TLS below HTTP.
  public let isSecure: Bool

  public init(_ place: Place, isSecure: Bool = false) {
    self.place = place
    self.isSecure = isSecure
  }

  public init(host: String, port: UInt16, isSecure: Bool = false) {
    self.init(.tcp(host: host, port: port), isSecure: isSecure)
  }

  /// As the `host` field has it.
  public var authority: String {
    switch place {
    case .tcp(let host, let port): host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix: "localhost"
    }
  }

  /// As a URL has it.
  public var description: String {
    switch place {
    case .tcp: (isSecure ? "https://" : "http://") + authority
    case .unix(let path): "unix://" + path
    }
  }
}

/// The fixed front of the URLs that a client asks for: `http://consul:8500`, `https://10.0.0.1:6443/clusters/a`,
/// `unix:///var/run/docker.sock`.
public struct HTTPBase: Hashable, Sendable, CustomStringConvertible {
  public let origin: HTTPOrigin
  /// Before every path; empty, or begins with a slash and does not end with one.
  public let path: String

  public init(origin: HTTPOrigin, path: String = "") {
    self.origin = origin
    self.path = path
  }

  /// Reads a URL without query and user; nil for anything else. Without a port it is the scheme's (80, 443).
  public init?(_ url: String) {
    guard let (scheme, rest) = Self.cut(url[...], at: "://") else { return nil }
    switch scheme {
    case "unix":
      guard rest.first == "/", rest.utf8.count > 1, !rest.utf8.contains(0) else { return nil }
      self.init(origin: HTTPOrigin(.unix(path: String(rest))))
    case "http", "https":
      let isSecure = scheme == "https"
      let slash = rest.firstIndex(of: "/") ?? rest.endIndex
      guard let (host, port) = Self.hostPort(rest[..<slash], standard: isSecure ? 443 : 80) else { return nil }
      var path = rest[slash...]
      while path.last == "/" { path = path.dropLast() }
      guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") })
      else { return nil }
      self.init(origin: HTTPOrigin(host: host, port: port, isSecure: isSecure), path: String(path))
    default: return nil
    }
  }

  public var description: String { origin.description + path }

  private static func cut(_ text: Substring, at mark: String) -> (Substring, Substring)? {
    guard let range = text.firstRange(of: mark) else { return nil }
    return (text[..<range.lowerBound], text[range.upperBound...])
  }

  private static func hostPort(_ text: Substring, standard: UInt16) -> (String, UInt16)? {
    var host = text
    var port = standard
    let afterBracket = text.lastIndex(of: "]") ?? text.startIndex
    if let colon = text[afterBracket...].lastIndex(of: ":") {
      let digits = text[text.index(after: colon)...]
      guard digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = UInt16(digits), number > 0 else {
        return nil
      }
      port = number
      host = text[..<colon]
    }
    if host.first == "[" {
      guard host.last == "]" else { return nil }
      host = host.dropFirst().dropLast()
      guard host.utf8.contains(UInt8(ascii: ":")) else { return nil }
    } else if host.utf8.contains(UInt8(ascii: ":")) {
      return nil
    }
    let isHost = host.utf8.allSatisfy {
      $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "@") && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\\")
    }
    return isHost && !host.isEmpty ? (host.lowercased(), port) : nil
  }
}
