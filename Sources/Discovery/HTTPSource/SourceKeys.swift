import Serving
import Settings

extension Reader {
  /// Where a source is: `url:`, or Linkerd's `host:` and `port:`, which mean HTTPS when there is `tls:`. Nil when none of them
  /// is given; what is wrong with them is noted, and then any place is returned.
  func givenPlace(host standardHost: String, port standardPort: Int) -> SourcePlace? {
    let trust = reader("tls").map { SourceTrust($0) }
    let host = text("host")
    let port = integer("port", in: 1...65_535)
    let url = text("url")
    if url != nil, host != nil || port != nil { fault("url", "is given beside host and port") }
    guard url != nil || host != nil || port != nil || trust != nil else { return nil }
    let scheme = trust == nil ? "http" : "https"
    guard let base = HTTPBase(url ?? "\(scheme)://\(host ?? standardHost):\(port ?? standardPort)") else {
      url.map { fault("url", Self.expected(standardHost, standardPort, found: $0)) } ?? fault("host", "is no host")
      return SourcePlace(base: HTTPBase(origin: HTTPOrigin(host: standardHost, port: 1)))
    }
    if trust != nil, !base.origin.isSecure { fault("tls", "is given, but \(base) is not https") }
    return SourcePlace(base: base, trust: trust ?? SourceTrust())
  }

  /// The place that is given, else the standard one, in clear.
  func place(host: String, port: Int) -> SourcePlace {
    givenPlace(host: host, port: port)
      ?? SourcePlace(base: HTTPBase(origin: HTTPOrigin(host: host, port: UInt16(clamping: port))))
  }

  private static func expected(_ host: String, _ port: Int, found: String) -> String {
    "expected a URL such as http://\(host):\(port), found \"\(found.prefix(80))\""
  }

  /// A token: `<key>File:`, whose file may be replaced, or `<key>:`.
  func secret(_ key: String) -> Secret.Origin? {
    let value = text(key)
    if let value, !value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) {
      fault(key, "has characters that no token may have")
    }
    return text(key + "File").map { .file($0) } ?? value.map { .value($0) }
  }
}
