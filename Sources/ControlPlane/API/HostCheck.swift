import Serving
import SystemIO

/// Keeps browsers of strangers out: a page whose name was rebound to this address carries its own name in `Host`, and
/// a page of another site carries itself in `Origin`. An address as host cannot have been rebound.
struct HostCheck: Sendable {
  /// Names under which this controller is known, in lower case.
  let names: Set<String>

  init(names: [String]) { self.names = Set(names.map { $0.lowercased() }) }

  func check(_ request: HTTPRequest) throws(Problem) {
    guard let host = request.headers["host"] else { throw .malformed("The request has no Host.") }
    guard isOurs(host) else {
      throw .forbidden("This controller is not known as \(host); if it should be, add the name to rest.names.")
    }
    if let origin = request.headers["origin"], !isOurs(origin: origin) {
      throw .forbidden("Pages of \(origin) may not call this controller.")
    }
  }

  private func isOurs(origin: String) -> Bool {
    for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
      return isOurs(String(origin.dropFirst(scheme.count)))
    }
    return false
  }

  /// - Parameter authority: host with or without port.
  func isOurs(_ authority: String) -> Bool {
    let host = Self.host(of: authority)
    if host.hasPrefix("[") { return SocketAddress("\(host):1") != nil }
    if SocketAddress("\(host):1") != nil { return true }
    return host == "localhost" || host.hasSuffix(".localhost") || names.contains(host)
  }

  private static func host(of authority: String) -> String {
    let lower = authority.lowercased()
    if lower.hasPrefix("["), let end = lower.firstIndex(of: "]") { return String(lower[...end]) }
    let name = lower.prefix { $0 != ":" }
    return name.hasSuffix(".") ? String(name.dropLast()) : String(name)
  }
}
