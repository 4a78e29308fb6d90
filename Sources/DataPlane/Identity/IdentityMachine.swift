/// When a proxy asks for its certificate, and what follows from the answer. No I/O, no clock, no randomness; times are seconds
/// since 1970, since that is what certificates are valid by.
///
/// A certificate is renewed when 60 to 70 % of its life are over, drawn anew each time so that a fleet that joined at one moment
/// does not renew at one moment. What is left then is the time in which a controller may be away.
struct IdentityMachine {
  /// Of a certificate's life: when it is renewed.
  static let renewalShare = 0.6...0.7
  /// Seconds of the longest pause between two attempts; the bound doubles up to it from one second.
  static let longestPause: Int64 = 60

  /// Seconds within which a controller answers. Why: signing takes it milliseconds, and one write of its store.
  static let answerTime: Int64 = 30
  /// Seconds between a certificate and the asking for the next, at least: a clock that is far ahead of the controller's, by which each
  /// one is old, must not make a flood.
  static let leastInterval: Int64 = 10

  /// What is held.
  struct Holding: Hashable {
    let life: CertificateLife
    let renewAt: Int64
    /// Half of the time from `renewAt` to the end is over: whoever has not renewed by then needs a human.
    var alarmAt: Int64 { renewAt + max(0, life.notAfter - renewAt) / 2 }
  }

  /// Attempts to get a certificate.
  struct Attempts: Hashable {
    var failures = 0
    /// The next one, not before this.
    var nextAt: Int64
    /// Since when one is under way.
    var askedAt: Int64?
    /// Why the last one failed; empty before.
    var reason = ""
  }

  enum State: Hashable {
    /// No certificate, and nothing to get one with.
    case none
    /// Asks for a certificate with a token. `past`: one that is over, and over for good.
    case joining(Attempts, past: Holding?)
    case held(Holding)
    /// Asks for the next certificate with the one it holds.
    case renewing(Holding, Attempts)
  }

  /// What to ask a controller for now.
  enum Wish: Hashable { case nothing, join, renew }

  private(set) var state: State
  /// There is a token to join with.
  private let canJoin: Bool
  /// Seconds after its end for which a certificate is still taken; a controller says how many.
  var outageGrace: Int64

  /// - Parameter life: of the certificate that was kept, if one was.
  init(
    life: CertificateLife?, canJoin: Bool, outageGrace: Int64, at now: Int64,
    using random: inout some RandomNumberGenerator
  ) {
    self.canJoin = canJoin
    self.outageGrace = outageGrace
    if let life {
      state = .held(Self.holding(life, from: life.notBefore, using: &random))
      tick(at: now)
    } else {
      state = canJoin ? .joining(Attempts(nextAt: now), past: nil) : .none
    }
  }

  /// Time passes.
  mutating func tick(at now: Int64) {
    switch state {
    case .held(let holding) where now >= holding.renewAt: state = .renewing(holding, Attempts(nextAt: now))
    case .renewing(let holding, let attempts) where canJoin && attempts.askedAt == nil && isLost(holding, at: now):
      state = .joining(Attempts(nextAt: now), past: holding)
    default: break
    }
  }

  func wish(at now: Int64) -> Wish {
    switch state {
    case .joining(let attempts, _) where attempts.askedAt == nil && now >= attempts.nextAt: .join
    case .renewing(_, let attempts) where attempts.askedAt == nil && now >= attempts.nextAt: .renew
    default: .nothing
    }
  }

  /// What was wished for is under way; `signed` or `failed` follows.
  mutating func asked(at now: Int64) { change { $0.askedAt = now } }

  /// What was asked for should have been answered by now: that attempt has failed.
  func isOverdue(at now: Int64) -> Bool {
    switch state {
    case .none, .held: false
    case .joining(let attempts, _), .renewing(_, let attempts):
      attempts.askedAt.map { now >= $0 + Self.answerTime } ?? false
    }
  }

  /// A certificate came.
  mutating func signed(_ life: CertificateLife, at now: Int64, using random: inout some RandomNumberGenerator) {
    // It is back-dated, for clocks that are behind: what is left of it is counted from now.
    let start = min(max(now, life.notBefore), life.notAfter)
    let holding = Self.holding(life, from: start, using: &random)
    state = .held(Holding(life: life, renewAt: max(holding.renewAt, now + Self.leastInterval)))
  }

  /// None came: tries again after a while (full jitter, as `ReconnectSchedule`).
  mutating func failed(_ reason: String, at now: Int64, using random: inout some RandomNumberGenerator) {
    change { attempts in
      attempts.failures += 1
      let bound = min(Self.longestPause, 1 << Int64(min(attempts.failures, 6)))
      attempts.nextAt = now + Int64.random(in: 1...bound, using: &random)
      attempts.askedAt = nil
      attempts.reason = reason
    }
  }

  /// The connection ended, before or after asking: no answer came. The link's own schedule says when the next one is tried.
  mutating func interrupted(_ reason: String) {
    change { attempts in
      attempts.askedAt = nil
      attempts.reason = reason
    }
  }

  /// Somebody wants the next certificate now. False when none is held.
  mutating func renewNow(at now: Int64) -> Bool {
    switch state {
    case .none, .joining: return false
    case .held(let holding): state = .renewing(holding, Attempts(nextAt: now))
    case .renewing: change { $0.nextAt = min($0.nextAt, now) }
    }
    return true
  }

  // MARK: What it shows

  /// The certificate that is held or was.
  var holding: Holding? {
    switch state {
    case .none: nil
    case .joining(_, let past): past
    case .held(let holding), .renewing(let holding, _): holding
    }
  }

  /// Why the last attempt failed; empty when none did since the last success.
  var failure: String {
    switch state {
    case .none, .held: ""
    case .joining(let attempts, _), .renewing(_, let attempts): attempts.reason
    }
  }

  /// Renewing has failed for so long that someone should look.
  func isAlarming(at now: Int64) -> Bool {
    switch state {
    case .none, .held: false
    case .renewing(let holding, _): now >= holding.alarmAt
    case .joining(_, let past): past != nil
    }
  }

  private func isLost(_ holding: Holding, at now: Int64) -> Bool { now > holding.life.notAfter + outageGrace }

  private mutating func change(_ body: (inout Attempts) -> Void) {
    switch state {
    case .none, .held: break
    case .joining(var attempts, let past):
      body(&attempts)
      state = .joining(attempts, past: past)
    case .renewing(let holding, var attempts):
      body(&attempts)
      state = .renewing(holding, attempts)
    }
  }

  private static func holding(
    _ life: CertificateLife, from start: Int64, using random: inout some RandomNumberGenerator
  ) -> Holding {
    let length = Double(max(0, life.notAfter - start))
    return Holding(life: life, renewAt: start + Int64(length * Double.random(in: renewalShare, using: &random)))
  }
}
