import JSONFormat
import MeshProtocol
import Traffic

// What must hold of a whole write before it is stored, and what is worth a warning.

extension Edit {
  /// A resource travels in one message of the mesh stream (1 MiB) beside its key.
  static let largestResource = 768 << 10
  /// Every proxy holds them all in memory; the design aims at 100 000.
  static let mostRules = 200_000
  static let mostSplits = 10_000
  /// Every proxy compiles them all.
  static let mostRoutes = 10_000
  /// Every proxy holds them all, and compiles those that target it.
  static let mostAuthorizations = 1024
  /// Resources of one write that are followed for loops; a bulk write of more is checked as far as this.
  static let mostProbes = 500

  /// Checks everything and fills in the warnings.
  /// - Parameter places: where in the body a document came from, for the pointers of errors.
  mutating func finish(at now: WallTime, places: [DocumentKey: Pointer]) throws(Problem) {
    let changes = changes
    touchServices(of: changes)
    guard changesConfiguration else { return }
    try protectProxies(changes)
    try checkCapabilities(changes, places)
    try checkSizes(changes, places)
    try checkLoops(changes, places)
    warn(changes)
    isUrgent = isUrgent || changes.contains(where: \.silencesBackend)
    stamp(at: now)
  }

  /// Proxies hear of a service's protocol with its endpoints.
  private mutating func touchServices(of changes: [DocumentChange]) {
    for change in changes where change.key.kind == .service {
      if base.fields(change.key.name).protocol != state.fields(change.key.name).protocol,
        state.hasService(change.key.name)
      {
        touchService(change.key.name)
      }
    }
  }

  private func protectProxies(_ changes: [DocumentChange]) throws(Problem) {
    let vanishes = base.isPresent && !state.isPresent
    let empties = !base.routesNothing && state.routesNothing
    guard vanishes || empties, !isForced else { return }
    let connected = surroundings.proxies.connected(base.name)
    guard connected > 0 else { return }
    let what = vanishes ? "delete the namespace" : "leave the namespace without any rule and split"
    throw .conflict(
      "This would \(what) while \(connected) of its proxies are connected. Say ?force=true if that is meant.")
  }

  /// A proxy refuses a revision with a kind that it does not know, and would run an old one from then on.
  private func checkCapabilities(_ changes: [DocumentChange], _ places: [DocumentKey: Pointer]) throws(Problem) {
    guard !isForced else { return }
    for change in changes {
      guard let capability = change.after?.resourceKey?.kind.capability else { continue }
      let lacking = surroundings.proxies.lacking(capability, base.name)
      guard !lacking.isEmpty else { continue }
      let more = lacking.count > 10 ? " and \(lacking.count - 10) more" : ""
      throw .impossible(
        at: places[change.key] ?? .root,
        "\(lacking.prefix(10).joined(separator: ", "))\(more) cannot run \(capability): upgrade them, or say ?force=true "
          + "and they keep the revision they have")
    }
  }

  private func checkSizes(_ changes: [DocumentChange], _ places: [DocumentKey: Pointer]) throws(Problem) {
    guard state.rules.count <= Self.mostRules else {
      throw .impossible("A namespace has at most \(Self.mostRules) rules.")
    }
    guard state.splits.count <= Self.mostSplits else {
      throw .impossible("A namespace has at most \(Self.mostSplits) splits.")
    }
    guard state.routes.count <= Self.mostRoutes else {
      throw .impossible("A namespace has at most \(Self.mostRoutes) routes.")
    }
    guard state.authorizations.count <= Self.mostAuthorizations else {
      throw .impossible("A namespace has at most \(Self.mostAuthorizations) authorizations.")
    }
    for change in changes {
      guard let key = change.after?.resourceKey, let size = state.encoded[key]?.bytes.count, size > Self.largestResource
      else { continue }
      throw .impossible(
        at: places[change.key] ?? .root,
        "\(change.key.name) is \(size) bytes for the proxies; at most \(Self.largestResource)")
    }
  }

  /// A name that goes round in a circle fails every request; where a changed resource's own prefix shows it, it is
  /// refused.
  private func checkLoops(_ changes: [DocumentChange], _ places: [DocumentKey: Pointer]) throws(Problem) {
    for change in changes.prefix(Self.mostProbes) {
      guard let entry = change.after?.ruleEntry, let loop = Interpreter.visibleLoop(through: [entry], in: state.index)
      else { continue }
      throw .impossible(
        at: (places[change.key] ?? .root) / "destination",
        "\(change.key.kind.rawValue) \(change.key.name) makes a loop: \(loop.message)")
    }
  }

}

extension DocumentChange {
  /// A backend loses its last weight, or a split its backend: somebody wants traffic away from it now.
  fileprivate var silencesBackend: Bool {
    guard case .split(let old)? = before?.body else { return false }
    guard case .split(let new)? = after?.body else { return true }
    return old.backends.contains { backend in
      backend.weight > 0 && (new.backends.first { $0.name == backend.name }?.weight ?? 0) == 0
    }
  }
}
