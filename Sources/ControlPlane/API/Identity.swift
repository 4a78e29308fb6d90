import JSONFormat
import MeshProtocol
import Serving

extension API {
  static let identityRoutes: [Route] = [
    Route(
      "GET", "/v1/identity", id: "getIdentity",
      "Shows the trust domain and the authorities that sign its certificates.",
      answer: "Identity"
    ) { (call) throws(Problem) in .json(200, try call.identity().json) },
    Route(
      "POST", "/v1/identity/authorities:rotate", id: "rotateAuthority",
      "Makes a new root. It is trusted at once and issues as soon as all connected proxies hold it, and the overlap is over.",
      bodies: Route.Body.json("Empty"), answer: "Identity", status: 201
    ) { (call) async throws(Problem) in
      let identity = try call.identity()
      try call.checkEmpty()
      try await identity.rotate().get()
      return .json(201, identity.json)
    },
    Route(
      "POST", "/v1/identity/authorities:activate", id: "activateAuthority",
      "Lets the new root issue now, whoever may not hold it yet.", bodies: Route.Body.json("Empty"), answer: "Identity"
    ) { (call) async throws(Problem) in
      let identity = try call.identity()
      try call.checkEmpty()
      try await identity.activate().get()
      return .json(200, identity.json)
    },
    Route(
      "POST", "/v1/identity/authorities:withdraw", id: "withdrawAuthority",
      "Takes a root whose key others may have out of the bundle at once, without an overlap: connections that it vouched for are cut. "
        + "One that issues is followed by the next, or with replace by a new one.",
      bodies: Route.Body.json("Withdrawal"), answer: "Identity"
    ) { (call) async throws(Problem) in
      let identity = try call.identity()
      var findings = Findings()
      var fields = Fields(try call.json(), at: .root, &findings)
      let id = fields.required("id", longest: 253, &findings)
      let replaces = fields.bool("replace", &findings)
      fields.finish(&findings)
      try findings.check()
      try await identity.withdraw(id ?? "", replaces: replaces ?? false, who: call.who).get()
      return .json(200, identity.json)
    },
    Route(
      "GET", "/v1/namespaces/{ns}/join-tokens", id: "listJoinTokens", "Lists the join tokens, without their secrets.",
      Route.Parameter.list.filter { $0.place == .query }, answer: "JoinTokenList"
    ) { (call) throws(Problem) in
      let (namespace, token, limit) = (try call.presentNamespace(), try call.token(), try call.limit())
      let all = try call.identity().tokens(namespace: namespace).sorted { $0.id < $1.id }
      let page = Page(all.filter { $0.id > token?.after ?? "" }, limit: limit, revision: 0, key: \.id)
      return .json(200, .object(page.members("join_tokens") { .object($0.members) }))
    },
    Route(
      "POST", "/v1/namespaces/{ns}/join-tokens", id: "createJoinToken",
      "Makes a join token: whoever has it gets certificates of this identity.",
      bodies: Route.Body.json("JoinTokenBody"),
      answer: "JoinToken", status: 201
    ) { (call) async throws(Problem) in try await call.makeJoinToken() },
    Route(
      "DELETE", "/v1/namespaces/{ns}/join-tokens/{id}", id: "deleteJoinToken",
      "Deletes a join token; who has joined by it stays.", answer: "Empty"
    ) { (call) async throws(Problem) in
      let (namespace, id) = (try call.namespace(), try call.name("id"))
      guard try await call.identity().deleteToken(id, namespace: namespace).get() else {
        throw .notFound("There is no join token \(id) in namespace \(namespace).")
      }
      return .json(200, .object([]))
    },
  ]
}

extension Call {
  fileprivate func identity() throws(Problem) -> IdentityService {
    guard let identity = api.identity else { throw .notFound("This controller gives no identities.") }
    return identity
  }

  fileprivate func presentNamespace() throws(Problem) -> String { try present(try namespace()).name }

  fileprivate func checkEmpty() throws(Problem) {
    var findings = Findings()
    Fields(try optionalJSON(), at: .root, &findings).finish(&findings)
    try findings.check()
  }

