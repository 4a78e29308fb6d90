import MeshProtocol

/// All authorizations of one mode that target a proxy: together they allow what any rule of them allows.
///
/// A rule that names the caller is looked at before one for every identity, and that before one for anyone; among them
/// one without paths before the one with the longest path, then the first.
final class AuthorizationPolicy: Sendable {
  /// Index of the first authorization of this mode.
  let first: Int32
  let matchesPaths: Bool
  /// By the index of a `CallerScope`; scopes beyond are of identities that only the other mode names.
  private let named: [AllowedRequests?]
  private let everyIdentity: AllowedRequests
  private let anyone: AllowedRequests

  /// - Parameter scopes: gets an index for each identity that a rule names.
  init(first: Int32, _ rules: [NumberedRule], for own: SPIFFEID?, _ scopes: inout [String: Int32]) {
    var named: [Int: [NumberedRule]] = [:]
    for rule in rules {
      for identity in Set(rule.rule.from.compactMap { $0.identity(for: own) }) {
        let text = identity.description
        let scope = scopes[text] ?? Int32(truncatingIfNeeded: scopes.count)
        scopes[text] = scope
        named[Int(scope), default: []].append(rule)
      }
    }
    self.first = first
    self.named = (0..<scopes.count).map { named[$0].map(AllowedRequests.init) }
    everyIdentity = AllowedRequests(rules.filter { $0.rule.from.contains(.everyIdentity) })
    anyone = AllowedRequests(rules.filter { $0.rule.from.contains(.anyone) })
    matchesPaths = rules.contains { !$0.rule.paths.isEmpty }
  }

  /// The rule that allows a request; nil when none does.
  /// - Parameter path: in its normal form, looked at only with `hasForm`.
  func find(_ caller: CallerScope, method: Span<UInt8>, path: Span<UInt8>, hasForm: Bool) -> RuleNumber? {
    func find(_ allowed: AllowedRequests) -> RuleNumber? {
      if let found = allowed.find(method: method) { return found }
      return hasForm && allowed.matchesPaths ? allowed.find(method: method, path: path) : nil
    }
    if let own = requests(of: caller), let found = find(own) { return found }
    if caller != .anonymous, let found = find(everyIdentity) { return found }
    return find(anyone)
  }

  /// The rule that allows a connection of bytes; nil when none does.
  func findForBytes(_ caller: CallerScope) -> RuleNumber? {
    if let found = requests(of: caller)?.ofBytes { return found }
    if caller != .anonymous, let found = everyIdentity.ofBytes { return found }
    return anyone.ofBytes
  }

  private func requests(of caller: CallerScope) -> AllowedRequests? {
    caller.isNamed && Int(caller.index) < named.count ? named[Int(caller.index)] : nil
  }
}

/// A rule with its indexes.
struct NumberedRule {
  let number: RuleNumber
  let rule: AuthorizationRule

  init(authorization: Int, rule index: Int, _ rule: AuthorizationRule) {
    number = RuleNumber(
      authorization: Int32(truncatingIfNeeded: authorization), rule: Int32(truncatingIfNeeded: index))
    self.rule = rule
  }
}
