import JSONFormat
import MeshProtocol
import Serving
import Traffic

extension API {
  static let dtabRoutes: [Route] = [
    Route(
      "GET", "/v1/namespaces/{ns}/dtab", id: "getDtab",
      "Shows the rules as one dtab: text for `Accept: text/plain`, else JSON.",
      Route.Parameter.read + [.query("effective", ["type": "boolean"], "With the splits, in the order that counts.")],
      answer: "Dtab"
    ) { (call) throws(Problem) in try call.getDtab() },
    Route(
      "PUT", "/v1/namespaces/{ns}/dtab", id: "putDtab", "Replaces all rules at once; entries that stay keep their ids.",
      Route.Parameter.write,
      bodies: [.init(contentType: "text/plain", schema: "DtabText")] + Route.Body.json("DtabBody"), answer: "Dtab"
    ) { (call) async throws(Problem) in try await call.putDtab() },
  ]
}

/// A whole table as requests write it: text, or a list of entries.
enum DtabBody {
  static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> [Rule.Wanted]? {
    if let text = json.text { return read(text, at: pointer, &findings) }
    guard let items = json.items else {
      findings.add(pointer, "must be a dtab as text or a list of entries, not \(json.kindName)")
      return nil
    }
    guard items.count <= Edit.mostRules else {
      findings.add(pointer, "has more than \(Edit.mostRules) entries")
      return nil
    }
    return items.enumerated().compactMap { i, item in
      var fields = Fields(item, at: pointer / i, &findings)
      let wanted = Rule.read(&fields, &findings)
      fields.finish(answered: ["id", "changed_in", "split"], &findings)
      return wanted
    }
  }

  static func read(_ text: String, at pointer: Pointer, _ findings: inout Findings) -> [Rule.Wanted]? {
    guard text.utf8.count <= NamingLimits.textBytes else {
      findings.add(pointer, "is longer than \(NamingLimits.textBytes) bytes as text; send it as a list of entries")
      return nil
    }
    return NameText.dtab(text, at: pointer, &findings)?.dentries.map {
      .init(prefix: $0.prefix, destination: $0.destination, comment: "")
    }
  }
}

extension Call {
  fileprivate func getDtab() throws(Problem) -> HTTPResponse {
    let isEffective = try flag("effective")
    let state = try present(namespace())
    let tag = String(state.revision)
    guard wantsText else {
      let head: [JSON.Member] = [
        .init(name: "revision", value: JSON(state.revision)), .init(name: "effective", value: .bool(isEffective)),
      ]
      let entries = JSON.array(isEffective ? state.index.entries.map(\.shown) : state.orderedRules.map(\.shown))
      let text = JSON.string(isEffective ? state.effectiveText : state.dtabText)
      return try answer(
        tag: tag, .object(head + [.init(name: "dtab", value: entries), .init(name: "text", value: text)]))
    }
    if try holds(tag) { return HTTPResponse(status: 304, headers: ["etag": "\"\(tag)\""]) }
    var response = HTTPResponse(status: 200, text: isEffective ? state.effectiveText : state.dtabText)
    response.headers.append("etag", "\"\(tag)\"")
    response.headers.append("cache-control", "no-cache")
    response.headers.append("vary", "accept")
    return response
  }

  fileprivate func putDtab() async throws(Problem) -> HTTPResponse {
    let table = try dtabBody()
    return try await write(namespace: try namespace()) { (edit) throws(Problem) in
      try edit.replaceRules(table)
      return .init { state in [.init(name: "dtab", value: .array(state.orderedRules.map(\.shown)))] }
    }
  }

  private func dtabBody() throws(Problem) -> [Rule.Wanted] {
    var findings = Findings()
    let table: [Rule.Wanted]?
    if ["text/plain", "application/dtab"].contains(contentType) {
      guard let text = String(validating: request.body, as: UTF8.self) else {
        throw .malformed("The body is not UTF-8.")
      }
      table = DtabBody.read(text, at: .root, &findings)
    } else {
      var fields = Fields(try json(), at: .root, &findings)
      let value = fields.value("dtab")
      if value == nil { findings.add(.root / "dtab", "is missing") }
      table = value.flatMap { DtabBody.read($0, at: .root / "dtab", &findings) }
      fields.finish(answered: ["revision", "effective", "text", "warnings"], &findings)
    }
    try findings.check()
    return table ?? []
  }
}

extension NamespaceState {
  fileprivate var orderedRules: [Document] { sequence.ids().compactMap { rules[$0] } }

  fileprivate var orderedSplits: [RuleEntry] { index.entries.filter { !$0.splitName.isEmpty } }

  /// The rules, one a line, and each split as a comment, so that the text can be written back.
  fileprivate var dtabText: String {
    let entries = orderedRules.compactMap { $0.ruleEntry?.dentry.line }
    let comments = orderedSplits.map { "# split \($0.splitName): \($0.dentry.line)" }
    return (entries + comments).map { $0 + "\n" }.joined()
  }

  fileprivate var effectiveText: String { index.entries.map { $0.dentry.line + "\n" }.joined() }
}

extension Dentry {
  fileprivate var line: String { "\(prefix) => \(destination) ;" }
}

extension RuleEntry {
  /// An entry of the effective table.
  fileprivate var shown: JSON {
    let source: JSON.Member
    switch origin {
    case .rule(let id, _): source = .init(name: "id", value: .string(id))
    case .split(let split, _): source = .init(name: "split", value: .string(split))
    case .file(let index), .request(let index): source = .init(name: "index", value: JSON(index))
    }
    return .object([
      source, .init(name: "prefix", value: .string(dentry.prefix.description)),
      .init(name: "destination", value: .string(dentry.destination.description)),
      .init(name: "changed_in", value: JSON(origin.revision)),
    ])
  }
}
