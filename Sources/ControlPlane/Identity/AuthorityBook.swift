import SystemIO
import TLS

/// All authorities of a mesh and how one follows the other. A value: time comes as an argument, the store is the caller's.
///
///     make ──▶ next ──activate──▶ issuing ──activate of the following──▶ trusted(until) ──settle──▶ retired
struct AuthorityBook: Sendable {
  /// By their making, the oldest first; the operator's last.
  private(set) var authorities: [Authority]

  init(_ authorities: [Authority]) {
    // Two made in one millisecond follow each other as they were to issue.
    self.authorities = authorities.sorted {
      ($0.isOperators ? 1 : 0, $0.createdAt, $0.state.rank) < ($1.isOperators ? 1 : 0, $1.createdAt, $1.state.rank)
    }
  }

  var issuing: Authority? { authorities.first { $0.state == .issuing } }
  var next: Authority? { authorities.first { $0.state == .next } }

  /// Who signs the controller's own certificate: the oldest that is trusted. Everyone who knows any bundle of the last time knows
  /// it, and so does a join token that was made before the newest root.
  func shown(at now: WallTime) -> Authority? {
    authorities.first { $0.isTrusted && $0.state != .next && $0.isValid(at: now) } ?? issuing
  }

  /// The roots that count now, each once, the oldest first.
  var roots: [Certificate] {
    var roots: [Certificate] = []
    for root in authorities.filter(\.isTrusted).flatMap(\.roots) where !roots.contains(root) { roots.append(root) }
    return roots
  }

  /// Begins a rotation.
  mutating func prepare(_ authority: Authority) throws(Problem) {
    try checkOwn()
    if let next { throw .conflict("A rotation is under way: \(next.id) is trusted and does not issue yet.") }
    precondition(authority.state == .next, "a new authority first stands in the bundle")
    self = AuthorityBook(authorities + [authority])
  }

  /// The next one issues from now on. The one before stays trusted until its last leaf, and the grace after it, are over.
  mutating func activate(at now: WallTime, grace: Duration) throws(Problem) {
    try checkOwn()
    guard next != nil else { throw .conflict("No rotation is under way: there is no authority that could issue next.") }
    stopIssuing(at: now, grace: grace)
    set { $0.state == .next ? .issuing : $0.state }
  }

  /// It is not trusted any more, at once: somebody else may have its key. Where it issued, the next one does from now on, or else
  /// the replacement.
  mutating func withdraw(_ id: String, replacement: Authority?, at now: WallTime) throws(Problem) {
    guard let authority = authorities.first(where: { $0.id == id }) else {
      throw .notFound("There is no authority \(id).")
    }
    if authority.isOperators {
      throw .conflict("\(id) is your own authority (identity.ca): replace it in its files.")
    }
    guard authority.isTrusted else { throw .conflict("\(id) is not trusted any more: there is nothing to withdraw.") }
    if authority.state == .issuing {
      if next != nil {
        set { $0.state == .next ? .issuing : $0.state }
      } else if let replacement {
        precondition(replacement.state == .issuing, "what replaces the one that issues has to issue")
        self = AuthorityBook(authorities + [replacement])
      } else {
        throw .conflict(
          "\(id) is the only root that can sign. Make another in the same step: heddle identity withdraw \(id) --replace "
            + "(\"replace\": true).")
      }
    }
    mark(id, .withdrawn(at: now))
  }

  /// How many were withdrawn, ever.
  var withdrawals: Int { authorities.count { $0.isWithdrawn } }

  /// Whoever of the store issues does so no longer: the operator's does.
  mutating func stopIssuing(at now: WallTime, grace: Duration) {
    set { authority in
      guard authority.state == .issuing, !authority.isOperators else { return authority.state }
      return .trusted(until: now + authority.longestLeaf + grace)
    }
  }

  /// What was made for a rotation that never came is not trusted any more.
  mutating func dropNext() { set { $0.state == .next ? .retired : $0.state } }

  /// Takes out of the bundle what nobody needs any more.
  mutating func settle(at now: WallTime) {
    set { authority in
      if case .trusted(let until) = authority.state, until < now { .retired } else { authority.state }
    }
  }

  /// Something is past its time: `settle` would change it.
  func isUnsettled(at now: WallTime) -> Bool {
    authorities.contains { if case .trusted(let until) = $0.state { until < now } else { false } }
  }

  /// Leaves live so long from now on.
  mutating func noteLifetime(_ lifetime: Duration) {
    authorities = authorities.map { authority in
      var noted = authority
      if authority.state == .issuing || authority.state == .next {
        noted.longestLeaf = max(authority.longestLeaf, lifetime)
      }
      return noted
    }
  }

  private func checkOwn() throws(Problem) {
    if issuing?.isOperators == true {
      throw .conflict(
        "The mesh's certificates are signed by your own authority (identity.ca): replace it in its files.")
    }
  }

  private mutating func mark(_ id: String, _ state: Authority.State) {
    authorities = authorities.map { authority in
      var marked = authority
      if authority.id == id { marked.state = state }
      return marked
    }
  }

  private mutating func set(_ state: (Authority) -> Authority.State) {
    authorities = authorities.map { authority in
      var moved = authority
      moved.state = state(authority)
      return moved
    }
  }
}
