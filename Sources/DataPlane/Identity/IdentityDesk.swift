import MeshProtocol
import Serving
import SystemIO
import TLS
import Telemetry

/// What the desk wants of the proxy, on the control thread.
protocol IdentityDeskOwner: AnyObject {
  /// The data path is to present and trust this from now on.
  func identityChanged(_ credentials: MeshCredentials)
  /// The connection to the controller is to be made anew: what it presents has changed.
  func identityNeedsConnection()
  /// Sends a request for a certificate on the connection there is; false when there is none.
  func identityAsks(_ request: [UInt8]) -> Bool
  /// Connections that stand may be anybody's: a root was withdrawn.
  func identityCutsConnections()
  /// The roots of this version are trusted, and no others.
  func identityTrusts(version: UInt64)
}

/// The proxy's identity: asks for it, checks what comes, keeps it on disk, and hands it to whoever presents it. Decides nothing
/// about time: that is `IdentityMachine`'s. Lives on the control thread; the disk is the blocking thread's.
final class IdentityDesk {
  /// What is presented and trusted together.
  struct Held: Hashable, Sendable {
    var issued: IssuedIdentity
    var trust: MeshTrust
  }

  let settings: IdentitySettings
  private let key: PrivateKey
  private let namespace: String
  private let log: Log
  private let blocking: LoopExecutor
  private let wall: () -> Int64
  private weak var owner: (any IdentityDeskOwner)?
  private var confined: Confined<IdentityDesk>?
  private var random = SystemRandomNumberGenerator()

  private(set) var machine: IdentityMachine
  /// In force; nil until the first certificate.
  private(set) var credentials: MeshCredentials?
  private(set) var held: Held?
  /// What `held` will be once the disk has it.
  private var wanted: Held?
  private var proof: JoinProof?
  private(set) var proofFault = ""
  private var isReadingProof = false
  private(set) var isAlarming = false
  /// As the last bundle said; nil before the first, when no connection can be of before.
  private var withdrawals: UInt32?
  private var isJoining = false
  private(set) var counters = IdentityCounters()

  /// - Parameter wall: seconds since 1970.
  init(
    _ settings: IdentitySettings, _ contents: IdentityFolder.Contents, namespace: String, log: Log,
    blocking: LoopExecutor,
    wall: @escaping () -> Int64 = { Int64(clamping: wallClockMilliseconds() / 1000) }
  ) {
    self.settings = settings
    key = contents.key
    (self.namespace, self.log, self.blocking, self.wall) = (namespace, log, blocking, wall)
    for fault in contents.faults { log.error("identity", "what was kept is of no use", [("fault", fault)]) }
    if let issued = contents.issued, let trust = contents.trust {
      do {
        credentials = try MeshCredentials(issued, key: contents.key, trust: trust)
        held = Held(issued: issued, trust: trust)
      } catch { log.error("identity", "what was kept is of no use", [("fault", "\(error)")]) }
    }
    wanted = held
    machine = IdentityMachine(
      life: held?.issued.life, canJoin: settings.hasProof, outageGrace: held?.trust.outageGrace ?? 0, at: wall(),
      using: &random)
    isJoining = Self.joins(machine)
  }

  /// Begins to work for `owner`; what was kept is in force at once.
  func begin(_ owner: any IdentityDeskOwner, on loop: ServiceLoop) {
    self.owner = owner
    confined = loop.confine(self)
    if let credentials { owner.identityChanged(credentials) }
    tick()
  }

  func end() { confined = nil }

  /// Who this proxy is; nil until the first certificate.
  var id: SPIFFEID? { held?.issued.id }
  var now: Int64 { wall() }

  /// To be called about once a second.
  func tick() {
    machine.tick(at: now)
    if machine.isOverdue(at: now) {
      failed("the controller did not answer within \(IdentityMachine.answerTime) s")
      owner?.identityNeedsConnection()
    }
    if Self.joins(machine) != isJoining {
      isJoining.toggle()
      if isJoining { owner?.identityNeedsConnection() }
    }
    // Not before its time: what is in the files now may be over by then.
    if machine.wish(at: now) == .join, proof == nil { readProof() }
    if machine.wish(at: now) == .renew, owner?.identityAsks(renewal) == true { machine.asked(at: now) }
    sayAlarm()
  }

