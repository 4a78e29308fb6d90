/// Finds the route of a request.
struct Router: Sendable {
  let routes: [Route]
  /// By number of path segments; within it, patterns with a verb come before those that would swallow the verb.
  private let byLength: [Int: [Route]]

  enum Match: Sendable {
    case route(Route, [String: String])
    /// The path is known under these methods.
    case otherMethod([String])
    case none
  }

  init(_ routes: [Route]) {
    self.routes = routes
    byLength = Dictionary(grouping: routes) { $0.pattern.segments.count }
      .mapValues { $0.sorted { $0.pattern.verbLength > $1.pattern.verbLength } }
  }

  func match(_ method: String, _ path: [String]) -> Match {
    var methods: [String] = []
    var verbLength: Int?
    for route in byLength[path.count] ?? [] {
      // A path with a verb that is known is that verb's, under whatever method.
      guard verbLength == nil || verbLength == route.pattern.verbLength, let values = route.pattern.match(path) else {
        continue
      }
      if route.method == method { return .route(route, values) }
      verbLength = route.pattern.verbLength
      methods.append(route.method)
    }
    if methods.isEmpty { return .none }
    return .otherMethod(Set(methods + (methods.contains("GET") ? ["HEAD"] : [])).sorted())
  }
}

extension RoutePattern {
  fileprivate var verbLength: Int {
    segments.reduce(0) { sum, segment in
      if case .parameter(_, let verb) = segment { sum + verb.utf8.count } else { sum }
    }
  }
}
