import HashTreeCollections
import MeshProtocol

/// One host pattern with one match of a route: what two routes share when the younger of them can never be reached.
struct RouteShape: Hashable, Sendable {
  let host: HostPattern?
  let match: HTTPMatch

  static func all(of route: HTTPRoute) -> [RouteShape] {
    let hosts = route.hosts.isEmpty ? [nil] : route.hosts.map { $0 }
    let matches = route.matches.isEmpty ? [HTTPMatch()] : route.matches
    return hosts.flatMap { host in matches.map { RouteShape(host: host, match: $0.canonical) } }
  }
}

extension HTTPMatch {
  /// Alike for all spellings that match alike: the order of conditions, `/` at a prefix's end, no path at all.
  fileprivate var canonical: HTTPMatch {
    var match = self
    switch path {
    case nil: match.path = .prefix("/")
    case .prefix(let text) where text.utf8.count > 1 && text.hasSuffix("/"):
      match.path = .prefix(String(text.dropLast()))
    default: break
    }
    match.headers.sort { $0.name < $1.name }
    match.query.sort { $0.name < $1.name }
    return match
  }
}

/// The routes of each shape. A value that shares structure, as all tables of a namespace do.
struct RouteShapes: Sendable {
  private var names: TreeDictionary<RouteShape, [String: UInt64]> = [:]

  mutating func insert(_ name: String, _ route: HTTPRoute) {
    for shape in RouteShape.all(of: route) { names[shape, default: [:]][name] = route.created }
  }

  mutating func remove(_ name: String, _ route: HTTPRoute) {
    for shape in RouteShape.all(of: route) {
      names[shape]?[name] = nil
      if names[shape]?.isEmpty == true { names[shape] = nil }
    }
  }

  /// The route that gets the requests of this shape: the oldest, then the first by name.
  func winner(_ shape: RouteShape) -> String? {
    names[shape]?.min { ($0.value, $0.key) < ($1.value, $1.key) }?.key
  }
}
