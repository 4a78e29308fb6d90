import JSONFormat
import MeshProtocol
import Serving

extension API {
  static let changeRoutes: [Route] = [
    Route(
      "POST", "/v1/namespaces/{ns}/changes", id: "applyChanges", "Many changes as one revision, or nothing of it.",
      Route.Parameter.write, bodies: Route.Body.json("Changes"), answer: "Changed"
    ) { (call) async throws(Problem) in
      let changes = try Change.readAll(try call.json())
      return try await call.write(namespace: try call.namespace()) { (edit) throws(Problem) in
        try edit.apply(changes)
      }
    }
  ]
}

/// One operation of a change set.
struct Change: Sendable {
  enum Operation: Sendable {
    case putRule(id: String?, RuleBody)
    case putSplit(String, Split)
    case putRoute(String, HTTPRoute)
    case putAuthorization(String, Authorization)
    case putService(String, ServiceBody)
    case putDtab([Rule.Wanted])
    case delete(DocumentKey)
  }

  let operation: Operation
  let pointer: Pointer

  /// What a body may change at once.
  static let most = 10_000
  /// Kinds by name; `dtab` is the whole table of rules.
  static let kinds = DocumentKey.Kind.allCases.map(\.rawValue) + ["dtab"]

  static func readAll(_ json: JSON) throws(Problem) -> [Change] {
    var findings = Findings()
    var fields = Fields(json, at: .root, &findings)
    let items = fields.array("changes", atMost: most, &findings)
    if fields.value("changes") == nil { findings.add(.root / "changes", "is missing") }
    fields.finish(&findings)
    let changes = (items ?? []).enumerated().compactMap { read($1, at: .root / "changes" / $0, &findings) }
    try findings.check()
    return changes
  }

  private static func read(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> Change? {
    var fields = Fields(json, at: pointer, &findings)
    let op = fields.required("op", longest: 100, &findings)
    let kind = fields.required("kind", longest: 100, &findings)
    let name = fields.string("name", longest: 253, &findings)
    let value = fields.value("value")
    fields.finish(&findings)
    guard let op, let kind else { return nil }
    guard kinds.contains(kind) else {
      findings.add(pointer / "kind", "must be one of \(kinds.joined(separator: ", "))")
      return nil
    }
    switch op {
    case "put": return put(kind, name, value, at: pointer, &findings)
    case "delete":
      if value != nil { findings.add(pointer / "value", "is not a field of a delete") }
      return delete(kind, name, at: pointer, &findings)
    default:
      findings.add(pointer / "op", "must be put or delete")
      return nil
    }
  }

  private static func put(
    _ kind: String, _ name: String?, _ value: JSON?, at pointer: Pointer, _ findings: inout Findings
  ) -> Change? {
    guard let value else {
      findings.add(pointer / "value", "is missing")
      return nil
    }
    let place = pointer / "value"
    let operation: Operation?
    switch kind {
    case "rule":
      operation = RuleBody.read(value, at: place, &findings).map { .putRule(id: name == "" ? nil : name, $0) }
    case "split":
      let split = Split.read(value, at: place, zeroAllowed: false, &findings)
      operation = split.flatMap { split in required(name, at: pointer, &findings).map { .putSplit($0, split) } }
    case "route":
      let route = HTTPRoute.read(value, at: place, &findings)
      operation = route.flatMap { route in required(name, at: pointer, &findings).map { .putRoute($0, route) } }
    case "authorization":
      let authorization = Authorization.read(value, at: place, &findings)
      operation = authorization.flatMap { authorization in
        required(name, at: pointer, &findings).map { .putAuthorization($0, authorization) }
      }
    case "service":
      let body = ServiceBody.read(value, at: place, &findings)
      operation = required(name, at: pointer, &findings).map { .putService($0, body) }
    default: operation = dtab(value, at: place, &findings).map { .putDtab($0) }
    }
    return operation.map { Change(operation: $0, pointer: place) }
  }

  /// `{"dtab": …}`, or the text or list itself.
  private static func dtab(_ value: JSON, at place: Pointer, _ findings: inout Findings) -> [Rule.Wanted]? {
    guard value.members != nil else { return DtabBody.read(value, at: place, &findings) }
    var fields = Fields(value, at: place, &findings)
    guard let inner = fields.value("dtab") else {
      findings.add(place / "dtab", "is missing")
      return nil
    }
    fields.finish(answered: ["revision", "effective", "text"], &findings)
    return DtabBody.read(inner, at: place / "dtab", &findings)
  }

  private static func delete(_ kind: String, _ name: String?, at pointer: Pointer, _ findings: inout Findings)
    -> Change?
  {
    guard let kind = DocumentKey.Kind(rawValue: kind) else {
      findings.add(pointer / "kind", "a dtab cannot be deleted; put an empty one")
      return nil
    }
    return required(name, at: pointer, &findings).map {
      Change(operation: .delete(DocumentKey(kind: kind, name: $0)), pointer: pointer)
    }
  }

  private static func required(_ name: String?, at pointer: Pointer, _ findings: inout Findings) -> String? {
    guard let name, ResourceName.isValid(name) else {
      findings.add(pointer / "name", "must match \(ResourceName.pattern)")
      return nil
    }
    return name
  }
}

extension Edit {
  mutating func apply(_ changes: [Change]) throws(Problem) -> WriteOrder.Reply {
    var places: [DocumentKey: Pointer] = [:]
    var names: [JSON] = []
    for change in changes {
      let key = try apply(change)
      if let key { places[key] = change.pointer }
      names.append(key.map { ["kind": .string($0.kind.rawValue), "name": .string($0.name)] } ?? ["kind": "dtab"])
    }
    let result = JSON.array(names)
    return .init(places: places) { _ in [.init(name: "changed", value: result)] }
  }

  /// - Returns: what it was about; nil for the whole table.
  private mutating func apply(_ change: Change) throws(Problem) -> DocumentKey? {
    switch change.operation {
    case .putRule(let id?, let body):
      guard state.rule(id) != nil else {
        throw .impossible(
          at: change.pointer, "there is no rule \(id); leave the name out to add one, ids are given then")
      }
      try changeRule(id, body, at: change.pointer)
      return DocumentKey(kind: .rule, name: id)
    case .putRule(nil, let body): return DocumentKey(kind: .rule, name: try addRule(body, at: change.pointer))
    case .putSplit(let name, let split):
      try putSplit(name, split, at: change.pointer)
      return DocumentKey(kind: .split, name: name)
    case .putRoute(let name, let route):
      putRoute(name, route)
      return DocumentKey(kind: .route, name: name)
    case .putAuthorization(let name, let authorization):
      put(.authorization, name, .authorization(authorization))
      return DocumentKey(kind: .authorization, name: name)
    case .putService(let name, let body):
      try putService(name, body)
      return DocumentKey(kind: .service, name: name)
    case .putDtab(let table):
      try replaceRules(table)
      return nil
    case .delete(let key):
      guard state[key] != nil || (key.kind == .service && state.hasService(key.name)) else {
        throw .impossible(at: change.pointer, "there is no \(key.kind.rawValue) \(key.name)")
      }
      if key.kind == .service { try removeService(key.name) } else { remove(key.kind, key.name) }
      return key
    }
  }
}
