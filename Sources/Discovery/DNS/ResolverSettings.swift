import SystemIO

/// Which servers are asked, and how.
struct ResolverSettings: Hashable, Sendable {
  /// Servers used of those that are named, as in the C library: more would only delay the failure.
  static let mostServers = 3
  /// Search domains used.
  static let mostDomains = 32

  var servers: [SocketAddress] = []
  var search: [HostName] = []
  /// A name with fewer dots is tried in the search domains first.
  var ndots = 1
  /// For one attempt at one server. Lower than the C library's 5 s: a request waits for a name only 1 s or so.
  var timeout: Duration = .seconds(1)
  /// At each server.
  var attempts = 2

  init() {}

  /// Reads what resolv.conf(5) has; what it does not know is passed over, as all resolvers do. Without a server the local
  /// one is asked.
  init(parsing bytes: [UInt8]) {
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let words = String(decoding: line.prefix { $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: ";") }, as: UTF8.self)
        .split { $0 == " " || $0 == "\t" || $0 == "\r" }
      switch words.first {
      case "nameserver":
        // A link-local server has its interface after a percent sign; those are left out.
        if let text = words.dropFirst().first, let address = SocketAddress(host: String(text), port: 53) {
          servers.append(address)
        }
      case "search", "domain": search = words.dropFirst().compactMap { HostName(String($0)) }
      case "options": for option in words.dropFirst() { take(option) }
      default: break
      }
    }
    servers = Array(servers.prefix(Self.mostServers))
    search = Array(search.prefix(Self.mostDomains))
    if servers.isEmpty { servers = [.loopback(port: 53)] }
  }

  private mutating func take(_ option: Substring) {
    let parts = option.split(separator: ":", maxSplits: 1)
    guard parts.count == 2, let number = Int(parts[1]), number >= 0 else { return }
    switch parts[0] {
    case "ndots": ndots = min(number, 15)
    case "timeout": timeout = .seconds(max(1, min(number, 30)))
    case "attempts": attempts = max(1, min(number, 5))
    default: break
    }
  }

  /// The names to try for one that a person wrote, in order.
  func candidates(_ name: HostName, isAbsolute: Bool) -> [HostName] {
    if isAbsolute { return [name] }
    let searched = search.compactMap { name.appending($0) }
    return name.dots >= ndots ? [name] + searched : searched + [name]
  }
}
