import Memory
import MeshProtocol
import SystemIO

extension MeshHub {
  // MARK: the bundle

  /// The roots that count are others, or the first.
  func trustChanged(_ bundle: TrustBundle) {
    guard bundle.version > trust?.version ?? 0 else { return }
    trust = bundle
    for session in sessions.values where session.proxy?.isIdentified == true { list(session) }
  }

  func pushTrust(_ session: ProxySession, room: inout Int) {
    guard room > 0, let trust, let proxy = session.proxy, proxy.isIdentified, proxy.trustTold != trust.version else {
      return
    }
    session.proxy?.trustTold = trust.version
    send(session, trust.framed, .trust, room: &room)
  }

  /// Whether each connected proxy that takes identities has said that it holds the newest bundle.
  var everyoneHoldsTrust: Bool {
    guard let trust else { return true }
    return sessions.values.allSatisfy { session in
      guard let proxy = session.proxy, proxy.isIdentified else { return true }
      return proxy.trustHeld >= trust.version
    }
  }

  // MARK: what proxies take for whom

  /// A proxy said Hello: what it takes is believed when its connection shows who it is.
  func claimed(_ hello: Heddle_Mesh_V1_Hello, by peer: StreamPeer) {
    guard peer.identity != nil else {
      if hello.hasInbound { counters.disbelieved() }
      return told(watches.claims.remove(hello.instanceID))
    }
    told(watches.claims.set(hello.instanceID, InboundClaims.Inbound(hello, peer), isConnected: true))
  }

  /// A proxy's stream is over: its claims stand as long as nobody else's do, for it may come back.
  func left(_ proxy: String) { told(watches.claims.left(proxy)) }

  /// Proxies that are not known any more claim nothing.
  func forgot(_ proxies: [String]) {
    for proxy in proxies where streamOfInstance[proxy] == nil { told(watches.claims.remove(proxy)) }
  }

  private func told(_ addresses: Set<String>) {
    if addresses.isEmpty { return }
    watches.claimsChanged(addresses, at: UInt64(clamping: ledger.wall.milliseconds), stale: stale)
  }
}
