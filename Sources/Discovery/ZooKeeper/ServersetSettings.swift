import Settings

/// `kind: io.l5d.serversets`
struct ServersetSettings: NamerSettings {
  static let kind = "io.l5d.serversets"
  /// Servers of one ensemble. Why: real ones have three to seven, with observers some more.
  static let serverLimit = 64
  /// Servers take 2 to 20 of their ticks, 4 s to 40 s unless told otherwise, and cut what is outside. Why: shorter ones end by a
  /// pause of a machine.
  static let timeouts: ClosedRange<Duration> = .seconds(1) ... .seconds(300)

  struct Server: Hashable, Sendable {
    /// An address or a host name.
    let host: String
    let port: UInt16
  }

  let servers: [Server]
  let sessionTimeout: Duration
  /// `user:password` for nodes that not everybody may read.
  let digest: Secret.Origin?

  init(_ reader: Reader) {
    servers = Self.servers(reader)
    sessionTimeout = reader.duration("sessionTimeout") ?? .seconds(10)
    if !Self.timeouts.contains(sessionTimeout) { reader.fault("sessionTimeout", "expected 1s to 5m") }
    digest = reader.secret("digest")
    if case .value(let text) = digest, !text.contains(":") { reader.fault("digest", "expected user:password") }
  }

  private static func servers(_ reader: Reader) -> [Server] {
    let items = reader.readers("zkAddrs")
    if items.isEmpty { reader.fault("zkAddrs", "missing: the servers, as a list of {host, port}") }
    if items.count > serverLimit { reader.fault("zkAddrs", "expected at most \(serverLimit) servers") }
    return items.map { item in
      let host = item.text("host") ?? ""
      if Target(host: host, port: 1) == nil { item.fault("host", "expected a host name or an address") }
      let port = item.integer("port", in: 1...65_535) ?? 2181
      item.finish()
      return Server(host: host, port: UInt16(clamping: port))
    }
  }

  func makeNamer(_ context: NamerContext) throws -> any Namer { ServersetNamer(context, self) }
}
