import JSONFormat
import MeshProtocol
import Serving

extension API {
  static let ruleRoutes: [Route] = [
    Route(
      "GET", "/v1/namespaces/{ns}/rules", id: "listRules", "Lists the rules in order.", Route.Parameter.list,
      answer: "RuleList"
    ) {
      (call) throws(Problem) in try call.listRules()
    },
    Route(
      "POST", "/v1/namespaces/{ns}/rules", id: "addRule",
      "Adds a rule, last, so that it wins over the other rules; or before another one.", Route.Parameter.write,
      bodies: Route.Body.json("RuleBody"), answer: "Rule", status: 201
    ) { (call) async throws(Problem) in try await call.postRule() },
    Route("GET", "/v1/namespaces/{ns}/rules/{id}", id: "getRule", "Shows a rule.", Route.Parameter.read, answer: "Rule")
    {
      (call) throws(Problem) in try call.getDocument(.rule, "id")
    },
    Route(
      "PUT", "/v1/namespaces/{ns}/rules/{id}", id: "putRule", "Changes a rule; with `before` it also moves.",
      Route.Parameter.write,
      bodies: Route.Body.json("RuleBody"), answer: "Rule"
    ) { (call) async throws(Problem) in try await call.putRule() },
    Route(
      "DELETE", "/v1/namespaces/{ns}/rules/{id}", id: "deleteRule", "Deletes a rule.", Route.Parameter.write,
      answer: "Written"
    ) { (call) async throws(Problem) in try await call.deleteDocument(.rule, "id") },
  ]
}

/// A rule as requests write it, with where it goes.
struct RuleBody: Sendable {
  let wanted: Rule.Wanted
  /// Id of the rule that it is to stand before; nil: last, or where it is.
  let before: String?

  static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> RuleBody? {
    var fields = Fields(json, at: pointer, &findings)
    let wanted = Rule.read(&fields, &findings)
    let before = fields.string("before", longest: 253, &findings)
    fields.finish(answered: ["id", "changed_in", "revision", "warnings"], &findings)
    return wanted.map { RuleBody(wanted: $0, before: before) }
  }
}

extension Call {
  fileprivate func listRules() throws(Problem) -> HTTPResponse {
    let (token, limit) = (try token(), try limit())
    let state = try pinned(token)
    guard let after = token.map({ SortKey(hex: $0.after) }) ?? .some(nil) else {
      throw .malformed("continue is not what an earlier answer gave.")
    }
    let ids = state.sequence.ids(after: after, limit: limit == .max ? .max : limit + 1)
    let page = Page(ids.compactMap { state.rules[$0] }, limit: limit, revision: state.revision) { $0.place?.hex ?? "" }
    let head: [JSON.Member] = [.init(name: "revision", value: JSON(state.revision))]
    return try answer(tag: String(state.revision), .object(head + page.members("rules", \.shown)))
  }

  fileprivate func postRule() async throws(Problem) -> HTTPResponse {
    let body = try ruleBody()
    let namespace = try namespace()
    return try await write(namespace: namespace) { (edit) throws(Problem) in
      let id = try edit.addRule(body, at: .root)
      let key = DocumentKey(kind: .rule, name: id)
      return .init(status: 201, location: "/v1/namespaces/\(namespace)/rules/\(id)", places: [key: .root]) {
        $0.shown(key)
      }
    }
  }

  fileprivate func putRule() async throws(Problem) -> HTTPResponse {
    let (body, id) = (try ruleBody(), try name("id"))
    return try await write(namespace: try namespace()) { (edit) throws(Problem) in
      try edit.changeRule(id, body, at: .root)
      let key = DocumentKey(kind: .rule, name: id)
      return .init(places: [key: .root]) { $0.shown(key) }
    }
  }

  private func ruleBody() throws(Problem) -> RuleBody {
    var findings = Findings()
    let body = RuleBody.read(try json(), at: .root, &findings)
    try findings.check()
    guard let body else { throw .malformed("The body is no rule.") }
    return body
  }
}

// MARK: editing

extension Edit {
  /// - Returns: the new rule's id.
  mutating func addRule(_ body: RuleBody, at pointer: Pointer) throws(Problem) -> String {
    let place = try place(body.before, at: pointer)
    let id = nextRuleID()
    put(.rule, id, .rule(body.wanted.at(place)))
    return id
  }

  mutating func changeRule(_ id: String, _ body: RuleBody, at pointer: Pointer) throws(Problem) {
    guard let rule = state.rule(id) else {
      throw .notFound("There is no rule \(id). Rules get their ids when they are added.")
    }
    if body.before == id { throw .impossible(at: pointer / "before", "a rule cannot stand before itself") }
    let place = body.before == nil ? rule.place : try place(body.before, at: pointer)
    put(.rule, id, .rule(body.wanted.at(place)))
  }

  /// A place before a rule, or behind all.
  private func place(_ before: String?, at pointer: Pointer) throws(Problem) -> SortKey {
    let high: SortKey?
    if let before {
      guard let rule = state.rule(before) else {
        throw .impossible(at: pointer / "before", "there is no rule \(before)")
      }
      high = rule.place
    } else {
      high = nil
    }
    let low = high.map { state.sequence.before($0)?.key } ?? state.sequence.last?.key
    guard let place = SortKey.between(low, high) else {
      throw .impossible(
        at: pointer / "before",
        "there is no room left between these rules; a PUT of the dtab with the new rule in it makes room")
    }
    return place
  }
}

// MARK: what rules, splits and services have in common

extension Document {
  /// The document in answers.
  var shown: JSON { json.adding([.init(name: "changed_in", value: JSON(revision))]) }

  var place: SortKey? { if case .rule(let rule) = body { rule.place } else { nil } }
}

extension NamespaceState {
  func shown(_ key: DocumentKey) -> [JSON.Member] { self[key]?.shown.members ?? [] }
}

extension Call {
  func getDocument(_ kind: DocumentKey.Kind, _ parameter: String) throws(Problem) -> HTTPResponse {
    let key = DocumentKey(kind: kind, name: try name(parameter))
    let state = try present(namespace())
    guard let document = state[key] else { throw .notFound("There is no \(kind.rawValue) \(key.name).") }
    return try answer(
      tag: String(state.revision), document.shown.adding([.init(name: "revision", value: JSON(state.revision))]))
  }

  func deleteDocument(_ kind: DocumentKey.Kind, _ parameter: String) async throws(Problem) -> HTTPResponse {
    let name = try name(parameter)
    return try await write(namespace: try namespace()) { (edit) throws(Problem) in
      guard edit.state[DocumentKey(kind: kind, name: name)] != nil else {
        throw .notFound("There is no \(kind.rawValue) \(name).")
      }
      edit.remove(kind, name)
      return .init()
    }
  }
}

extension String {
  /// SHA-256.
  var digest: [UInt8] {
    let bytes = Array(utf8)
    return SHA256.digest(bytes.span)
  }
}
