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
  private struct Compiled {
    let hash: SetHash
    /// nil for a route, which names nothing by itself.
    let entry: RuleEntry?
  }

  /// Changed prefixes beyond this are given as "everything": comparing each binding with more costs more than binding
  /// again.
  static let changedLimit = 1000

  private var fileEntries: [RuleEntry]
  private var compiled: [ResourceIdentity: Compiled] = [:]
  private var index: RuleIndex
  private var routes = RouteTable()
  private var version: ConfigurationVersion?
  private var generation: UInt64 = 0
  private var splitPrefixes: [Prefix: ResourceIdentity] = [:]
  private var delegations: [Path: Delegation] = [:]

  /// `dtab` is the file's own, the weakest of all rules.
  init(dtab: Dtab) {
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

  /// The table after a candidate, or every resource that does not go with the others; then nothing has changed.
  /// - Parameter services: logical names in use, whose concrete names are to be known before the swap.
  func compile(_ candidate: ConfigurationCandidate, services: [Path]) -> Result<CompiledTable, RefusedCandidate> {
    let upserts = candidate.upserts.filter { compiled[$0.resource.identity]?.hash != $0.hash }
    let removes = removals(of: candidate)
    switch splits(after: upserts, removes) {
    case .failure(let refused): return .failure(refused)
    case .success(let prefixes):
      let targets: [Path]
      switch change(routes: upserts, removes) {
      case .failure(let refused): return .failure(refused)
      case .success(let reached): targets = reached
      }
      splitPrefixes = prefixes
      let changed = change(rules: upserts, removes)
      version = candidate.version
      return .success(finish(changed: changed, services + targets.filter { !services.contains($0) }))
    }
  }

  /// Brings the rules and splits up to date. Returns the prefixes that are concerned.
  private func change(rules upserts: [ReplicatedResource], _ removes: [ResourceIdentity]) -> [Prefix] {
    var changed: [Prefix] = []
    for removed in removes {
      guard let old = compiled.removeValue(forKey: removed)?.entry else { continue }
      index.remove(old.key)
      changed.append(old.dentry.prefix)
    }
    for upsert in upserts {
      let new = Compiled(hash: upsert.hash, entry: RuleEntry(upsert.resource))
      if let old = compiled.updateValue(new, forKey: upsert.resource.identity)?.entry {
        changed.append(old.dentry.prefix)
      }
      guard let entry = new.entry else { continue }
      index.insert(entry)
      changed.append(entry.dentry.prefix)
    }
    return changed
  }

  /// Brings the routes up to date, or says which cannot be run. Returns the names that the new ones lead to: requests
  /// may come for them at once.
  private func change(
    routes upserts: [ReplicatedResource], _ removes: [ResourceIdentity]
  ) -> Result<[Path], RefusedCandidate> {
    let new = upserts.compactMap(\.namedRoute)
    let refused = routes.apply(removes: removes.filter { $0.kind == .route }.map(\.name), upserts: new)
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

  private func removals(of candidate: ConfigurationCandidate) -> [ResourceIdentity] {
    guard candidate.isWhole else { return candidate.removes }
    let kept = Set(candidate.upserts.map(\.resource.identity))
    return compiled.keys.filter { !kept.contains($0) }
  }

  /// Which split holds which prefix afterwards. Two on one prefix have no order, so which one requests follow would
  /// be chance.
  private func splits(
    after upserts: [ReplicatedResource], _ removes: [ResourceIdentity]
  ) -> Result<[Prefix: ResourceIdentity], RefusedCandidate> {
    var prefixes = splitPrefixes
    for identity in removes + upserts.map(\.resource.identity) {
      guard let old = compiled[identity]?.entry?.dentry.prefix, prefixes[old] == identity else { continue }
      prefixes[old] = nil
    }
    var faults: [ResourceFault] = []
    for upsert in upserts {
      guard case .split(let split) = upsert.resource.body else { continue }
      if let holder = prefixes.updateValue(upsert.resource.identity, forKey: split.prefix) {
        faults.append(
          ResourceFault(identity: upsert.resource.identity, message: "\(holder) stands on \(split.prefix) already"))
      }
    }
    return faults.isEmpty ? .success(prefixes) : .failure(RefusedCandidate(faults: faults))
  }

  private func finish(changed: [Prefix]?, _ services: [Path]) -> CompiledTable {
    generation += 1
    let known = changed.flatMap { $0.count <= Self.changedLimit ? $0 : nil }
    let table = RoutingTable(
      generation: generation, epoch: version?.epoch ?? [], revision: version?.revision ?? 0,
      hash: version?.hash.bytes ?? [], rules: index, routes: routes, changed: generation == 1 ? nil : known)
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

extension RuleEntry {
  /// nil for a route.
  fileprivate convenience init?(_ resource: ConfigurationResource) {
    switch resource.body {
    case .rule(let rule):
      self.init(
        origin: .rule(id: resource.identity.name, revision: resource.revision),
        order: RuleOrder(tier: .rules, key: rule.sortKey), dentry: rule.dentry)
    case .split(let split):
      self.init(
        origin: .split(name: resource.identity.name, revision: resource.revision),
        order: RuleOrder(splitOn: split.prefix), dentry: split.dentry, branches: split.backends.map(\.name),
        onUnbound: split.onUnbound)
    case .route: return nil
    }
  }
}

extension ReplicatedResource {
  /// nil for a rule or split.
  fileprivate var namedRoute: NamedRoute? {
    guard case .route(let route) = resource.body else { return nil }
    return NamedRoute(name: resource.identity.name, revision: resource.revision, route: route)
  }
}
