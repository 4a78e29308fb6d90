import MeshProtocol
import Settings
import SystemIO

/// The keys that all namers over DNS share.
struct DNSSettings: Equatable, Sendable {
  /// Nil = the system's `/etc/resolv.conf`.
  var servers: [SocketAddress]?
  /// Nil = as this machine's routes are.
  var asksForIPv6: Bool?
  var policy = TTLPolicy()

  init() {}

  init(_ reader: Reader) {
    if let texts = reader.texts("servers") { servers = Self.servers(texts, reader) }
    asksForIPv6 = reader.boolean("ipv6")
    if let floor = reader.duration("minTTL") { policy.floor = floor }
    if let ceiling = reader.duration("maxTTL") { policy.ceiling = ceiling }
    policy.negativeCeiling = min(policy.negativeCeiling, policy.ceiling)
    policy.negative = min(policy.negative, policy.negativeCeiling)
    if policy.floor < .milliseconds(100) { reader.fault("minTTL", "expected at least 100ms") }
    if policy.ceiling < policy.floor { reader.fault("maxTTL", "expected at least minTTL") }
  }

  private static func servers(_ texts: [String], _ reader: Reader) -> [SocketAddress] {
    if texts.isEmpty || texts.count > ResolverSettings.mostServers {
      reader.fault("servers", "expected 1 to \(ResolverSettings.mostServers) servers")
    }
    return texts.compactMap { text in
      let address = SocketAddress(text) ?? SocketAddress(host: text, port: 53)
      if address == nil {
        reader.fault("servers", "expected an address such as 10.0.0.2 or 10.0.0.2:53, found \"\(text.prefix(80))\"")
      }
      return address
    }
  }

  func client(_ context: NamerContext) -> DNSClient {
    var settings: ResolverSettings?
    if let servers {
      settings = ResolverSettings()
      settings?.servers = servers
    }
    return DNSClient(context.loop, settings, random: context.random)
  }

  /// An address of the documentation's range: nothing is sent there, only the routes are asked.
  private static let somewhere = SocketAddress(host: "2001:db8::1", port: 53)

  var usesIPv6: Bool { asksForIPv6 ?? Self.somewhere.map { hasRoute(to: $0) } ?? false }
}

/// `/#/io.l5d.dns/<host>/<port>`: A and AAAA.
struct DNSNamerSettings: NamerSettings {
  static let kind = "io.l5d.dns"
  let dns: DNSSettings

  init(dns: DNSSettings = DNSSettings()) { self.dns = dns }
  init(_ reader: Reader) { dns = DNSSettings(reader) }

  func makeNamer(_ context: NamerContext) -> any Namer { AddressNamer(dns, context, .hostFirst) }
}

/// `/$/inet/<host>/<port>` and its kin: the names that need no namer, where the host is no address.
struct InetNamerSettings: NamerSettings {
  static let kind = "io.l5d.inet"
  static let prefixes: [Path]? = ["inet", "fixedinet", "io.buoyant.rinet"].compactMap { Path(labels: ["$", $0]) }
  let dns: DNSSettings

  init(dns: DNSSettings = DNSSettings()) { self.dns = dns }
  init(_ reader: Reader) { dns = DNSSettings(reader) }

  func makeNamer(_ context: NamerContext) -> any Namer {
    let isReversed = context.prefix.segments.last.map { $0 == "io.buoyant.rinet" } ?? false
    return AddressNamer(dns, context, isReversed ? .portFirst : .hostFirst)
  }
}

/// `/#/io.l5d.dnssrv/<name>`: SRV.
struct ServiceNamerSettings: NamerSettings {
  static let kind = "io.l5d.dnssrv"
  let dns: DNSSettings

  init(dns: DNSSettings = DNSSettings()) { self.dns = dns }
  init(_ reader: Reader) { dns = DNSSettings(reader) }

  func makeNamer(_ context: NamerContext) -> any Namer { ServiceNamer(dns, context) }
}
