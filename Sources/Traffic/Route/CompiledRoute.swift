import MeshProtocol

/// A route ready to be matched and carried out. Immutable, shared by all threads.
public final class CompiledRoute: Sendable {
  /// Small and unique in its table at any time, so that each thread can keep what it knows of a route in an array.
  public let id: Int32
  public let name: String
  /// The revision that made it what it is.
  public let revision: UInt64
  public let route: HTTPRoute
  public let requestEdits: HeaderScript
  public let responseEdits: HeaderScript
  let matches: [CompiledMatch]

  init(id: Int32, name: String, revision: UInt64, route: HTTPRoute, matches: [CompiledMatch]) {
    self.id = id
    self.name = name
    self.revision = revision
    self.route = route
    self.matches = matches
    requestEdits = HeaderScript(route.requestHeaders)
    responseEdits = HeaderScript(route.responseHeaders)
  }

  /// The rewrite of a route that forwards; an empty one for others.
  public var rewrite: Rewrite {
    if case .forward(_, let rewrite) = route.action { return rewrite }
    return Rewrite()
  }

  /// The request's head goes on other than it came.
  public var changesRequest: Bool { !requestEdits.isEmpty || rewrite != Rewrite() }

  /// Whether it stands before `other` where both match alike.
  func isOlder(than other: CompiledRoute) -> Bool {
    if route.created != other.route.created { return route.created < other.route.created }
    return name < other.name
  }
}

/// One of a route's matches.
struct CompiledMatch: Sendable {
  let path: Path
  let conditions: RouteConditions

  enum Path: Sendable {
    case exact([UInt8])
    /// Without `/` at its end; empty for every path.
    case prefix([UInt8])
    case pattern(Pattern)
  }

  /// The matches of a route; a route without any takes everything. Throws the first pattern that cannot be compiled.
  static func all(of route: HTTPRoute) throws(FieldFault) -> [CompiledMatch] {
    guard !route.matches.isEmpty else { return [try CompiledMatch(HTTPMatch(), field: [])] }
    var matches: [CompiledMatch] = []
    for (index, match) in route.matches.enumerated() {
      matches.append(try CompiledMatch(match, field: ["matches", String(index)]))
    }
    return matches
  }

  private init(_ match: HTTPMatch, field: [String]) throws(FieldFault) {
    switch match.path {
    case .exact(let text): path = .exact(Array(text.utf8))
    case .prefix(let text): path = .prefix(Array(text.hasSuffix("/") ? text.dropLast().utf8 : text[...].utf8))
    case .regex(let text): path = .pattern(try compile(text, field: field + ["path", "regex"]))
    case nil: path = .prefix([])
    }
    conditions = try RouteConditions(match, field: field)
  }
}

extension HTTPRoute {
  /// Everything that is wrong with it, its patterns included; empty for a good route.
  public var allFaults: [FieldFault] {
    let faults = faults
    guard faults.isEmpty else { return faults }
    do throws(FieldFault) { _ = try CompiledMatch.all(of: self) } catch { return [error] }
    return []
  }
}
