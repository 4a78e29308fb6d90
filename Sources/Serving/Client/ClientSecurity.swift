import TLS

/// How a client speaks TLS with the servers that it asks.
public struct ClientSecurity {
  /// Asked for every new connection, for certificates are replaced from time to time. What it throws fails the call.
  public var context: () throws -> TLSContext
  /// The name that the server's certificate must be for, instead of the host that is asked.
  public var serverName: String?

  public init(serverName: String? = nil, context: @escaping () throws -> TLSContext) {
    self.serverName = serverName
    self.context = context
  }

  /// With the machine's roots and without a certificate of our own.
  public static func standard() -> ClientSecurity {
    var kept: TLSContext?
    return ClientSecurity {
      if let kept { return kept }
      let made = try TLSContext(.client, TLSSettings(protocols: ["http/1.1"]))
      kept = made
      return made
    }
  }
}
