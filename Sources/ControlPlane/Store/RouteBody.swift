import JSONFormat
import MeshProtocol
import Traffic

// A route as JSON: what operators write, and what the store keeps.

extension HTTPRoute {
  /// As operators see it.
  var members: [JSON.Member] {
    var members: [JSON.Member] = []
    if !hosts.isEmpty { members.append(.init(name: "hosts", value: .array(hosts.map { .string($0.description) }))) }
    if !matches.isEmpty { members.append(.init(name: "matches", value: .array(matches.map(\.json)))) }
    members += action.members
    if !requestHeaders.isEmpty { members.append(.init(name: "request_headers", value: requestHeaders.json)) }
    if !responseHeaders.isEmpty { members.append(.init(name: "response_headers", value: responseHeaders.json)) }
    members.append(.init(name: "created_in", value: JSON(created)))
    return members
  }

  /// Reads what an operator wrote; the route is checked, its patterns too. `created` is left 0.
  static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> HTTPRoute? {
    var fields = Fields(json, at: pointer, &findings)
    let route = read(&fields, &findings)
    fields.finish(answered: ["name", "created_in", "changed_in", "revision", "warnings"], &findings)
    guard let route else { return nil }
    let faults = route.allFaults
    for fault in faults {
      findings.add(
        fault.field.reduce(pointer) { place, name in Int(name).map { place / $0 } ?? place / name }, fault.message)
    }
    return faults.isEmpty ? route : nil
  }

  /// Reads what `members` printed.
  static func load(_ json: JSON, _ findings: inout Findings) -> HTTPRoute? {
    var fields = Fields(json, at: .root, &findings)
    var route = read(&fields, &findings)
    route?.created = UInt64(clamping: json["created_in"]?.whole ?? 0)
    return route
  }

  private static func read(_ fields: inout Fields, _ findings: inout Findings) -> HTTPRoute? {
    let hosts = fields.texts("hosts", &findings)
    let matches = fields.list("matches", atMost: RouteLimits.matches, &findings) { HTTPMatch.read($0, at: $1, &$2) }
    let action = Action.read(&fields, &findings)
    let requestHeaders = HeaderEdits.read(&fields, "request_headers", &findings)
    let responseHeaders = HeaderEdits.read(&fields, "response_headers", &findings)
    guard let hosts, let matches, let action, let requestHeaders, let responseHeaders else { return nil }
    return HTTPRoute(
      hosts: hosts.map { HostPattern($0) }, matches: matches, action: action, requestHeaders: requestHeaders,
      responseHeaders: responseHeaders)
  }
}

// MARK: matches

extension HTTPMatch {
  fileprivate var json: JSON {
    var members: [JSON.Member] = []
    switch path {
    case .exact(let text): members.append(.init(name: "path", value: ["exact": .string(text)]))
    case .prefix(let text): members.append(.init(name: "path", value: ["prefix": .string(text)]))
    case .regex(let text): members.append(.init(name: "path", value: ["regex": .string(text)]))
    case nil: break
    }
    if let method { members.append(.init(name: "method", value: .string(method))) }
    if !headers.isEmpty { members.append(.init(name: "headers", value: .array(headers.map(\.json)))) }
    if !query.isEmpty { members.append(.init(name: "query", value: .array(query.map(\.json)))) }
    return .object(members)
  }

  fileprivate static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> HTTPMatch? {
    var fields = Fields(json, at: pointer, &findings)
    var path: PathMatch?
    if let value = fields.value("path") { path = PathMatch.read(value, at: pointer / "path", &findings) }
    let method = fields.string("method", longest: RouteLimits.text, &findings)
    let headers = fields.list("headers", atMost: RouteLimits.conditions, &findings) {
      FieldMatch.read($0, at: $1, lowercased: true, &$2)
    }
    let query = fields.list("query", atMost: RouteLimits.conditions, &findings) {
      FieldMatch.read($0, at: $1, lowercased: false, &$2)
    }
    fields.finish(&findings)
    guard let headers, let query else { return nil }
    return HTTPMatch(path: path, method: method, headers: headers, query: query)
  }
}

extension PathMatch {
  fileprivate static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> PathMatch? {
    var fields = Fields(json, at: pointer, &findings)
    let exact = fields.string("exact", longest: RouteLimits.text, &findings).map(PathMatch.exact)
    let prefix = fields.string("prefix", longest: RouteLimits.text, &findings).map(PathMatch.prefix)
    let regex = fields.string("regex", longest: RouteLimits.text, &findings).map(PathMatch.regex)
    fields.finish(&findings)
    let given = [exact, prefix, regex].compactMap { $0 }
    if given.count != 1 { findings.add(pointer, "must have one of exact, prefix and regex") }
    return given.first
  }
}

extension FieldMatch {
  fileprivate var json: JSON {
    let value: JSON.Member =
      switch value {
      case .exact(let text): .init(name: "exact", value: .string(text))
      case .regex(let text): .init(name: "regex", value: .string(text))
      case .present: .init(name: "present", value: true)
      }
    return .object([.init(name: "name", value: .string(name)), value])
  }

  fileprivate static func read(
    _ json: JSON, at pointer: Pointer, lowercased: Bool, _ findings: inout Findings
  ) -> FieldMatch? {
    var fields = Fields(json, at: pointer, &findings)
    let name = fields.required("name", longest: RouteLimits.name, &findings)
    let exact = fields.string("exact", longest: RouteLimits.text, &findings).map(Value.exact)
    let regex = fields.string("regex", longest: RouteLimits.text, &findings).map(Value.regex)
    let present = fields.bool("present", &findings)
    fields.finish(&findings)
    if present == false { findings.add(pointer / "present", "can only be true; leave it out") }
    let given = [exact, regex, present == true ? Value.present : nil].compactMap { $0 }
    if given.count != 1, present != false { findings.add(pointer, "must have one of exact, regex and present") }
    guard let name, let value = given.first else { return nil }
    return FieldMatch(name: lowercased ? name.lowercased() : name, value: value)
  }
}

// MARK: reading lists

extension Fields {
  /// The items of an array, each read by `read`; empty when absent, nil when anything was wrong.
  mutating func list<Item>(
    _ name: String, atMost limit: Int, _ findings: inout Findings,
    _ read: (JSON, Pointer, inout Findings) -> Item?
  ) -> [Item]? {
    guard value(name) != nil else { return [] }
    guard let items = array(name, atMost: limit, &findings) else { return nil }
    let place = place(name)
    let values = items.enumerated().compactMap { read($1, place / $0, &findings) }
    return values.count == items.count ? values : nil
  }

  /// The strings of an array; empty when absent, nil when anything was wrong.
  mutating func texts(_ name: String, _ findings: inout Findings) -> [String]? {
    list(name, atMost: 1000, &findings) { json, pointer, findings in
      if json.text == nil { findings.add(pointer, "must be a string, not \(json.kindName)") }
      return json.text
    }
  }
}
