import JSONFormat
import MeshProtocol

// An authorization as JSON: what operators write, and what the store keeps.

extension Authorization {
  /// As operators see it.
  var members: [JSON.Member] {
    [
      .init(name: "target", value: .string(target.description)), .init(name: "mode", value: .string(mode.rawValue)),
      .init(name: "rules", value: .array(rules.map(\.json))),
    ]
  }

  /// Reads what an operator wrote; the authorization is checked.
  static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> Authorization? {
    var fields = Fields(json, at: pointer, &findings)
    let authorization = read(&fields, &findings)
    fields.finish(answered: ["name", "changed_in", "revision", "warnings"], &findings)
    guard let authorization else { return nil }
    let faults = authorization.faults
    for fault in faults {
      findings.add(
        fault.field.reduce(pointer) { place, name in Int(name).map { place / $0 } ?? place / name }, fault.message)
    }
    return faults.isEmpty ? authorization : nil
  }

  /// Reads what `members` printed.
  static func load(_ json: JSON, _ findings: inout Findings) -> Authorization? {
    var fields = Fields(json, at: .root, &findings)
    return read(&fields, &findings)
  }

  private static func read(_ fields: inout Fields, _ findings: inout Findings) -> Authorization? {
    let target = fields.required("target", longest: 253, &findings)
    let mode = fields.mode(&findings)
    // A body without rules would deny everything: that must be said, not left out.
    if fields.value("rules") == nil { findings.add(fields.place("rules"), "is missing; [] lets nobody call") }
    let rules = fields.list("rules", atMost: AuthorizationLimits.rules, &findings) {
      AuthorizationRule.read($0, at: $1, &$2)
    }
    guard let target, let mode, let rules else { return nil }
    return Authorization(target: AuthorizationTarget(target), mode: mode, rules: rules)
  }
}

extension Fields {
  fileprivate mutating func mode(_ findings: inout Findings) -> Authorization.Mode? {
    guard value("mode") != nil else { return .enforce }
    guard let text = string("mode", longest: 100, &findings) else { return nil }
    guard let mode = Authorization.Mode(rawValue: text) else {
      let modes = Authorization.Mode.allCases.map(\.rawValue).joined(separator: " or ")
      findings.add(place("mode"), "must be \(modes)")
      return nil
    }
    return mode
  }
}

extension AuthorizationRule {
  fileprivate var json: JSON {
    var members: [JSON.Member] = [.init(name: "from", value: .array(from.map { .string($0.description) }))]
    if !methods.isEmpty { members.append(.init(name: "methods", value: .array(methods.map(JSON.string)))) }
    if !paths.isEmpty { members.append(.init(name: "paths", value: .array(paths.map(JSON.string)))) }
    return .object(members)
  }

  fileprivate static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> AuthorizationRule? {
    var fields = Fields(json, at: pointer, &findings)
    let from = fields.texts("from", &findings)
    let methods = fields.texts("methods", &findings)
    let paths = fields.texts("paths", &findings)
    fields.finish(&findings)
    guard let from, let methods, let paths else { return nil }
    return AuthorizationRule(from: from.map { CallerPattern($0) }, methods: methods, paths: paths)
  }
}
