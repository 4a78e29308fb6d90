import JSONFormat
import MeshProtocol
import Serving

extension API {
  static let splitRoutes: [Route] = [
    Route(
      "GET", "/v1/namespaces/{ns}/splits", id: "listSplits", "Lists the splits by name.", Route.Parameter.list,
      answer: "SplitList"
    ) {
      (call) throws(Problem) in try call.listSplits()
    },
    Route(
      "GET", "/v1/namespaces/{ns}/splits/{name}", id: "getSplit", "Shows a split.", Route.Parameter.read,
      answer: "Split"
    ) {
      (call) throws(Problem) in try call.getDocument(.split, "name")
    },
    Route(
      "PUT", "/v1/namespaces/{ns}/splits/{name}", id: "putSplit", "Makes or replaces a split.", Route.Parameter.write,
      bodies: Route.Body.json("SplitBody"), answer: "Split"
    ) { (call) async throws(Problem) in try await call.putSplit() },
    Route(
      "PATCH", "/v1/namespaces/{ns}/splits/{name}", id: "shiftSplit",
      "Shifts traffic: new weights, or exact shares in percent.",
      Route.Parameter.write,
      bodies: Route.Body.json("Shift") + [.init(contentType: "application/merge-patch+json", schema: "Shift")],
      answer: "Split"
    ) { (call) async throws(Problem) in try await call.shift() },
    Route(
      "DELETE", "/v1/namespaces/{ns}/splits/{name}", id: "deleteSplit",
      "Deletes a split; the rules below it take over.",
      Route.Parameter.write, answer: "Written"
    ) { (call) async throws(Problem) in try await call.deleteDocument(.split, "name") },
  ]
}

extension Call {
  fileprivate func listSplits() throws(Problem) -> HTTPResponse {
    let (token, limit) = (try token(), try limit())
    let state = try pinned(token)
    let all = state.splits.values.filter { $0.key.name > token?.after ?? "" }.sorted { $0.key.name < $1.key.name }
    let page = Page(all, limit: limit, revision: state.revision, key: \.key.name)
    let head: [JSON.Member] = [.init(name: "revision", value: JSON(state.revision))]
    return try answer(tag: String(state.revision), .object(head + page.members("splits", \.shown)))
  }

  fileprivate func putSplit() async throws(Problem) -> HTTPResponse {
    let (namespace, name) = (try namespace(), try name("name"))
    let key = DocumentKey(kind: .split, name: name)
    var findings = Findings()
    let read = Split.read(try json(), at: .root, zeroAllowed: false, &findings)
    try findings.check()
    guard let split = read else { throw .malformed("The body is no split.") }
    return try await write(namespace: namespace, isNew: { $0[key] == nil }) { (edit) throws(Problem) in
      let isNew = edit.state[key] == nil
      try edit.putSplit(name, split, at: .root)
      let location = isNew ? "/v1/namespaces/\(namespace)/splits/\(name)" : nil
      return .init(status: isNew ? 201 : 200, location: location, places: [key: .root]) { $0.shown(key) }
    }
  }

  fileprivate func shift() async throws(Problem) -> HTTPResponse {
    let name = try name("name")
    let key = DocumentKey(kind: .split, name: name)
    var findings = Findings()
    let wanted = Shift.read(try json(), &findings)
    try findings.check()
    guard let wanted else { throw .malformed("The body is no shift.") }
    return try await write(namespace: try namespace()) { (edit) throws(Problem) in
      try edit.shift(name, wanted)
      return .init(places: [key: .root]) { $0.shown(key) }
    }
  }
}

extension Edit {
  mutating func putSplit(_ name: String, _ split: Split, at pointer: Pointer) throws(Problem) {
    if let other = state.splitByPrefix[split.prefix], other != name {
      throw Problem(
        status: 409, detail: "Split \(other) is on \(split.prefix) already; two on one prefix cannot be.",
        errors: [.init(pointer: pointer / "prefix", detail: "split \(other) has this prefix")])
    }
    put(.split, name, .split(split))
  }

  mutating func shift(_ name: String, _ wanted: Shift.Wanted) throws(Problem) {
    guard let split = state.split(name) else { throw .notFound("There is no split \(name).") }
    var findings = Findings()
    let next = wanted.shift.applied(to: split, &findings)
    if !wanted.allowZero { next.checkWeights(at: .root, &findings) }
    try findings.check()
    if case .weights = wanted.shift, next.weightSum != split.weightSum {
      let detail =
        "the weights of split \(name) add up to \(next.weightSum), before to \(split.weightSum): "
        + "shares of backends not named moved too"
      warnings.append(Warning(code: "weights_sum_changed", detail: detail))
    }
    put(.split, name, .split(next))
  }
}
