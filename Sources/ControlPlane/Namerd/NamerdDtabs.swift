import JSONFormat
import Memory
import MeshProtocol
import Serving

/// A namespace's revision as namerd shows versions: base64 of eight bytes, most significant first.
enum NamerdVersion {
  static func text(_ revision: UInt64) -> String {
    let bytes = (0..<8).reversed().map { UInt8(truncatingIfNeeded: revision >> (8 * UInt64($0))) }
    return Base64.encoded(bytes)
  }

  /// nil when the text is none of ours. Quotes may stand around it.
  static func revision(_ text: String) -> UInt64? {
    let bare =
      text.hasPrefix("\"") && text.hasSuffix("\"") && text.count > 1 ? String(text.dropFirst().dropLast()) : text
    guard let bytes = Base64.decoded(bare), bytes.count == 8 else { return nil }
    return bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

extension Call {
  func namerdDtab() async throws(Problem) -> HTTPResponse {
    let (name, controller, asText) = (try namespace(), controller, wantsDtab)
    if try flag("watch") {
      return try namerdStream(type: asText ? "application/dtab" : "application/json") {
        controller.state(name).flatMap { state in state.isPresent ? state.namerd(asText: asText) : nil }
      }
    }
    let state = try present(name)
    return HTTPResponse(
      status: 200,
      headers: [
        "content-type": asText ? "application/dtab" : "application/json", "etag": NamerdVersion.text(state.revision),
        "vary": "accept",
      ], bytes: state.namerd(asText: asText) + [0x0A])
  }

  func namerdStore(mustBeNew: Bool) async throws(Problem) -> HTTPResponse {
    let (name, table) = (try namespace(), try namerdTable())
    let isPresent = controller.state(name)?.isPresent ?? false
    if mustBeNew, isPresent { throw .conflict("There is a namespace \(name) already; update it with PUT.") }
    var order = WriteOrder(namespace: name, who: who) { (edit: inout Edit) throws(Problem) in
      if mustBeNew, edit.base.isPresent { throw .conflict("There is a namespace \(name) already.") }
      try edit.replaceRules(table)
      return .init()
    }
    order.creates = true
    if let version = request.headers["if-match"] {
      guard isPresent else { throw .absentNamespace(name) }
      // A version that is none of ours is one that the namespace does not have.
      order.preconditions.match = [NamerdVersion.revision(version).map { String($0) } ?? version]
    }
    return try await namerdWrite(order)
  }

  func namerdDelete() async throws(Problem) -> HTTPResponse {
    let name = try namespace()
    _ = try present(name)
    let order = WriteOrder(namespace: name, who: who) { (edit: inout Edit) throws(Problem) in
      guard edit.base.splits.isEmpty, edit.base.services.isEmpty, edit.base.serviceFields.isEmpty else {
        throw .conflict(
          "Namespace \(name) has splits or services, which namerd knows nothing of; DELETE /v1/namespaces/\(name) "
            + "deletes everything.")
      }
      edit.removeNamespace()
      return .init()
    }
    return try await namerdWrite(order)
  }

  private func namerdWrite(_ order: WriteOrder) async throws(Problem) -> HTTPResponse {
    var order = order
    order.why = request.headers["heddle-reason"].map { String($0.prefix(Self.longestReason)) } ?? ""
    _ = try await controller.write(order).get()
    return HTTPResponse(status: 204, headers: ["cache-control": "no-cache"], bytes: [])
  }

  /// The body's dtab, by its content type.
  private func namerdTable() throws(Problem) -> [Rule.Wanted] {
    var findings = Findings()
    let table: [Rule.Wanted]?
    switch contentType {
    case "application/dtab", "text/plain":
      guard let text = String(validating: request.body, as: UTF8.self) else {
        throw .malformed("The body is not UTF-8.")
      }
      table = DtabBody.read(text, at: .root, &findings)
    case "application/json": table = namerdEntries(try json(), &findings)
    default: throw .malformed("The content type must be application/json, application/dtab or text/plain.")
    }
    guard let table, findings.isEmpty else {
      throw .malformed("The dtab is malformed: \(findings.faults.first?.detail ?? "")", findings.faults)
    }
    return table
  }

  /// `[{"prefix": "/svc", "dst": "/host"}]`
  private func namerdEntries(_ json: JSON, _ findings: inout Findings) -> [Rule.Wanted]? {
    guard let items = json.items, items.count <= Edit.mostRules else {
      findings.add(.root, "must be a list of entries")
      return nil
    }
    return items.enumerated().compactMap { index, item in
      var fields = Fields(item, at: .root / index, &findings)
      let prefix = fields.required("prefix", longest: Rule.longestPrefix, &findings)
        .flatMap { NameText.prefix($0, at: fields.place("prefix"), &findings) }
      let destination = fields.required("dst", longest: Rule.longestDestination, &findings)
        .flatMap { NameText.tree($0, at: fields.place("dst"), &findings) }
      fields.finish(&findings)
      guard let prefix, let destination else { return nil }
      return Rule.Wanted(prefix: prefix, destination: destination, comment: "")
    }
  }

  private var wantsDtab: Bool {
    let accept = request.headers["accept"] ?? ""
    let first = accept.split(separator: ",").first.map { $0.prefix { $0 != ";" }.trimmed.lowercased() }
    return first == "application/dtab" || first == "text/plain"
  }
}

extension NamespaceState {
  /// The rules, without the splits.
  fileprivate func namerd(asText: Bool) -> [UInt8] {
    let dentries = sequence.ids().compactMap { rule($0) }.map {
      Dentry(prefix: $0.prefix, destination: $0.destination)
    }
    if asText { return Array(Dtab(dentries).description.utf8) }
    return JSON.array(dentries.map(\.namerd)).printed
  }
}

extension Dentry {
  var namerd: JSON { ["prefix": .string(prefix.description), "dst": .string(destination.description)] }
}
