import JSONFormat
import Serving

extension API {
  static let revisionRoutes: [Route] = [
    Route(
      "GET", "/v1/namespaces/{ns}/revisions", id: "listRevisions", "The history, newest first.",
      [
        .query(
          "limit", ["type": "integer", "minimum": 1, "maximum": 1000, "default": 100], "Most revisions of one answer."),
        .query("continue", ["type": "string"], "Where the last answer stopped."),
      ], answer: "RevisionList"
    ) { (call) throws(Problem) in try call.listRevisions() },
    Route(
      "GET", "/v1/namespaces/{ns}/revisions/{n}", id: "getRevision",
      "One revision: who, when, why, and what it changed.",
      answer: "Revision"
    ) { (call) throws(Problem) in
      let (entry, changes) = try call.controller.revision(call.namespace(), call.revision())
      return .json(200, .object(entry.members + [.init(name: "diff", value: .array(changes.map(\.json)))]))
    },
    Route(
      "POST", "/v1/namespaces/{ns}/revisions/{n}:rollback", id: "rollBack",
      "Makes the configuration of an earlier revision the newest one. Endpoints stay as they are.",
      Route.Parameter.write,
      bodies: Route.Body.json("Empty"), answer: "Changed"
    ) { (call) async throws(Problem) in try await call.rollBack() },
  ]
}

extension Call {
  fileprivate func listRevisions() throws(Problem) -> HTTPResponse {
    let (namespace, limit) = (try namespace(), try whole("limit", 1...1000) ?? 100)
    let state = try present(namespace)
    let token = try token()
    let before = token.flatMap { UInt64($0.after) }
    let entries = try controller.revisions(namespace, before: before, limit: limit + 1)
    let page = Page(entries, limit: limit, revision: token?.revision ?? state.revision) { String($0.revision) }
    let head: [JSON.Member] = [.init(name: "revision", value: JSON(state.revision))]
    return .json(200, .object(head + page.members("revisions") { .object($0.members) }), tag: String(state.revision))
  }

  fileprivate func rollBack() async throws(Problem) -> HTTPResponse {
    var findings = Findings()
    Fields(try optionalJSON(), at: .root, &findings).finish(&findings)
    try findings.check()
    let (namespace, revision) = (try namespace(), try revision())
    let past = try controller.state(namespace, at: revision)
    return try await write(namespace: namespace) { (edit) throws(Problem) in
      edit.restore(past)
      edit.isUrgent = true
      let changed = JSON.array(
        edit.changes.map { ["kind": .string($0.key.kind.rawValue), "name": .string($0.key.name)] })
      return .init { _ in [.init(name: "restored", value: JSON(revision)), .init(name: "changed", value: changed)] }
    }
  }
}

extension Edit {
  /// Makes every document what it was in `past`. Costs both tables, as everything may differ.
  mutating func restore(_ past: NamespaceState) {
    let wanted = past.keys
    let kept = Set(wanted)
    for key in state.keys where !kept.contains(key) { remove(key.kind, key.name) }
    // Rules and splits first leave their places and prefixes, then take those of the past.
    for key in wanted where state[key] != nil && state[key]?.body != past[key]?.body { remove(key.kind, key.name) }
    for key in wanted { if let document = past[key] { put(key.kind, key.name, document.body) } }
  }
}
