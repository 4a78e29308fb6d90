import MeshProtocol

// What is worth a look in an authorization that is fine by itself.

extension Edit {
  mutating func warn(of authorization: Authorization, _ key: DocumentKey) {
    func note(_ code: String, _ detail: String) {
      add(Warning(code: code, detail: "authorization \(key.name) \(detail)", key: key))
    }
    let known = surroundings.proxies.identities(base.name).filter { $0.namespace == base.name }
    if case .workload(let name) = authorization.target, !known.contains(where: { $0.name == name }) {
      note("unknown_target_identity", "is for \(name), and no known proxy of the namespace has that identity")
    }
    if authorization.mode == .enforce, authorization.rules.isEmpty {
      note("denies_all", "has no rule: alone, it lets nobody call \(authorization.target)")
    }
    let domains = Set(known.map(\.trustDomain))
    for (index, rule) in authorization.rules.enumerated() {
      if let finding = rule.superfluousCaller { note("superfluous_caller", "rule \(index) \(finding)") }
      let callers = rule.from.compactMap { pattern -> String? in
        if case .name(let name) = pattern, !known.contains(where: { $0.name == name }) { name } else { nil }
      }
      if let name = callers.first {
        note("unknown_caller", "rule \(index) is for \(name), and no known proxy of the namespace has that identity")
      }
      if !domains.isEmpty, rule.from.allSatisfy({ $0.isForeign(to: domains) }) {
        note(
          "unreachable_rule",
          "rule \(index) never holds: no proxy here takes certificates of other trust domains than "
            + domains.sorted().joined(separator: ", "))
      }
    }
    for (index, cover) in authorization.coveredRules {
      note("redundant_rule", "rule \(index) is not needed: rule \(cover) allows all that it allows")
    }
  }
}

extension CallerPattern {
  fileprivate func isForeign(to domains: Set<String>) -> Bool {
    if case .identity(let id) = self { !domains.contains(id.trustDomain) } else { false }
  }

  /// Whether it means every caller that `other` means, in any proxy of the namespace.
  fileprivate func covers(_ other: CallerPattern) -> Bool {
    self == other || self == .anyone || self == .everyIdentity && other != .anyone
  }
}

extension AuthorizationRule {
  /// A caller that another caller of the rule includes, in words.
  fileprivate var superfluousCaller: String? {
    for pattern in from {
      if let other = from.first(where: { $0 != pattern && $0.covers(pattern) }) {
        return "names \(pattern) beside \(other), which includes it"
      }
    }
    return nil
  }

  /// Whether it allows all that `other` allows.
  fileprivate func covers(_ other: AuthorizationRule) -> Bool {
    other.from.allSatisfy { caller in from.contains { $0.covers(caller) } }
      && (methods.isEmpty || !other.methods.isEmpty && Set(methods).isSuperset(of: other.methods))
      && (paths.isEmpty
        || !other.paths.isEmpty && other.paths.allSatisfy { path in paths.contains { path.isUnder(prefix: $0) } })
  }
}

extension Authorization {
  /// Rules that are looked at, each with each.
  private static let mostCompared = 64

  /// Rules that another one covers, with that one. Of two that are alike the later one.
  fileprivate var coveredRules: [(rule: Int, by: Int)] {
    let rules = rules.prefix(Self.mostCompared)
    return rules.indices.compactMap { index in
      let cover = rules.indices.first { other in
        other != index && rules[other].covers(rules[index]) && (other < index || !rules[index].covers(rules[other]))
      }
      return cover.map { (index, $0) }
    }
  }
}

extension String {
  /// By whole segments.
  fileprivate func isUnder(prefix: String) -> Bool {
    split(separator: "/").starts(with: prefix.split(separator: "/"))
  }
}
