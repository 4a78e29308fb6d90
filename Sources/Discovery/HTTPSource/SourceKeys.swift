import Serving
import Settings

extension Reader {
  /// Where a source is: `url:`, or Linkerd's `host:` and `port:` over HTTP in clear.
  func sourceBase(host standardHost: String, port standardPort: Int) -> HTTPBase {
    let standard = HTTPBase(origin: HTTPOrigin(host: standardHost, port: UInt16(clamping: standardPort)))
    let host = text("host")
    let port = integer("port", in: 1...65_535)
    guard let url = text("url") else {
      let base = HTTPBase("http://\(host ?? standardHost):\(port ?? standardPort)")
      if base == nil { fault("host", "is no host") }
      return base ?? standard
    }
    if host != nil || port != nil { fault("url", "is given beside host and port") }
    let base = HTTPBase(url)
    if base == nil {
      fault("url", "expected a URL such as http://\(standardHost):\(standardPort), found \"\(url.prefix(80))\"")
    }
    return base ?? standard
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