  /// Asks for the next certificate as soon as there is a connection. False when none is held.
  func renewNow() -> Bool {
    defer { tick() }
    return machine.renewNow(at: now)
  }

  // MARK: The connection

  /// What a connection to a controller is for now.
  var purpose: LinkPurpose {
    switch machine.state {
    case .none: return .later(Self.pause)
    case .joining:
      guard machine.wish(at: now) == .join, let proof else { return .later(Self.pause) }
      return joining(proof)
    case .held, .renewing:
      guard let credentials else { return .later(Self.pause) }
      return .sync(
        GRPCClientSecurity(context: credentials.controller, serverURI: .exactly(credentials.controllerID)))
    }
  }

  /// Between two looks whether a connection is of use.
  private static let pause = Duration.milliseconds(250)

  private func joining(_ proof: JoinProof) -> LinkPurpose {
    let settings = TLSSettings(trust: proof.trust, protocols: ["h2"], minimumVersion: .v13)
    do {
      let context = try TLSContext(.client, settings)
      return .join(
        GRPCClientSecurity(context: context, serverURI: .path(SPIFFEID.controllerPath)),
        request: proof.request(CertificateRequest(key).der).encodedBytes())
    } catch {
      failed("\(error)")
      return .later(Self.pause)
    }
  }

  private var renewal: [UInt8] {
    var request = Heddle_Mesh_V1_SignRequest()
    request.csr = .init(CertificateRequest(key).der)
    return request.encodedBytes()
  }

  /// The request to join has gone out.
  func joinAsked() { machine.asked(at: now) }

  /// The connection ended.
  func lost(_ reason: String) {
    machine.interrupted(reason)
    // A token of a cluster ends while no controller answers; its file has the next one by then.
    if isJoining { proof = nil }
  }

  // MARK: Answers

  /// The controller answered a request for a certificate.
  func answered(_ message: [UInt8]) {
    do throws(IdentityFault) {
      let wanted = try read(message)
      self.wanted = wanted
      keep(wanted) { desk in desk.renewed(wanted) }
    } catch { useless(error.description) }
  }

  /// What came as an answer helps nobody. A connection to join by has no other use: the next attempt makes one anew.
  private func useless(_ reason: String) {
    failed(reason)
    if isJoining { owner?.identityNeedsConnection() }
  }

  /// The controller refused a request for a certificate.
  func refused(_ reason: String) { failed(reason) }

  private func read(_ message: [UInt8]) throws(IdentityFault) -> Held {
    guard let answer = try? Heddle_Mesh_V1_SignResponse.decode(message) else { throw .malformed }
    let trust = try MeshTrust(answer.bundle)
    var chain: [Certificate] = []
    for certificate in answer.chain {
      do { chain.append(try Certificate(der: [UInt8](certificate))) } catch { throw .refused(error) }
    }
    let issued = try IssuedIdentity(chain: chain, key: key, trust: trust, namespace: namespace)
    if isJoining, let proof, !proof.fits(trust.roots + chain) { throw .unexpectedRoot }
    try Self.check(answer.bundle, issued)
    return Held(issued: issued, trust: trust)
  }

  private static func check(_ bundle: Heddle_Mesh_V1_TrustBundle, _ issued: IssuedIdentity) throws(IdentityFault) {
    guard bundle.trustDomain == issued.id.trustDomain else {
      throw .anotherTrustDomain(bundle.trustDomain, expected: issued.id.trustDomain)
    }
  }

  private func renewed(_ new: Held) {
    guard install(new) else { return useless("its certificate cannot be used") }
    counters.renewals += 1
    machine.signed(new.issued.life, at: now, using: &random)
    isJoining = false
    log.info(
      "identity", "certificate received",
      [("id", new.issued.id.description), ("seconds", "\(new.issued.life.notAfter - now)")])
    owner?.identityNeedsConnection()
  }

