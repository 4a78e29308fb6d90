import MeshProtocol
import TestSupport
import Testing
import Traffic

/// Compared with a plain reading of the rules.
@Suite struct AuthorizationModelTests {
  @Test(arguments: [41, 42, 43] as [UInt64])
  func agreesWithAPlainReading(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var tally = [0, 0, 0, 0]
    for _ in 0..<200 {
      let own = random.below(8) == 0 ? nil : ownIdentity
      let all = Dictionary(uniqueKeysWithValues: (0..<random.below(6)).map { ("a\($0)", Self.authorization(&random)) })
      let table = AuthorizationTable(all, for: own)
      for _ in 0..<20 {
        let call = Call(&random)
        let decision: AuthorizationDecision
        if let (method, path) = call.request {
          decision = table.ask(call.caller, method, path)
        } else {
          decision = table.decide(table.scope(of: callerID(call.caller)))
        }
        let outcomes = [(Authorization.Mode.enforce, decision.enforced), (.dryRun, decision.dryRun)]
        for (mode, outcome) in outcomes {
          let targeting = all.filter { $0.value.mode == mode && $0.value.target.includes(own?.name) }
          let allowing = targeting.flatMap { name, authorization in
            authorization.rules.indices.filter { call.isAllowed(by: authorization.rules[$0], own) }.map {
              "\(name)/\($0)"
            }
          }
          let said = table.say(outcome)
          let isRight =
            targeting.isEmpty
            ? said == "-" : allowing.isEmpty ? targeting.keys.contains { said == "!" + $0 } : allowing.contains(said)
          #expect(isRight, "seed \(seed): \(call) in \(all) gave \(said), allowed by \(allowing)")
          tally[targeting.isEmpty ? 0 : allowing.isEmpty ? 1 : call.request == nil ? 2 : 3] += 1
        }
      }
    }
    #expect(tally.allSatisfy { $0 > 20 }, "\(tally)")
  }

  private static let callers = [
    "web", "cart", "ns/shop/sa/web", "ns/other/sa/web", "spiffe://d/ns/n/sa/s", "*", "anyone",
  ]
  private static let paths = ["/", "/a", "/a/", "/a/b", "/ab"]

  private static func authorization(_ random: inout SeededRandom) -> Authorization {
    Authorization(
      target: AuthorizationTarget(["users", "*", "carts"][random.below(3)]),
      mode: random.below(2) == 0 ? .enforce : .dryRun,
      rules: (0..<random.below(4)).map { _ in
        AuthorizationRule(
          from: some(of: callers, &random, atLeast: 1).map { CallerPattern($0) },
          methods: some(of: ["GET", "PUT", "X"], &random), paths: some(of: paths, &random))
      })
  }

  private static func some(of texts: [String], _ random: inout SeededRandom, atLeast: Int = 0) -> [String] {
    let count = random.below(3) == 0 ? atLeast : atLeast + random.below(2)
    return Array(texts.shuffled(using: &random).prefix(count))
  }
}

private struct Call {
  /// As `callerID` reads it.
  let caller: String?
  /// nil: a connection of bytes.
  let request: (method: String, path: String)?

  init(_ random: inout SeededRandom) {
    let callers = [nil, "web", "cart", "x", "spiffe://heddle.local/ns/other/sa/web", "spiffe://d/ns/n/sa/s"]
    caller = callers[random.below(callers.count)]
    let paths = ["/", "", "/a", "/a/b", "/a/b/c", "/ab", "/abc", "/a/?b", "//a", "/%61/b", "/a/..", "/a%2fb", "*"]
    request = random.below(5) == 0 ? nil : (["GET", "PUT", "POST"][random.below(3)], paths[random.below(paths.count)])
  }

  func isAllowed(by rule: AuthorizationRule, _ own: SPIFFEID?) -> Bool {
    guard rule.from.contains(where: { isMeant(by: $0, own) }) else { return false }
    guard let (method, path) = request else { return rule.methods.isEmpty && rule.paths.isEmpty }
    guard rule.methods.isEmpty || rule.methods.contains(method) else { return false }
    return rule.paths.isEmpty || rule.paths.contains { isUnder(path, $0) }
  }

  private func isMeant(by pattern: CallerPattern, _ own: SPIFFEID?) -> Bool {
    switch pattern {
    case .anyone: true
    case .everyIdentity: caller != nil
    case .name(let name): own != nil && callerID(caller) == "spiffe://heddle.local/ns/shop/sa/" + name
    case .workload(let namespace, let name):
      own != nil && callerID(caller) == "spiffe://heddle.local/ns/\(namespace)/sa/\(name)"
    case .identity(let id): callerID(caller) == id.description
    }
  }

  /// Paths of the test that have a normal form differ from it in what is undone here.
  private func isUnder(_ path: String, _ prefix: String) -> Bool {
    if path.contains("..") || path.contains("%2f") || path == "*" { return false }
    let plain = path.split(separator: "?", omittingEmptySubsequences: false)[0].split(separator: "/").map {
      $0 == "%61" ? "a" : String($0)
    }
    return plain.starts(with: prefix.split(separator: "/").map(String.init))
  }
}
