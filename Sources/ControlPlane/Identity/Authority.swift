import SystemIO
import TLS

/// One who signs, or has signed, the certificates of the mesh.
struct Authority: Sendable {
  /// Where it stands. It only moves down this list.
  enum State: Hashable, Sendable {
    /// In the bundle, so that all know it before the first leaf that it signs.
    case next
    case issuing
    /// Leaves that it signed may still be in use, until then.
    case trusted(until: WallTime)
    /// Out of the bundle.
    case retired
    /// Out of the bundle since then, before its time: somebody else may have its key.
    case withdrawn(at: WallTime)

    /// The further down the list, the lower.
    var rank: Int {
      switch self {
      case .retired, .withdrawn: 0
      case .trusted: 1
      case .issuing: 2
      case .next: 3
      }
    }
  }

  let id: String
  /// The signing certificate first.
  let chain: [Certificate]
  let key: PrivateKey
  /// What it adds to the bundle.
  let roots: [Certificate]
  let createdAt: WallTime
  var state: State
  /// The longest life that it was asked to give a leaf.
  var longestLeaf: Duration
  /// In files of the operator, not in the store.
  var isOperators = false

  var certificate: Certificate { chain[0] }
  /// The end of whichever ends first of what leads to its root.
  var notAfter: Int64 { chain.map(\.facts.notAfter).min() ?? 0 }
  var isTrusted: Bool { state.rank > 0 }
  var isWithdrawn: Bool { if case .withdrawn = state { true } else { false } }

  func isValid(at now: WallTime) -> Bool { now.seconds < notAfter }

  /// A root of our own.
  static func make(trustDomain: String, state: State, leaf: Duration, now: WallTime, random: (Int) throws -> [UInt8])
    throws
    -> Authority
  {
    let id = Facts.hex(try random(4))
    let template = CertificateTemplate(
      .authority, commonName: "Heddle mesh root \(id)",
      notBefore: now.seconds - IdentitySettings.backdating.components.seconds,
      notAfter: now.seconds + IdentitySettings.rootLifetime.components.seconds, serial: try random(16))
    let key = PrivateKey()
    let root = try CertificateAuthority(selfSigned: template, key: key).certificate
    return Authority(
      id: id, chain: [root], key: key, roots: [root], createdAt: now, state: state, longestLeaf: leaf)
  }

  /// The operator's.
  init(_ own: OperatorAuthority, leaf: Duration) {
    self.init(
      id: "operator", chain: own.chain, key: own.key, roots: own.roots,
      createdAt: WallTime(milliseconds: own.chain[0].facts.notBefore * 1000), state: .issuing, longestLeaf: leaf,
      isOperators: true)
  }

  init(
    id: String, chain: [Certificate], key: PrivateKey, roots: [Certificate], createdAt: WallTime, state: State,
    longestLeaf: Duration, isOperators: Bool = false
  ) {
    (self.id, self.chain, self.key, self.roots, self.createdAt) = (id, chain, key, roots, createdAt)
    (self.state, self.longestLeaf, self.isOperators) = (state, longestLeaf, isOperators)
  }
}

extension WallTime {
  /// Whole seconds since 1970, as certificates count.
  var seconds: Int64 { milliseconds.quotientAndRemainder(dividingBy: 1000).quotient }

  static func + (time: WallTime, span: Duration) -> WallTime {
    let (sum, overflow) = time.milliseconds.addingReportingOverflow(span.wholeMilliseconds)
    return WallTime(milliseconds: overflow ? .max : sum)
  }
}