  private func failed(_ reason: String) {
    counters.failures += 1
    machine.failed(reason, at: now, using: &random)
    log.error("identity", "no certificate", [("reason", reason)])
    // Whoever deploys may have replaced the file.
    if isJoining { proof = nil }
  }

  // MARK: Trust

  /// The roots that count now, from the controller.
  func trust(_ bundle: Heddle_Mesh_V1_TrustBundle) {
    guard let issued = wanted?.issued else { return }
    let wanted: Held
    do throws(IdentityFault) {
      try Self.check(bundle, issued)
      wanted = Held(issued: issued, trust: try MeshTrust(bundle))
    } catch {
      counters.bundlesRefused += 1
      return log.error("identity", "trust bundle refused", [("reason", error.description)])
    }
    // What peers would refuse soon is replaced now.
    if let last = issued.chain.last, !wanted.trust.reaches(last) { _ = renewNow() }
    let version = bundle.version
    let cuts = withdrawals.map { bundle.withdrawals > $0 } ?? false
    withdrawals = bundle.withdrawals
    if wanted == held, self.wanted == held {
      if cuts { cut() }
      owner?.identityTrusts(version: version)
      return
    }
    self.wanted = wanted
    keep(wanted) { desk in
      guard desk.install(wanted) else { return }
      desk.log.info("identity", "roots changed", [("roots", "\(wanted.trust.roots.count)"), ("version", "\(version)")])
      if cuts { desk.cut() }
      desk.owner?.identityTrusts(version: version)
    }
  }

  private func cut() {
    log.warning("identity", "a root was withdrawn: the connections of the mesh are made anew")
    owner?.identityCutsConnections()
  }

  /// Puts it in force; false when OpenSSL does not take it, and what there was stays.
  private func install(_ new: Held) -> Bool {
    do {
      let made = try MeshCredentials(new.issued, key: key, trust: new.trust)
      (credentials, held) = (made, new)
      machine.outageGrace = new.trust.outageGrace
      owner?.identityChanged(made)
      return true
    } catch {
      wanted = held
      log.error("identity", "a certificate or root cannot be used", [("error", "\(error)")])
      return false
    }
  }

  // MARK: The disk

  /// Writes it, then goes on; also when the disk does not take it, for the proxy lives on without until it restarts.
  private func keep(_ held: Held, then goOn: @escaping @Sendable (IdentityDesk) -> Void) {
    guard let confined else { return }
    let folder = settings.folder
    blocking.execute {
      let result = Result { () throws(SystemError) in try folder.save(held.issued, held.trust) }
      confined.execute { desk in
        if case .failure(let error) = result {
          desk.counters.writeFailures += 1
          desk.log.error("identity", "could not be written", [("path", folder.path), ("error", "\(error)")])
        }
        goOn(desk)
      }
    }
  }

  private func readProof() {
    guard let confined, !isReadingProof else { return }
    isReadingProof = true
    let settings = settings
    blocking.execute {
      let result = Result { () throws(IdentityFolderError) in try settings.readProof() }
      confined.execute { $0.took(result) }
    }
  }

  private func took(_ result: Result<JoinProof?, IdentityFolderError>) {
    isReadingProof = false
    switch result {
    case .success(let read): (proof, proofFault) = (read, "")
    case .failure(let error):
      // Said once, not every second.
      if error.description != proofFault {
        log.error("identity", "there is nothing to join with", [("error", error.description)])
      }
      proofFault = error.description
    }
  }

  private func sayAlarm() {
    let alarms = machine.isAlarming(at: now)
    defer { isAlarming = alarms }
    if alarms, !isAlarming { log.error("identity", "the certificate is not renewed", [("detail", detail)]) }
  }

  private static func joins(_ machine: IdentityMachine) -> Bool {
    if case .joining = machine.state { true } else { false }
  }
}
