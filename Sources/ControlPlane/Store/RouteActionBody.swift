import JSONFormat
import MeshProtocol

// What a route does, as JSON.

extension HTTPRoute.Action {
  var members: [JSON.Member] {
    switch self {
    case .forward(let path, let rewrite):
      let to = JSON.Member(name: "to", value: .string(path.description))
      return rewrite == Rewrite() ? [to] : [to, .init(name: "rewrite", value: rewrite.json)]
    case .redirect(let redirect): return [.init(name: "redirect", value: redirect.json)]
    case .respond(let response): return [.init(name: "respond", value: response.json)]
    }
  }

  static func read(_ fields: inout Fields, _ findings: inout Findings) -> HTTPRoute.Action? {
    let to = fields.string("to", longest: Rule.longestPrefix, &findings)
    let (rewrite, redirect, respond) = (fields.value("rewrite"), fields.value("redirect"), fields.value("respond"))
    let given = [to != nil, redirect != nil, respond != nil].count { $0 }
    guard given == 1 else {
      findings.add(fields.pointer, "must have one of to, redirect and respond")
      return nil
    }
    if rewrite != nil, to == nil { findings.add(fields.place("rewrite"), "has no effect: nothing is forwarded") }
    if let redirect { return Redirect.read(redirect, at: fields.place("redirect"), &findings).map { .redirect($0) } }
    if let respond { return DirectResponse.read(respond, at: fields.place("respond"), &findings).map { .respond($0) } }
    guard let to, let path = NameText.path(to, at: fields.place("to"), &findings) else { return nil }
    guard let rewrite else { return .forward(path, Rewrite()) }
    return Rewrite.read(rewrite, at: fields.place("rewrite"), &findings).map { .forward(path, $0) }
  }
}

extension Rewrite {
  fileprivate var json: JSON {
    var members: [JSON.Member] = []
    if let host { members.append(.init(name: "host", value: .string(host))) }
    if let path { members.append(path.member) }
    return .object(members)
  }

  fileprivate static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> Rewrite? {
    var fields = Fields(json, at: pointer, &findings)
    let host = fields.string("host", longest: RouteLimits.name, &findings)
    let path = PathEdit.read(&fields, &findings)
    fields.finish(&findings)
    if host == nil, path == nil { findings.add(pointer, "must have host, path or prefix") }
    return Rewrite(host: host, path: path)
  }
}

extension PathEdit {
  fileprivate var member: JSON.Member {
    switch self {
    case .full(let text): .init(name: "path", value: .string(text))
    case .prefix(let text): .init(name: "prefix", value: .string(text))
    }
  }

  fileprivate static func read(_ fields: inout Fields, _ findings: inout Findings) -> PathEdit? {
    let full = fields.string("path", longest: RouteLimits.text, &findings)
    let prefix = fields.string("prefix", longest: RouteLimits.text, &findings)
    if full != nil, prefix != nil { findings.add(fields.pointer, "cannot have both path and prefix") }
    return full.map { .full($0) } ?? prefix.map { .prefix($0) }
  }
}

extension Redirect {
  fileprivate var json: JSON {
    var members: [JSON.Member] = []
    if let scheme { members.append(.init(name: "scheme", value: .string(scheme))) }
    if let host { members.append(.init(name: "host", value: .string(host))) }
    if let port { members.append(.init(name: "port", value: .integer(Int64(port)))) }
    if let path { members.append(path.member) }
    members.append(.init(name: "status", value: .integer(Int64(status))))
    return .object(members)
  }

  fileprivate static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> Redirect? {
    var fields = Fields(json, at: pointer, &findings)
    let scheme = fields.string("scheme", longest: 16, &findings)
    let host = fields.string("host", longest: RouteLimits.name, &findings)
    let port = fields.whole("port", 1...65_535, &findings)
    let path = PathEdit.read(&fields, &findings)
    let status = fields.whole("status", 0...999, &findings) ?? 302
    fields.finish(&findings)
    return Redirect(
      scheme: scheme, host: host?.lowercased(), port: port.map { UInt16($0) }, path: path, status: UInt16(status))
  }
}

extension DirectResponse {
  fileprivate var json: JSON {
    var members: [JSON.Member] = [.init(name: "status", value: .integer(Int64(status)))]
    if !body.isEmpty { members.append(.init(name: "body", value: .string(body))) }
    if !contentType.isEmpty { members.append(.init(name: "content_type", value: .string(contentType))) }
    return .object(members)
  }

  fileprivate static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> DirectResponse? {
    var fields = Fields(json, at: pointer, &findings)
    if fields.value("status") == nil { findings.add(pointer / "status", "is missing") }
    let status = fields.whole("status", 0...999, &findings)
    let body = fields.string("body", longest: RouteLimits.body, &findings) ?? ""
    let type = fields.string("content_type", longest: RouteLimits.name, &findings) ?? ""
    fields.finish(&findings)
    return status.map { DirectResponse(status: UInt16($0), body: body, contentType: type) }
  }
}

extension HeaderEdits {
  var json: JSON {
    var members: [JSON.Member] = []
    if !self.set.isEmpty { members.append(.init(name: "set", value: Self.json(self.set))) }
    if !add.isEmpty { members.append(.init(name: "add", value: Self.json(add))) }
    if !remove.isEmpty { members.append(.init(name: "remove", value: .array(remove.map(JSON.string)))) }
    return .object(members)
  }

  private static func json(_ lines: [HeaderLine]) -> JSON {
    .object(lines.map { .init(name: $0.name, value: .string($0.value)) })
  }

  /// Nil when anything is wrong; no edits when the field is absent.
  static func read(_ fields: inout Fields, _ name: String, _ findings: inout Findings) -> HeaderEdits? {
    guard let value = fields.value(name) else { return HeaderEdits() }
    var inner = Fields(value, at: fields.place(name), &findings)
    let set = lines(&inner, "set", &findings)
    let add = lines(&inner, "add", &findings)
    let remove = inner.list("remove", atMost: RouteLimits.edits, &findings) { json, pointer, findings in
      if json.text == nil { findings.add(pointer, "must be a string, not \(json.kindName)") }
      return json.text?.lowercased()
    }
    inner.finish(&findings)
    guard let set, let add, let remove else { return nil }
    return HeaderEdits(set: set, add: add, remove: remove)
  }

  private static func lines(_ fields: inout Fields, _ name: String, _ findings: inout Findings) -> [HeaderLine]? {
    guard fields.value(name) != nil else { return [] }
    guard let members = fields.object(name, atMost: RouteLimits.edits, &findings) else { return nil }
    let place = fields.place(name)
    let lines = members.compactMap { member -> HeaderLine? in
      guard let text = member.value.text else {
        findings.add(place / member.name, "must be a string, not \(member.value.kindName)")
        return nil
      }
      return HeaderLine(name: member.name.lowercased(), value: text)
    }
    return lines.count == members.count ? lines : nil
  }
}
