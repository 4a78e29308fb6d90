import SystemIO
import TLS

/// How a gRPC server speaks TLS: beside plain connections on the same port, told from them by their first byte, or alone.
public struct GRPCServerSecurity: Sendable {
  public enum Policy: Hashable, Sendable {
    /// Plain connections are served too.
    case permissive
    /// Their calls are refused as UNAUTHENTICATED, with the reason.
    case required
  }

  /// A server's, with `h2` among its protocols.
  public var context: TLSContext
  public var policy: Policy

  public init(context: TLSContext, policy: Policy) {
    self.context = context
    self.policy = policy
  }
}

/// How a gRPC client speaks TLS on one connection.
public struct GRPCClientSecurity: Sendable {
  /// A client's, with `h2` among its protocols.
  public var context: TLSContext
  /// The URI name that the server's certificate must have; nil: its chain alone counts.
  public var serverURI: TLSPeerURI?

  public init(context: TLSContext, serverURI: TLSPeerURI? = nil) {
    self.context = context
    self.serverURI = serverURI
  }
}

/// Who calls.
public struct GRPCPeer: Hashable, Sendable {
  public var address: SocketAddress
  /// The call came over TLS.
  public var isSecure: Bool
  /// What the caller presented and our trust reaches; nil in clear and without a certificate.
  public var certificate: TLSCertificate?
  /// The certificate has expired, and was taken within `TLSSettings.expiryGrace`.
  public var hasExpired: Bool

  public init(
    address: SocketAddress, isSecure: Bool = false, certificate: TLSCertificate? = nil, hasExpired: Bool = false
  ) {
    self.address = address
    self.isSecure = isSecure
    self.certificate = certificate
    self.hasExpired = hasExpired
  }
}
