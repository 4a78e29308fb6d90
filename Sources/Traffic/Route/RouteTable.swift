import HashTreeCollections
import MeshProtocol

/// All routes, found by host. A value: a copy is O(1) and shares everything; a change compiles anew the routes of the
/// hosts it touches, off the request path.
public struct RouteTable: Sendable {
  /// Grows with every change: what was looked up under another version is looked up anew.
  public private(set) var version: UInt64 = 0
  /// Ids given out so far: every `CompiledRoute.id` is below.
  public private(set) var idBound: Int32 = 0
  private var byName: TreeDictionary<String, CompiledRoute> = [:]
  private var byID: TreeDictionary<Int32, CompiledRoute> = [:]
  private var exact: TreeDictionary<String, HostRoutes> = [:]
  private var wildcards: TreeDictionary<String, HostRoutes> = [:]
  private var everyHost: HostRoutes?
  private var freeIDs: [Int32] = []

  public init() {}

  public var count: Int { byName.count }

  /// The route of this name; nil when there is none.
  public func route(named name: String) -> CompiledRoute? { byName[name] }

  /// The route with this number; nil when it is gone.
  public func route(_ id: Int32) -> CompiledRoute? { byID[id] }

  /// All routes by name. O(n log n).
  public var routes: [CompiledRoute] { byName.values.sorted { $0.name < $1.name } }

  /// What requests to this host can match; nil when nothing.
  /// - Parameter host: in its normal form (`identifyHost`).
  public func chain(forHost host: String) -> HostChain? {
    var levels: [HostRoutes] = []
    if let own = exact[host] { levels.append(own) }
    if !wildcards.isEmpty {
      var rest = host[...]
      while let dot = rest.firstIndex(of: ".") {
        rest = rest[rest.index(after: dot)...]
        if let level = wildcards[String(rest)] { levels.append(level) }
      }
    }
    if let everyHost { levels.append(everyHost) }
    return levels.isEmpty ? nil : HostChain(levels)
  }
}

// MARK: changing

/// A route to be put into a table.
public struct NamedRoute: Sendable {
  public let name: String
  /// The revision that made it what it is.
  public let revision: UInt64
  public let route: HTTPRoute

  public init(name: String, revision: UInt64, route: HTTPRoute) {
    self.name = name
    self.revision = revision
    self.route = route
  }
}

/// A route that cannot be run.
public struct RefusedRoute: Error, Sendable {
  public let name: String
  public let faults: [FieldFault]
}

extension RouteTable {
  /// Takes routes out, then puts routes in, in place of those of the same name.
  /// - Returns: the routes that cannot be run; then nothing has changed.
  public mutating func apply(removes: [String], upserts: [NamedRoute]) -> [RefusedRoute] {
    var refused: [RefusedRoute] = []
    var matches: [[CompiledMatch]] = []
    for upsert in upserts {
      do throws(FieldFault) {
        if !upsert.route.faults.isEmpty { throw upsert.route.faults[0] }
        matches.append(try CompiledMatch.all(of: upsert.route))
      } catch {
        refused.append(RefusedRoute(name: upsert.name, faults: [error]))
      }
    }
    guard refused.isEmpty else { return refused }
    var changes = HostChanges()
    for name in removes { remove(name, &changes) }
    for (upsert, matches) in zip(upserts, matches) {
      remove(upsert.name, &changes)
      insert(upsert, matches, &changes)
    }
    guard !changes.isEmpty else { return [] }
    version += 1
    for (host, change) in changes.byHost { rebuild(host, change) }
    return []
  }

  private mutating func remove(_ name: String, _ changes: inout HostChanges) {
    guard let old = byName.removeValue(forKey: name) else { return }
    byID[old.id] = nil
    freeIDs.append(old.id)
    changes.remove(old)
  }

  private mutating func insert(_ new: NamedRoute, _ matches: [CompiledMatch], _ changes: inout HostChanges) {
    let id = freeIDs.popLast() ?? idBound
    idBound = max(idBound, id + 1)
    let route = CompiledRoute(id: id, name: new.name, revision: new.revision, route: new.route, matches: matches)
    byName[new.name] = route
    byID[id] = route
    changes.insert(route)
  }

  private mutating func rebuild(_ host: HostPattern?, _ change: HostChanges.Change) {
    let old = routes(of: host)?.routes.filter { !change.removed.contains($0.name) } ?? []
    let routes = old + change.added.values
    let level = routes.isEmpty ? nil : HostRoutes(routes)
    switch host {
    case .exact(let name): exact[name] = level
    case .wildcard(let suffix): wildcards[suffix] = level
    case nil: everyHost = level
    }
  }

  private func routes(of host: HostPattern?) -> HostRoutes? {
    switch host {
    case .exact(let name): exact[name]
    case .wildcard(let suffix): wildcards[suffix]
    case nil: everyHost
    }
  }
}

/// Which hosts one change touches, so that each is compiled once however many routes move.
private struct HostChanges {
  struct Change {
    var removed: Set<String> = []
    var added: [String: CompiledRoute] = [:]
  }

  private(set) var byHost: [HostPattern?: Change] = [:]

  var isEmpty: Bool { byHost.isEmpty }

  mutating func remove(_ route: CompiledRoute) {
    for host in Self.hosts(of: route) {
      byHost[host, default: Change()].removed.insert(route.name)
      byHost[host]?.added[route.name] = nil
    }
  }

  mutating func insert(_ route: CompiledRoute) {
    for host in Self.hosts(of: route) { byHost[host, default: Change()].added[route.name] = route }
  }

  private static func hosts(of route: CompiledRoute) -> [HostPattern?] {
    route.route.hosts.isEmpty ? [nil] : route.route.hosts.map { $0 }
  }
}
