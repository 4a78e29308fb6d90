import HTTP
import Memory
import MeshProtocol
import Serving
import SystemIO
import TLS

/// Certificates over the mesh port: Sign, the bundle, and what the port itself presents.
extension MeshEngine {
  static func status(of fault: StreamPeerFault) -> GRPCStatus {
    switch fault {
    case .noCertificate:
      GRPCStatus(.unauthenticated, "over TLS a proxy's streams need its certificate; Sign gives one for a join token")
    case .notAProxy: GRPCStatus(.permissionDenied, "the certificate of this connection is no proxy's of this mesh")
    }
  }

  /// A caller that was refused, or that refuses us, before any call.
  func failed(_ fault: TLSError, peer: SocketAddress) {
    identity?.counters.failed(fault)
    log?.info("identity", "TLS on the mesh port failed", [("reason", fault.description), ("peer", "\(peer)")])
  }

  // MARK: Sign

  func sign(_ stream: Handle, _ message: [UInt8], _ peer: GRPCPeer) {
    guard let identity, let confined else { return }
    kinds[stream] = .signing
    if peer.hasExpired, let certificate = peer.certificate {
      log?.warning(
        "identity", "a certificate that has expired asks for its renewal, within the grace",
        [("certificate", certificate.summary), ("peer", "\(peer.address)")])
    }
    Task {
      let result = await identity.sign(message, from: peer)
      confined.execute { $0.signed(stream, result, peer) }
    }
  }

  private func signed(_ stream: Handle, _ result: Result<Heddle_Mesh_V1_SignResponse, SignRefusal>, _ peer: GRPCPeer) {
    guard case .signing = kinds[stream], let server else { return }
    switch result {
    case .success(let answer):
      _ = server.send(stream: stream, framed: grpcFrame(answer.encodedBytes()))
      server.finish(stream, status: GRPCStatus(.ok))
    case .failure(let refusal):
      log?.warning(
        "identity", "no certificate was given",
        [
          ("reason", refusal.label.rawValue), ("detail", refusal.status.message), ("peer", "\(peer.address)"),
        ])
      server.finish(stream, status: refusal.status)
    }
  }

  // MARK: what the port presents, and the bundle

  func startIdentity() {
    guard let identity else { return }
    hub.trustChanged(identity.bundle)
    present(identity)
  }

  /// Authorities or the bundle have changed.
  func identityChanged() {
    let before = hub.trust?.message.withdrawals ?? 0
    startIdentity()
    flush()
    guard let trust = hub.trust, trust.message.withdrawals > before else { return }
    // Some of those who are connected may be whoever has the root. The others get their next certificate first, over the
    // connection that they have.
    loop.schedule(after: Self.farewell) { [weak self] in self?.server?.hangUp() }
  }

  /// From a withdrawal to the end of all connections of before. Why: proxies that trust the new root only cannot connect without
  /// a certificate of it; getting one takes them a second.
  private static let farewell = Duration.seconds(10)

  /// About once a second.
  func tickIdentity() {
    guard let identity, let confined, !isIdentityTicking else { return }
    if shown?.isStale(identity, at: identity.now) != false { present(identity) }
    isIdentityTicking = true
    let everyoneHolds = hub.trust?.version == identity.bundle.version && hub.everyoneHoldsTrust
    Task {
      await identity.tick(everyoneHolds: everyoneHolds)
      confined.execute { $0.isIdentityTicking = false }
    }
  }

  private func present(_ identity: IdentityService) {
    do {
      let made = try ServerIdentity(identity, at: identity.now)
      shown = made
      presentingFails = false
      server?.security = made.security
    } catch {
      // What stands is presented further, until its end; it is tried again each second, and said once.
      if presentingFails { return }
      presentingFails = true
      log?.error("identity", "the mesh port's certificate cannot be renewed", [("error", "\(error)")])
    }
  }
}
