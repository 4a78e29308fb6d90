import GRDB
import Serving
import Synchronization
import SystemIO
import TLS
import Telemetry

/// Who is who in the mesh: the authorities, the join tokens, and the certificates. Used from every thread; what it decides stands
/// in `AuthorityBook`, `JoinTokenRecord` and `SignCheck`, what it keeps in the store.
final class IdentityService: Sendable {
  let controller: Controller
  let settings: IdentitySettings
  let counters = IdentityCounters()
  /// Nil: tokens of a cluster are not taken.
  let accounts: AccountReviews?
  let log: Log?
  /// For keys' serials, ids and secrets.
  let random: @Sendable (Int) throws -> [UInt8]
  let state: Mutex<State>
  private let listener = Mutex<(@Sendable () -> Void)?>(nil)

  struct State: Sendable {
    var book: AuthorityBook
    var bundle: TrustBundle
    /// Grows with each change of the authorities.
    var generation: UInt64
    /// The operator's own, as its files last made sense.
    var own: OperatorAuthority?
    /// Why they make none now.
    var ownFault: String?
    /// When they are looked at next.
    var lookAt = Instant.zero
  }

  /// Reads the authorities; at the first start makes one.
  /// - Throws: when the store cannot be read or written, or an authority in it is damaged.
  init(
    controller: Controller, settings: IdentitySettings = IdentitySettings(), accounts: AccountReviews? = nil,
    log: Log? = nil,
    random: @escaping @Sendable (Int) throws -> [UInt8] = { try randomBytes($0) }
  ) throws {
    self.controller = controller
    self.settings = settings
    self.accounts = accounts
    self.log = log
    self.random = random
    let now = controller.clocks.wall()
    let (book, version) = try controller.store.database.write { db in
      var book = Self.book(try AuthorityRows.load(db), settings.own, settings)
      if settings.own != nil {
        // Whom it replaces stays trusted until the last of its leaves is over.
        book.stopIssuing(at: now, grace: settings.outageGrace)
        book.dropNext()
      } else if book.issuing == nil {
        let first = try Authority.make(
          trustDomain: settings.trustDomain, state: .issuing, leaf: settings.leafLifetime, now: now, random: random)
        book = AuthorityBook(book.authorities + [first])
      }
      book.noteLifetime(settings.leafLifetime)
      book.settle(at: now)
      return (book, try Self.write(db, book, settings))
    }
    state = Mutex(
      State(
        book: book, bundle: TrustBundle(version: version, of: book, settings: settings), generation: 1,
        own: settings.own,
        lookAt: controller.clocks.monotonic() + Self.rereading))
  }

  private static func book(_ stored: [Authority], _ own: OperatorAuthority?, _ settings: IdentitySettings)
    -> AuthorityBook
  {
    AuthorityBook(stored + (own.map { [Authority($0, leaf: settings.leafLifetime)] } ?? []))
  }

  /// - Returns: the number of its bundle.
  private static func write(_ db: Database, _ book: AuthorityBook, _ settings: IdentitySettings) throws -> UInt64 {
    try AuthorityRows.write(db, book)
    return try AuthorityRows.version(db, ofBundle: TrustBundle.hash(book, settings))
  }

  var now: WallTime { controller.clocks.wall() }
  var book: AuthorityBook { state.withLock { $0.book } }
  var bundle: TrustBundle { state.withLock { $0.bundle } }
  var generation: UInt64 { state.withLock { $0.generation } }

  /// Whom to tell, on some thread, when authorities or the bundle have changed.
  func observe(_ changed: @escaping @Sendable () -> Void) { listener.withLock { $0 = changed } }

  // MARK: rotation

  /// A new root: in the bundle from now on, to issue later.
  func rotate() async -> Result<Void, Problem> {
    let (settings, random) = (settings, random)
    return await change { (book, now) throws in
      try book.prepare(
        Authority.make(
          trustDomain: settings.trustDomain, state: .next, leaf: settings.leafLifetime, now: now, random: random))
    }
  }

  /// The new root issues from now on.
  func activate() async -> Result<Void, Problem> {
    let grace = settings.outageGrace
    return await change { (book, now) throws in try book.activate(at: now, grace: grace) }
  }

  /// Takes a root that somebody else may have out of the bundle at once.
  /// - Parameter replaces: makes another where none could issue then.
  func withdraw(_ id: String, replaces: Bool, who: String) async -> Result<Void, Problem> {
    let (settings, random) = (settings, random)
    let result = await change { (book, now) throws in
      let replacement =
        replaces
        ? try Authority.make(
          trustDomain: settings.trustDomain, state: .issuing, leaf: settings.leafLifetime, now: now, random: random)
        : nil
      try book.withdraw(id, replacement: replacement, at: now)
    }
    if case .success = result {
      log?.warning(
        "identity", "a root was withdrawn", [("root", id), ("by", who), ("issuing", book.issuing?.id ?? "none")])
    }
    return result
  }

  private func settle() async -> Result<Void, Problem> { await change { (book, now) in book.settle(at: now) } }

  /// Changes the authorities in the store, and then here: nothing happens here that is not on disk.
  func change(
    _ step: @escaping @Sendable (inout AuthorityBook, WallTime) throws -> Void
  ) async -> Result<Void, Problem> {
    let (settings, now, own) = (settings, now, state.withLock { $0.own })
    let result = await controller.transact { db in
      // From the store, not from here: another change may stand before this one in the same transaction.
      var book = Self.book(try AuthorityRows.load(db), own, settings)
      try step(&book, now)
      _ = try Self.write(db, book, settings)
    }
    guard case .success = result else { return result }
    do { try reload() } catch {
      return .failure(.unavailable("The change is stored and cannot be read back: \(StoreCounters.reason(error))"))
    }
    listener.withLock { $0 }?()
    return .success(())
  }

  /// Under the lock, so that whoever reads last has read the newest.
  private func reload() throws {
    try state.withLock { state in
      let (book, version) = try controller.store.database.read { db in
        let book = Self.book(try AuthorityRows.load(db), state.own, settings)
        return (book, try Facts.read(db, .trustVersion).flatMap { UInt64($0) } ?? 0)
      }
      state.book = book
      state.bundle = TrustBundle(version: version, of: book, settings: settings)
      state.generation += 1
    }
  }

  /// Moves on what time moves. To be called about once a second.
  /// - Parameter everyoneHolds: whether each connected proxy with an identity has said that it holds `bundle.version`.
  func tick(everyoneHolds: Bool) async {
    let (book, now, overlap) = (book, now, settings.rotationOverlap)
    if let next = book.next, everyoneHolds, next.createdAt + overlap <= now {
      if case .success = await activate() { counters.rotated() }
    }
    if book.isUnsettled(at: now) { _ = await settle() }
    await lookAtFiles()
  }

  // MARK: certificates

  /// A certificate by the authority that issues.
  func issue(_ id: String, for request: CertificateRequest, at now: WallTime) throws -> (
    leaf: Certificate, by: Authority
  ) {
    guard let authority = book.issuing, authority.isValid(at: now) else {
      throw SignRefusal.unavailable(
        "the authority that signs the mesh's certificates has expired: its operator must renew it")
    }
    let template = CertificateTemplate(
      .leaf, uris: [id], notBefore: now.seconds - IdentitySettings.backdating.components.seconds,
      notAfter: min(now.seconds + settings.leafLifetime.components.seconds, authority.notAfter), serial: try random(16))
    let signer = try CertificateAuthority(certificate: authority.certificate, key: authority.key)
    return (try signer.issue(template, for: request), authority)
  }
}
