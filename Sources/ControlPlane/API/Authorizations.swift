import JSONFormat
import MeshProtocol
import Serving
import Traffic

extension API {
  static let authorizationRoutes: [Route] = [
    Route(
      "GET", "/v1/namespaces/{ns}/authorizations", id: "listAuthorizations", "Lists the authorizations by name.",
      Route.Parameter.list, answer: "AuthorizationList"
    ) { (call) throws(Problem) in try call.listAuthorizations() },
    Route(
      "GET", "/v1/namespaces/{ns}/authorizations:check", id: "checkAuthorization",
      "Whether a caller may send a request to a workload, and which authorization and rule decide.",
      [
        .query(
          "from", text, "A caller as in a rule; absent or anyone: one without an identity; *: one that no rule names."),
        .query("to", text, "The workload identity that is called, by its name.", required: true),
        .query("method", ["type": "string", "default": "GET"], "The request's method."),
        .query("path", ["type": "string", "default": "/"], "The request's path."),
        .query("bytes", ["type": "boolean"], "A connection of bytes, which has neither method nor path."),
      ], answer: "AuthorizationCheck"
    ) { (call) throws(Problem) in try call.checkAuthorization() },
    Route(
      "GET", "/v1/namespaces/{ns}/authorizations/{name}", id: "getAuthorization", "Shows an authorization.",
      Route.Parameter.read, answer: "Authorization"
    ) { (call) throws(Problem) in try call.getDocument(.authorization, "name") },
    Route(
      "PUT", "/v1/namespaces/{ns}/authorizations/{name}", id: "putAuthorization", "Makes or replaces an authorization.",
      Route.Parameter.write, bodies: Route.Body.json("AuthorizationBody"), answer: "Authorization"
    ) { (call) async throws(Problem) in try await call.putAuthorization() },
    Route(
      "DELETE", "/v1/namespaces/{ns}/authorizations/{name}", id: "deleteAuthorization",
      "Deletes an authorization. A workload that no other one targets takes calls from everybody then.",
      Route.Parameter.write, answer: "Written"
    ) { (call) async throws(Problem) in try await call.deleteDocument(.authorization, "name") },
  ]

  private static let text: JSON = ["type": "string"]
}

extension Call {
  fileprivate func listAuthorizations() throws(Problem) -> HTTPResponse {
    let (token, limit) = (try token(), try limit())
    let state = try pinned(token)
    let all = state.authorizations.values.filter { $0.key.name > token?.after ?? "" }.sorted {
      $0.key.name < $1.key.name
    }
    let page = Page(all, limit: limit, revision: state.revision, key: \.key.name)
    let head: [JSON.Member] = [.init(name: "revision", value: JSON(state.revision))]
    return try answer(tag: String(state.revision), .object(head + page.members("authorizations", \.shown)))
  }

  fileprivate func putAuthorization() async throws(Problem) -> HTTPResponse {
    let (namespace, name) = (try namespace(), try name("name"))
    let key = DocumentKey(kind: .authorization, name: name)
    var findings = Findings()
    let read = Authorization.read(try json(), at: .root, &findings)
    try findings.check()
    guard let authorization = read else { throw .malformed("The body is no authorization.") }
    return try await write(namespace: namespace, isNew: { $0[key] == nil }) { (edit) throws(Problem) in
      let isNew = edit.state[key] == nil
      edit.put(.authorization, name, .authorization(authorization))
      let location = isNew ? "/v1/namespaces/\(namespace)/authorizations/\(name)" : nil
      return .init(status: isNew ? 201 : 200, location: location, places: [key: .root]) { $0.shown(key) }
    }
  }

  fileprivate func checkAuthorization() throws(Problem) -> HTTPResponse {
    let state = try present(try namespace())
    let target = try workload("to", of: state.name)
    let caller = try caller(of: target)
    let isBytes = try flag("bytes")
    if isBytes, text("method") != nil || text("path") != nil {
      throw .malformed("A connection of bytes has neither method nor path.")
    }
    let (method, path) = (text("method") ?? "GET", text("path") ?? "/")
    let table = state.authorizationTable(for: target)
    let decision = table.decide(caller, isBytes ? nil : (method, path))
    let request: [JSON.Member] =
      isBytes ? [] : [.init(name: "method", value: .string(method)), .init(name: "path", value: .string(path))]
    let members: [JSON.Member] =
      [
        .init(name: "revision", value: JSON(state.revision)),
        .init(name: "from", value: .string(caller.text)), .init(name: "to", value: .string(target.description)),
      ] + request + [
        .init(name: "allowed", value: .bool(decision.isAllowed)),
        .init(name: "enforced", value: table.json(decision.enforced)),
        .init(name: "dry_run", value: table.json(decision.dryRun)),
      ]
    return .json(200, .object(members), tag: String(state.revision))
  }

  /// The identity of this namespace that a query parameter names.
  private func workload(_ parameter: String, of namespace: String) throws(Problem) -> SPIFFEID {
    guard let name = text(parameter) else { throw .malformed("The query parameter \(parameter) is missing.") }
    let domain = api.identity?.settings.trustDomain ?? IdentitySettings().trustDomain
    guard let id = SPIFFEID(trustDomain: domain, namespace: namespace, name: name) else {
      throw .malformed("\(parameter) must be the name of a workload identity; \(name) is none.")
    }
    return id
  }

  private func caller(of target: SPIFFEID) throws(Problem) -> CheckedCaller {
    guard let text = text("from") else { return .anonymous }
    let pattern = CallerPattern(text)
    switch pattern {
    case .anyone: return .anonymous
    case .everyIdentity: return .unnamed
    case .name, .workload, .identity:
      guard let id = pattern.identity(for: target) else {
        throw .malformed(
          "from must be an identity such as web, ns/other/sa/web or a SPIFFE ID, or * or anyone; \(text) is none.")
      }
      return .identity(id)
    }
  }
}

/// Who calls in a check.
private enum CheckedCaller {
  case anonymous
  /// Some identity of the mesh that no rule names.
  case unnamed
  case identity(SPIFFEID)

  var text: String {
    switch self {
    case .anonymous: "anyone"
    case .unnamed: "*"
    case .identity(let id): id.description
    }
  }
}

extension AuthorizationTable {
  /// - Parameter request: nil: a connection of bytes.
  fileprivate func decide(_ caller: CheckedCaller, _ request: (method: String, path: String)?) -> AuthorizationDecision
  {
    let scope: CallerScope =
      switch caller {
      case .anonymous: .anonymous
      case .unnamed: .unnamed
      case .identity(let id): scope(of: id.description)
      }
    guard let request else { return decide(scope) }
    let (method, path) = (Array(request.method.utf8), Array(request.path.utf8))
    var scratch = RouteScratch()
    return decide(scope, method: method.span, path: path.span, scratch: &scratch)
  }

  fileprivate func json(_ outcome: AuthorizationDecision.Outcome) -> JSON {
    switch outcome {
    case .unrestricted: ["result": "unrestricted"]
    case .allowed(let authorization, let rule):
      ["result": "allowed", "authorization": .string(authorizations[Int(authorization)]), "rule": JSON(Int(rule))]
    case .denied(let authorization):
      ["result": "denied", "authorization": .string(authorizations[Int(authorization)])]
    }
  }
}