  fileprivate func makeJoinToken() async throws(Problem) -> HTTPResponse {
    let namespace = try presentNamespace()
    var findings = Findings()
    var fields = Fields(try json(), at: .root, &findings)
    let name = fields.required("identity", longest: 253, &findings)
    let lifetime = fields.duration("ttl", JoinTokenRecord.lifetimes, &findings)
    let uses = fields.whole(
      "uses", Int64(JoinTokenRecord.uses.lowerBound)...Int64(JoinTokenRecord.uses.upperBound), &findings)
    fields.finish(&findings)
    if let name, !SPIFFEID.isSegment(name) { findings.add(.root / "identity", "must match \(ResourceName.pattern)") }
    if !SPIFFEID.isSegment(namespace) {
      findings.add(.root, "namespace \(namespace) cannot stand in an identity: it is a step in a path")
    }
    try findings.check()
    let made = try await identity().makeToken(
      namespace: namespace, identity: name ?? "", lifetime: lifetime ?? JoinTokenRecord.standardLifetime,
      uses: Int(uses ?? 1), who: who
    ).get()
    let members = made.record.members + [.init(name: "token", value: .string(made.text))]
    return .json(201, .object(members), location: "/v1/namespaces/\(namespace)/join-tokens/\(made.record.id)")
  }
}

extension JoinTokenRecord {
  fileprivate var members: [JSON.Member] {
    [
      .init(name: "id", value: .string(id)), .init(name: "namespace", value: .string(namespace)),
      .init(name: "identity", value: .string(identity)), .init(name: "uses", value: JSON(uses)),
      .init(name: "used", value: JSON(used)), .init(name: "created_at", value: .string(createdAt.rfc3339)),
      .init(name: "created_by", value: .string(createdBy)),
      .init(name: "expires_at", value: .string(expiresAt.rfc3339)),
    ]
  }
}

extension IdentityService {
  fileprivate var json: JSON {
    let json: JSON = [
      "trust_domain": .string(settings.trustDomain), "bundle_version": JSON(bundle.version),
      "leaf_lifetime": .string(settings.leafLifetime.configured),
      "outage_grace": .string(settings.outageGrace.configured),
      "authorities": .array(book.authorities.map(\.json)),
    ]
    var more: [JSON.Member] = []
    if let fault = filesFault { more.append(.init(name: "failure", value: .string(fault))) }
    if let accounts {
      let failure = accountsFault.map { [JSON.Member(name: "failure", value: .string($0))] } ?? []
      let kubernetes = JSON.object([.init(name: "audience", value: .string(accounts.audience))] + failure)
      more.append(.init(name: "kubernetes", value: kubernetes))
    }
    return json.adding(more)
  }
}

extension Authority {
  fileprivate var json: JSON {
    let facts = certificate.facts
    var json: JSON = [
      "id": .string(id), "state": .string(state.name), "subject": .string(facts.subject),
      "fingerprint": .string(Facts.hex(facts.fingerprint)),
      "public_key_hash": .string(Facts.hex(roots.first?.publicKeyHash ?? [])),
      "not_before": .string(WallTime(milliseconds: facts.notBefore * 1000).rfc3339),
      "not_after": .string(WallTime(milliseconds: notAfter * 1000).rfc3339),
      "kept_in": .string(isOperators ? "files" : "store"),
      "certificate": .string(String(decoding: certificate.pem, as: UTF8.self)),
    ]
    switch state {
    case .trusted(let until): json = json.adding([.init(name: "trusted_until", value: .string(until.rfc3339))])
    case .withdrawn(let at): json = json.adding([.init(name: "withdrawn_at", value: .string(at.rfc3339))])
    case .next, .issuing, .retired: break
    }
    return json
  }
}

extension Authority.State {
  fileprivate var name: String {
    switch self {
    case .next: "next"
    case .issuing: "issuing"
    case .trusted: "trusted"
    case .retired: "retired"
    case .withdrawn: "withdrawn"
    }
  }
}
