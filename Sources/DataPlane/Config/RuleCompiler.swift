import MeshProtocol
import Traffic

/// What compiling a configuration gave.
struct CompiledTable: Sendable {
  let table: RoutingTable
  /// Concrete names that the active services reach by this table. Those not yet watched are subscribed before the swap.
  let reachable: [Path]
}

/// Turns configurations into routing tables. Lives on the low-priority thread, where old tables end as well.
///
/// A step costs what the step changes: the rule index is persistent, and bindings of active names are looked at again
/// only when a changed prefix touches a name they went through.
final class RuleCompiler {
  /// Changed prefixes beyond this are given as "everything": comparing each binding with more costs more than binding
  /// again.
  static let changedLimit = 1000

  private var fileEntries: [RuleEntry]
  private var index: RuleIndex
  private var routes = RouteTable()
  private var authorizations: [String: Authorization] = [:]
  private var authorizationTable = AuthorizationTable.empty
  private var identity: SPIFFEID?
  private var version: ConfigurationVersion?
  private var generation: UInt64 = 0
  private var splitPrefixes: [Prefix: ResourceIdentity] = [:]
  private var delegations: [Path: Delegation] = [:]

  /// `dtab` is the file's own, the weakest of all rules; `identity` the proxy's, which says what authorizations target it. Who is not
  /// standalone lets nobody in to its application until a first configuration says who may.
  init(dtab: Dtab, identity: SPIFFEID? = nil, isStandalone: Bool = true) {
    self.identity = identity
    if !isStandalone { authorizationTable = .undecided }
    fileEntries = RuleEntry.file(dtab)
    index = RuleIndex(fileEntries)
  }

  /// The table of what is known now: the file's rules at first.
  func current(services: [Path] = []) -> CompiledTable { finish(changed: nil, services) }

  /// Replaces the file's rules.
  func replaceFile(_ dtab: Dtab, services: [Path]) -> CompiledTable {
    var changed = fileEntries.map(\.dentry.prefix)
    for entry in fileEntries { index.remove(entry.key) }
    fileEntries = RuleEntry.file(dtab)
    for entry in fileEntries { index.insert(entry) }
    changed += fileEntries.map(\.dentry.prefix)
    return finish(changed: changed, services)
  }

  /// Puts another identity of the proxy in place of the one it had.
  func replaceIdentity(_ identity: SPIFFEID?, services: [Path]) -> CompiledTable {
    self.identity = identity
    if !authorizationTable.isUndecided { authorizationTable = AuthorizationTable(authorizations, for: identity) }
    return finish(changed: [], services)
  }

  /// The table after a candidate, or every resource that does not go with the others; then nothing has changed. The
  /// candidate is one step from the last that was compiled.
  /// - Parameter services: logical names in use, whose concrete names are to be known before the swap.
  func compile(_ candidate: ConfigurationCandidate, services: [Path]) -> Result<CompiledTable, RefusedCandidate> {
    switch splits(after: candidate.changes) {
    case .failure(let refused): return .failure(refused)
    case .success(let prefixes):
      let targets: [Path]
      switch change(routes: candidate.changes) {
      case .failure(let refused): return .failure(refused)
      case .success(let reached): targets = reached
      }
      splitPrefixes = prefixes
      let changed = change(rules: candidate.changes)
      change(authorizations: candidate.changes)
      version = candidate.version
      return .success(finish(changed: changed, services + targets.filter { !services.contains($0) }))
    }
  }

  /// Brings the rules and splits up to date. Returns the prefixes that are concerned, nil for more than `changedLimit`.
  private func change(rules changes: [ResourceChange]) -> [Prefix]? {
    var changed: [Prefix]? = []
    for change in changes {
      for prefix in [change.old.flatMap { index.remove($0) }, change.new.flatMap { index.insert($0) }] {
        if let prefix { changed?.append(prefix) }
      }
      if let count = changed?.count, count > Self.changedLimit { changed = nil }
    }
    return changed
  }

