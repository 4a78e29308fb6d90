import JSONFormat
import MeshProtocol

/// Which unit of configuration in the store. More kinds than proxies get: a service's own fields stay here.
struct DocumentKey: Hashable, Comparable, Sendable {
  /// The raw value stands in the store, in requests and in answers.
  enum Kind: String, Hashable, Sendable, CaseIterable { case rule, split, route, authorization, service }
  let kind: Kind
  let name: String

  static func < (a: DocumentKey, b: DocumentKey) -> Bool { (a.kind.rawValue, a.name) < (b.kind.rawValue, b.name) }
}

/// One unit of configuration. Each kind is a type that reads itself from JSON, prints itself, and encodes itself for
/// proxies.
struct Document: Sendable, Equatable {
  enum Body: Sendable, Equatable {
    case rule(Rule)
    case split(Split)
    case route(HTTPRoute)
    case authorization(Authorization)
    case service(ServiceFields)
  }

  let key: DocumentKey
  /// The revision that made it what it is.
  let revision: UInt64
  let body: Body

  /// As operators see it.
  var json: JSON {
    switch body {
    case .rule(let rule): .object([.init(name: "id", value: .string(key.name))] + rule.members)
    case .split(let split): .object([.init(name: "name", value: .string(key.name))] + split.members)
    case .route(let route): .object([.init(name: "name", value: .string(key.name))] + route.members)
    case .authorization(let authorization):
      .object([.init(name: "name", value: .string(key.name))] + authorization.members)
    case .service(let fields): .object([.init(name: "name", value: .string(key.name))] + fields.members)
    }
  }

  /// As the store keeps it: what operators see, and the rule's place.
  var stored: JSON {
    switch body {
    case .rule(let rule): .object(rule.members + [.init(name: "sort_key", value: .string(rule.place.hex))])
    case .split(let split): .object(split.storedMembers)
    case .route(let route): .object(route.members)
    case .authorization(let authorization): .object(authorization.members)
    case .service(let fields): .object(fields.members)
    }
  }

  /// Reads what `stored` printed. Only a damaged or foreign store makes it fail.
  static func load(_ key: DocumentKey, revision: UInt64, text: String) throws(StoreFault) -> Document {
    var findings = Findings()
    let json: JSON
    do throws(JSONFault) { json = try JSONParser.parse(Array(text.utf8)) } catch {
      throw StoreFault(description: "\(key.kind.rawValue) \(key.name): \(error.detail)")
    }
    let body: Body?
    switch key.kind {
    case .rule: body = Rule.load(json, &findings).map(Body.rule)
    case .split: body = Split.read(json, at: .root, zeroAllowed: true, &findings).map(Body.split)
    case .route: body = HTTPRoute.load(json, &findings).map(Body.route)
    case .authorization: body = Authorization.load(json, &findings).map(Body.authorization)
    case .service: body = ServiceFields.load(json, &findings).map(Body.service)
    }
    guard let body, findings.isEmpty else {
      let first = findings.faults.first
      throw StoreFault(
        description:
          "\(key.kind.rawValue) \(key.name): \(first?.pointer.description ?? "") \(first?.detail ?? "unreadable")")
    }
    return Document(key: key, revision: revision, body: body)
  }
}

/// What became of one document. `before` and `after` are never both nil.
struct DocumentChange: Sendable {
  let key: DocumentKey
  let before: Document?
  let after: Document?

  /// One entry of a diff.
  var json: JSON {
    let op = before == nil ? "add" : after == nil ? "remove" : "change"
    var json: JSON = ["op": .string(op), "kind": .string(key.kind.rawValue), "name": .string(key.name)]
    if let before { json = json.adding([.init(name: "before", value: before.json)]) }
    if let after { json = json.adding([.init(name: "after", value: after.json)]) }
    if case .rule(let old)? = before?.body, case .rule(let new)? = after?.body, old.place != new.place {
      json = json.adding([.init(name: "moved", value: true)])
    }
    return json
  }
}
