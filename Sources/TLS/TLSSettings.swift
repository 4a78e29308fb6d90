/// Which side of a connection speaks.
public enum TLSRole: Hashable, Sendable { case client, server }

/// A protocol version. Older ones are not spoken: RFC 8996 took TLS 1.0 and 1.1 away.
public enum TLSVersion: Hashable, Sendable, Comparable { case v12, v13 }

/// Whose signatures count.
public enum TLSTrust: Hashable, Sendable {
  /// The roots that the machine has (Debian's `ca-certificates`).
  case system
  /// The certificates of a PEM text, each an anchor, also one that is no root; what else stands in it is passed over.
  case certificates(pem: [UInt8])
  /// The certificate in the chain that the peer presents whose public key (SubjectPublicKeyInfo, DER) has this SHA-256: for a
  /// first contact, when nothing is known of the other side but this. A peer that leaves it out of its chain is refused.
  case publicKey(sha256: [UInt8])
}

/// What is asked of the peer's certificate.
public enum TLSPeerCheck: Hashable, Sendable {
  /// It must present one that our trust reaches; a client also checks it against the server's name.
  case required
  /// A server takes callers without a certificate, and refuses a bad one. For a client the same as `required`.
  case optional
  /// A server does not ask for one. A client takes any: encrypted, and to whom is unknown; who chooses that logs it.
  case none
}

/// The URI name that a peer's certificate must have, as its only one.
public enum TLSPeerURI: Hashable, Sendable {
  /// Compared byte by byte.
  case exactly(String)
  /// `spiffe://`, any trust domain, and this path, which begins with `/`: for a first contact, when the trust domain is not known.
  case path(String)

  func fits(_ uri: String) -> Bool {
    switch self {
    case .exactly(let expected): return uri == expected
    case .path(let path):
      let scheme = "spiffe://"
      guard uri.hasPrefix(scheme), let slash = uri.dropFirst(scheme.count).firstIndex(of: "/") else { return false }
      return uri[slash...] == path
    }
  }
}

/// What a `TLSContext` is made of.
public struct TLSSettings: Sendable {
  public var trust: TLSTrust
  public var peer: TLSPeerCheck
  /// What we present. A server's first is the default; the others are chosen by the name that the client asks for. A
  /// client presents the first, if the server asks. A server needs one.
  public var identities: [TLSIdentity]
  /// Application protocols (ALPN), most wanted first, of 1 to 255 bytes each: `h2`, `http/1.1`. A server whose list has
  /// nothing of the client's refuses; with either list empty nothing is negotiated.
  public var protocols: [String]
  public var minimumVersion: TLSVersion
  /// A server's: under what its sessions resume. Nil: under keys of the context's own, as long as it lives.
  public var ticketKeys: TicketKeys?
  /// With a trust domain the peer's certificate must be a mesh identity of it: no authority's, with exactly one URI name, and
  /// that below `spiffe://DOMAIN/` (X.509-SVID of the SPIFFE specification, §4 and §5). Nil: URI names are not looked at.
  public var trustDomain: String?
  /// For so long after its end, in whole seconds, a peer's own certificate is still taken, for a time in which nobody could renew
  /// it; `TLSSession.hasExpiredPeer` tells. Nothing else is forgiven, nor the end of a certificate that signs.
  public var expiryGrace = Duration.zero

  public init(
    trust: TLSTrust = .system, peer: TLSPeerCheck = .required, identities: [TLSIdentity] = [], protocols: [String] = [],
    minimumVersion: TLSVersion = .v12
  ) {
    self.trust = trust
    self.peer = peer
    self.identities = identities
    self.protocols = protocols
    self.minimumVersion = minimumVersion
  }
}