  /// Brings the routes up to date, or says which cannot be run. Returns the names that the new ones lead to: requests
  /// may come for them at once.
  private func change(routes changes: [ResourceChange]) -> Result<[Path], RefusedCandidate> {
    let new = changes.compactMap(\.new?.namedRoute)
    let gone = changes.filter { $0.new == nil }.compactMap(\.old).filter { $0.kind == .route }
    let refused = routes.apply(removes: gone.map(\.identity.name), upserts: new)
    guard refused.isEmpty else {
      return .failure(
        RefusedCandidate(
          faults: refused.map { route in
            ResourceFault(
              identity: ResourceIdentity(kind: .route, name: route.name),
              message: route.faults.map(\.description).joined(separator: "; "))
          }))
    }
    return .success(Array(Set(new.compactMap(\.route.target))))
  }

  /// Brings the authorizations up to date. All that target this proxy are compiled anew: they are few, and change seldom.
  private func change(authorizations changes: [ResourceChange]) {
    let changes = changes.filter { ($0.new ?? $0.old)?.kind == .authorization }
    guard !changes.isEmpty || authorizationTable.isUndecided else { return }
    for change in changes {
      if let old = change.old { authorizations[old.identity.name] = nil }
      if let new = change.new, case .authorization(let authorization) = new.resource.body {
        authorizations[new.identity.name] = authorization
      }
    }
    authorizationTable = AuthorizationTable(authorizations, for: identity)
  }

  /// Which split holds which prefix afterwards. Two on one prefix have no order, so which one requests follow would
  /// be chance.
  private func splits(after changes: [ResourceChange]) -> Result<[Prefix: ResourceIdentity], RefusedCandidate> {
    var prefixes = splitPrefixes
    for old in changes.compactMap(\.old) where old.kind == .split {
      if let prefix = old.prefix { prefixes[prefix] = nil }
    }
    var faults: [ResourceFault] = []
    for new in changes.compactMap(\.new) where new.kind == .split {
      guard let prefix = new.prefix else { continue }
      if let holder = prefixes.updateValue(new.identity, forKey: prefix) {
        faults.append(ResourceFault(identity: new.identity, message: "\(holder) stands on \(prefix) already"))
      }
    }
    return faults.isEmpty ? .success(prefixes) : .failure(RefusedCandidate(faults: faults))
  }

  private func finish(changed: [Prefix]?, _ services: [Path]) -> CompiledTable {
    generation += 1
    let table = RoutingTable(
      generation: generation, epoch: version?.epoch ?? [], revision: version?.revision ?? 0,
      hash: version?.hash.bytes ?? [], rules: index, routes: routes, authorizations: authorizationTable,
      changed: generation == 1 ? nil : changed)
    return CompiledTable(table: table, reachable: reach(services, table.changed))
  }

  /// Binds the active names anew where the change touches them, and lists what they reach.
  private func reach(_ services: [Path], _ changed: [Prefix]?) -> [Path] {
    var kept: [Path: Delegation] = [:]
    var names: Set<Path> = []
    for service in services {
      let known = changed.flatMap { changed in delegations[service].flatMap { $0.isAffected(by: changed) ? nil : $0 } }
      let delegation = known ?? Interpreter.delegate(service, rules: index)
      kept[service] = delegation
      names.formUnion(delegation.concreteNames)
    }
    delegations = kept
    return names.sorted()
  }
}

/// Resources of a candidate that do not go with the others.
struct RefusedCandidate: Error {
  let faults: [ResourceFault]
}

extension ReplicatedResource {
  /// nil for any other kind.
  fileprivate var namedRoute: NamedRoute? {
    guard kind == .route else { return nil }
    let resource = resource
    guard case .route(let route) = resource.body else { return nil }
    return NamedRoute(name: resource.identity.name, revision: resource.revision, route: route)
  }
}
